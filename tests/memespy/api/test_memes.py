"""Memes over HTTP: made and awaited, made later, looked at, listed; and every way in which there is none."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy.exc import OperationalError

from dspy_meme_gen.api import awaiting
from dspy_meme_gen.domain import FORMATS
from tests.memespy.fakes import PortDown, verification


def problem(response, name, status):
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert (response.status_code, document["status"], document["type"]) == (status, status, f"/problems/{name}")
    return document


async def test_a_topic_goes_in_and_a_meme_comes_out(serve):
    async with serve() as api:
        made = await api.make("monday meetings", style="dry")
        assert made.status_code == 201
        meme = made.json()
        assert meme["topic"] == "monday meetings"
        assert made.headers["location"] == f"/api/v1/memes/{meme['id']}"
        assert (await api.client.get(made.headers["location"])).json() == meme
        picture = await api.client.get(meme["image"]["url"])
        assert picture.headers["content-type"] == "image/png"
        assert len(picture.content) == meme["image"]["size_bytes"]


async def test_a_picture_that_is_known_is_not_sent_again(serve):
    async with serve() as api:
        url = (await api.make()).json()["image"]["url"]
        tag = (await api.client.get(url)).headers["etag"]
        for known in (f'"other", {tag}', f"W/{tag}", "*"):
            again = await api.client.get(url, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
        for other in ('"other"', tag.strip('"'), ""):
            assert (await api.client.get(url, headers={"If-None-Match": other})).status_code == 200


async def test_one_made_later_tells_its_stages_and_then_shows_itself(serve, script):
    async with serve() as api:
        gate = script.hold("image")
        accepted = await api.client.post("/api/v1/memes/async", json={"topic": "cats"})
        assert accepted.status_code == 202
        url = accepted.json()["status_url"]
        await asyncio.to_thread(gate.wait_until_entered)
        before = (await api.client.get(url)).json()
        assert (before["stage"], before["done"], before["meme"]) == ("image", False, None)
        assert before["stages"] == ["routing", "cache", "text", "verification", "scoring", "image"]
        gate.open()
        while not (after := (await api.client.get(url)).json())["done"]:
            await asyncio.sleep(0)  # the pipeline's threads tell nobody here
        assert after["stage"] == "completed"
        assert after["meme"]["topic"] == "cats"


async def test_the_same_key_and_body_is_the_same_request_and_another_body_a_conflict(serve, script):
    async with serve(cache_ttl_s=0) as api:
        first, again = await api.make("cats", key="k1"), await api.make("cats", key="k1")
        assert first.json() == again.json()
        assert script.count("text") == 1
        problem(await api.make("dogs", key="k1"), "conflict", 409)
        assert (await api.make("dogs", key="k1", user_id="bob")).status_code == 201, "keys of different users have nothing in common"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"topic"}),
        ({"topic": ""}, {"topic"}),
        ({"topic": "   "}, {"topic"}),
        ({"topic": "x" * 101}, {"topic"}),
        ({"topic": "cats", "format": "nope"}, {"format"}),
        ({"topic": 7}, {"topic"}),
        ({"topic": "cats", "max_refinements": 4}, {"max_refinements"}),
        ({"topic": "cats", "max_refinements": True}, {"max_refinements"}),
        ({"topic": "cats", "target_score": "0.5"}, {"target_score"}),
        ({"topic": "cats", "deadline_s": 121}, {"deadline_s"}),
        ({"topic": "cats", "user_id": "two words"}, {"user_id"}),
        ({"topic": "cats", "surprise": 1}, {"surprise"}),
        ({"topic": "cats\x00dogs"}, {"topic"}),
    ],
)
async def test_what_is_unfit_is_named_and_not_repeated(serve, script, body, fields):
    async with serve() as api:
        response = await api.client.post("/api/v1/memes/", json=body)
        document = problem(response, "invalid", 422)
        assert {error["field"] for error in document["errors"]} == fields
        assert "nope" not in str([error for error in document["errors"] if error["field"] != "format"])
    assert script.count("text") == 0


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "cannot be parsed at line 1, column 2"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"topic": "a", "topic": "b"}', "a key stands twice"),
        (b'{"topic": NaN}', "a number that JSON does not have"),
        (b"[" * 50_000, "nested too deeply"),
        (b'{"topic": ' + b"9" * 5_000 + b"}", "a number that JSON does not have"),
    ],
)
async def test_a_body_that_is_no_document_is_malformed(serve, body, why):
    async with serve() as api:
        response = await api.client.post("/api/v1/memes/", content=body, headers={"Content-Type": "application/json"})
        assert why in problem(response, "malformed", 400)["detail"]


async def test_too_large_not_json_wrong_method_and_nowhere_are_told_apart(serve):
    async with serve() as api:
        post = api.client.post
        problem(await post("/api/v1/memes/", content=b" " * 70_000, headers={"Content-Type": "application/json"}), "too-large", 413)

        async def pieces():
            for _ in range(80):
                yield b" " * 1024

        problem(await post("/api/v1/memes/", content=pieces(), headers={"Content-Type": "application/json"}), "too-large", 413)
        problem(await post("/api/v1/memes/", data={"topic": "cats"}), "unsupported-media-type", 415)
        problem(await api.client.delete("/api/v1/memes/"), "method-not-allowed", 405)
        problem(await api.client.get("/nowhere"), "not-found", 404)


@pytest.mark.parametrize("length", [b"70000", b"-1", b"\xb2", b"9" * 5_000, b"x", b"", b"1 1"])
async def test_a_length_that_is_none_is_too_large(serve, length):
    async with serve() as api:
        headers = [(b"Content-Type", b"application/json"), (b"Content-Length", length)]
        problem(await api.client.post("/api/v1/memes/", content=b'{"topic": "cats"}', headers=headers), "too-large", 413)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/memes/", "GET, POST"),
        ("/api/v1/memes/async", "POST"),
        ("/api/v1/memes/status/r1", "GET"),
        ("/api/v1/analytics/search", "POST"),
        ("/metrics", "GET"),
        ("/static/page.css", "GET"),
    ],
)
async def test_a_wrong_method_is_told_which_are_right(serve, path, methods):
    async with serve() as api:
        response = await api.client.delete(path)
        problem(response, "method-not-allowed", 405)
        assert response.headers["allow"] == methods


async def test_what_cannot_be_published_is_rejected_with_the_reasons(serve, script):
    script.answers["appropriateness"] = lambda *_: verification("appropriateness", passed=False, reason="not fit to print")
    async with serve() as api:
        assert problem(await api.make(), "rejected", 422)["reasons"] == ["not fit to print"]


async def test_a_failure_tells_its_stage_and_no_internal(serve, script):
    script.always_fail("text", PortDown("secret address 10.0.0.7"))
    async with serve(text_retries=0) as api:
        response = await api.make()
        assert problem(response, "generation-failed", 503)["detail"] == "the stage text did not succeed"
        assert response.headers["retry-after"] == "5"
        assert "PortDown" not in response.text


async def test_a_deadline_that_passes_is_a_timeout(serve, script):
    async with serve() as api:
        gate = script.hold("text")
        response = await api.make(deadline_s=0.05)
        gate.open()
        problem(response, "timed-out", 504)


async def test_a_user_who_sends_too_much_is_told_when_to_come_back(serve):
    async with serve(user_burst=1, user_rate_per_s=0.1) as api:
        assert (await api.make()).status_code == 201
        response = await api.make("dogs")
        problem(response, "rate-limited", 429)
        assert response.headers["retry-after"] == "10"
        assert (await api.make("dogs", user_id="bob")).status_code == 201


async def test_five_at_once_and_a_line_that_is_full_refuses(serve, script):
    async with serve(http_at_once=2, http_in_line=1) as api:
        gate = script.hold("text")
        waiting = [asyncio.create_task(api.make(f"cats {number}")) for number in range(3)]
        while len(api.pipeline.in_flight()) < 2:
            await asyncio.sleep(0)  # the pipeline's threads tell nobody here
        await asyncio.sleep(0.01)
        response = await api.make("one too many")
        gate.open()
        problem(response, "overloaded", 503)
        assert [(await task).status_code for task in waiting] == [201] * 3


async def test_nobody_waits_for_ever_in_line_or_while_it_is_made(serve, script, monkeypatch):
    monkeypatch.setattr(awaiting, "LIMIT_S", 0.3)
    async with serve(http_at_once=1) as api:
        gate = script.hold("text")
        at_work, in_line = await asyncio.gather(api.make("cats"), api.make("dogs"))
        assert problem(at_work, "timed-out", 504)["detail"] == "the meme was not there after 0.3 s, the time in line included"
        problem(in_line, "timed-out", 504)
        assert api.pipeline.in_flight() == ()
        gate.open()
        assert (await api.make("tea")).status_code == 201, "the turn is free again"


async def test_who_goes_away_takes_the_work_with_them_unless_it_has_a_key(serve, script):
    async with serve() as api:
        gate = script.hold("text")
        gone = asyncio.create_task(api.make("cats"))
        kept = asyncio.create_task(api.make("dogs", key="k"))
        while len(api.pipeline.in_flight()) < 2:
            await asyncio.sleep(0)  # the pipeline's threads tell nobody here
        for task in (gone, kept):
            task.cancel()
        await asyncio.gather(gone, kept, return_exceptions=True)
        assert len(api.pipeline.in_flight()) == 1
        gate.open()
        assert (await api.make("dogs", key="k")).status_code == 201


async def test_memes_are_listed_newest_first_page_by_page(serve):
    async with serve() as api:
        for number in range(5):
            await api.make(f"cats {number}")
        first = (await api.client.get("/api/v1/memes/?limit=3")).json()
        second = (await api.client.get(f"/api/v1/memes/?limit=3&start={first['next']}")).json()
        assert [meme["topic"] for meme in first["memes"] + second["memes"]] == [f"cats {number}" for number in (4, 3, 2, 1, 0)]
        assert second["next"] is None


@pytest.mark.parametrize("meme_id", ["m-0000000000000000", "../../etc/passwd", "m-xyz", "'; drop table memes; --", "a" * 5000])
async def test_ids_that_are_none_are_not_found(serve, meme_id):
    async with serve() as api:
        for path in ("", "/image"):
            response = await api.client.get("/api/v1/memes/" + meme_id.replace("/", "%2F").replace(" ", "%20") + path)
            assert response.status_code == 404
        problem(await api.client.get(f"/api/v1/memes/status/{meme_id.replace('/', '%2F')}"), "not-found", 404)


@pytest.mark.parametrize("format", FORMATS)
async def test_every_format_of_the_schema_is_served(serve, format):  # noqa: A002 - the contract's name
    async with serve() as api:
        assert (await api.make(format=format)).json()["format"] == format


async def test_a_store_that_is_away_is_unavailable_for_reading_and_no_accepted_meme_is_lost(serve):
    async with serve() as api:
        store = api.pipeline._ports.store
        away = lambda *_, **__: (_ for _ in ()).throw(OperationalError("select", {}, Exception("gone")))  # noqa: E731
        put, get, page = store.put, store.get, store.page
        store.put = store.get = store.page = away
        made = await api.make()
        assert made.json()["degraded"] == ["store_deferred"]
        problem(await api.client.get("/api/v1/memes/"), "unavailable", 503)
        assert (await api.client.get(made.headers["location"])).status_code == 200, "what waits in the outbox can be looked at"
        store.put, store.get, store.page = put, get, page
        assert (await api.make("dogs")).json()["degraded"] == []
        assert len(api.pipeline.stored()) == 2


async def test_a_recent_meme_can_be_looked_at_while_the_store_is_away_and_the_answer_says_so(serve):
    async with serve(recalled=True) as api:
        store = api.pipeline._ports.store._store
        made = (await api.make()).json()
        paths = (f"/api/v1/memes/{made['id']}", made["image"]["url"])
        before = [await api.client.get(path) for path in paths]
        get, asked = store.get, []

        def away(meme_id):
            asked.append(meme_id)
            store._trouble = "OperationalError"
            raise OperationalError("select", {}, Exception("gone"))

        store.get = away
        during = [await api.client.get(path) for path in paths]
        problem(await api.client.get("/api/v1/memes/m-0000000000000000"), "unavailable", 503)
        assert asked == [made["id"], "m-0000000000000000"], "once it is known to be away, what is remembered is answered at once"
        store.get = get
        after = [await api.client.get("/api/v1/memes/m-0000000000000000"), *[await api.client.get(path) for path in paths]]
        assert [answer.headers.get("x-degraded") for answer in (*before, *during, *after)] == [
            None,
            None,
            "store",
            "store",
            None,
            None,
            None,
        ]
        assert [answer.content for answer in before] == [answer.content for answer in during] == [answer.content for answer in after[1:]]
