"""The contract is watched while the service serves: what breaks it is counted and logged, and no answer is other for it."""

from __future__ import annotations

import importlib.util
import json

import pytest
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.api.contract_counts import AGAIN_S
from dspy_meme_gen.api.contract_watch import MOST_BYTES, QUICK_BYTES, ContractWatch
from dspy_meme_gen.api.schemas import Captions
from dspy_meme_gen.errors import InvalidSettings
from dspy_meme_gen.logs import JsonLines
from dspy_meme_gen.settings import Settings

SECRET = "what-a-user-sent"
FIT = {"top": "a", "bottom": "b"}


async def in_parts(content):
    for place in range(0, len(content), 1000):
        yield content[place : place + 1000]


def text_of(bottom):
    return json.dumps({**FIT, "bottom": bottom}).encode()


PLANTED = {
    # By kind of break: the answer, and the rule that is told.
    "status": (lambda: JSONResponse(FIT, 418, {"X-Needed": "1"}), "responses"),
    "media type": (lambda: PlainTextResponse(SECRET, headers={"X-Needed": "1"}), "application/json"),
    "header": (lambda: JSONResponse(FIT), "X-Needed"),
    "body": (lambda: JSONResponse({"top": SECRET, "bottom": 7}, headers={"X-Needed": "1"}), "properties/bottom/type"),
}


def planted(api, answer):
    """A route that promises captions and a header, and answers as it likes."""
    promised = {200: {"headers": {"X-Needed": {"required": True, "schema": {"type": "string"}}}}}

    @api.app.get("/api/planted/{name}", responses=promised, response_model=Captions)
    async def broken(name: str):
        return answer()


def lines(caplog):
    formatted = (json.loads(JsonLines().format(record)) for record in caplog.records if record.name == "memespy.contract")
    return [line for line in formatted if line["level"] == "WARNING"]


async def numbers(api):
    """The counters of the contract, by their names and labels."""
    text = (await api.client.get("/metrics")).text
    told = (line.rpartition(" ") for line in text.splitlines() if line.startswith("memespy_contract"))
    return {name: float(value) for name, _, value in told if "_created" not in name}


def counter(kind):
    return f'memespy_contract_breaks_total{{kind="{kind}",method="GET",route="/api/planted/{{name}}"}}'


@pytest.mark.parametrize("kind", PLANTED)
async def test_an_answer_outside_the_contract_is_counted_and_logged_and_not_changed(serve, caplog, kind):
    answer, rule = PLANTED[kind]
    async with serve(contract_share=1.0) as api:
        planted(api, answer)
        first = await api.client.get(f"/api/planted/{SECRET}", headers={"X-Request-Id": "the-first"})
        for _ in range(4):
            await api.client.get(f"/api/planted/{SECRET}")
        found = await numbers(api)
    assert (first.status_code, first.content) == (answer().status_code, answer().body)
    assert {name: value for name, value in found.items() if "breaks" in name} == {counter(kind): 5}
    told = lines(caplog)
    assert len(told) == 1, "once, however often it happens"
    assert told[0] | {"time": ""} == {
        "time": "",
        "level": "WARNING",
        "logger": "memespy.contract",
        "message": f"GET /api/planted/{{name}} is answered outside the contract: {kind}",
        "correlation": "the-first",
        "method": "GET",
        "route": "/api/planted/{name}",
        "status": answer().status_code,
        "break": kind,
        "rule": rule,
        "count": 1,
    }
    assert SECRET not in json.dumps(told)


async def test_a_break_that_goes_on_is_logged_again_after_an_hour(serve, caplog, monkeypatch):
    now_s = [1000.0]
    monkeypatch.setattr("dspy_meme_gen.api.contract_counts.time.monotonic", lambda: now_s[0])
    async with serve(contract_share=1.0) as api:
        planted(api, PLANTED["header"][0])
        for later_s in (0.0, AGAIN_S - 1, 1.0):
            now_s[0] += later_s
            await api.client.get("/api/planted/x")
    assert [line["count"] for line in lines(caplog)] == [1, 3]


@pytest.mark.parametrize(
    ("bottom", "broken", "unread"),
    [
        (QUICK_BYTES * "x", 0, 0),
        (QUICK_BYTES * [1], 1, 0),
        (MOST_BYTES * "x", 0, 1),
        (MOST_BYTES * [1], 0, 1),
    ],
)
async def test_a_large_body_is_read_on_a_thread_and_one_that_is_too_large_is_not_kept(serve, bottom, broken, unread):
    async with serve(contract_share=1.0) as api:
        headers = {"X-Needed": "1"}
        planted(api, lambda: StreamingResponse(in_parts(text_of(bottom)), media_type="application/json", headers=headers))
        answer = await api.client.get("/api/planted/x")
        found = await numbers(api)
    assert answer.content == text_of(bottom)
    assert found.get(counter("body"), 0) == broken
    assert found["memespy_contract_unread_total"] == unread


async def test_the_whole_api_keeps_its_contract(serve, caplog):
    async with serve(contract_share=1.0) as api:
        made = (await api.make("monday meetings")).json()
        later = (await api.client.post("/api/v1/memes/async", json={"topic": "cats"})).json()
        image = await api.client.get(made["image"]["url"])
        assert image.status_code == 200
        good = ["/api/health", "/api/health/live", "/api/health/ready", "/metrics", "/", "/openapi.json", "/problems/invalid"]
        good += [f"/api/v1/memes/{made['id']}", "/api/v1/memes/", later["status_url"], "/api/v1/memes/?limit=1"]
        good += [f"/api/v1/analytics/stats/{period}" for period in ("hour", "day", "all")] + ["/api/v1/analytics/trending"]
        for path in good:
            assert (await api.client.get(path)).status_code == 200
        await api.client.get(made["image"]["url"], headers={"If-None-Match": image.headers["etag"]})
        await api.client.post("/api/v1/analytics/search", json={"text": "monday"})
        for path in ("/api/v1/memes/none", "/api/v1/memes/status/none", "/nowhere", "/problems/none", "/api/v1/memes/?limit=0"):
            assert (await api.client.get(path)).status_code in {404, 422}
        for content in (b"{", b'{"topic": ""}', b'{"topic": "x", "topic": "y"}', b"x" * 70_000):
            await api.client.post("/api/v1/memes/", content=content, headers={"Content-Type": "application/json"})
        await api.client.post("/api/v1/memes/", content=b"topic=x")
        await api.client.delete("/api/v1/memes/")
        await api.client.head("/metrics")
        found = await numbers(api)
    assert found["memespy_contract_checked_total"] > 25
    assert {name for name in found if "breaks" in name} == set(), lines(caplog)
    assert found["memespy_contract_unread_total"] == 0


@pytest.mark.parametrize("share", [0.25, 0.75])
async def test_the_share_of_answers_that_are_checked_is_what_was_asked_for(serve, share):
    async with serve(contract_share=share) as api:
        for _ in range(400):
            await api.client.get("/api/health/live")
        found = await numbers(api)
    assert abs(found["memespy_contract_checked_total"] - 400 * share) < 50


async def test_without_the_setting_there_is_no_watch_and_no_number_of_it(serve):
    async with serve() as api:
        assert [each.cls for each in api.app.user_middleware if each.cls is ContractWatch] == []
        planted(api, PLANTED["status"][0])
        await api.client.get("/api/planted/x")
        assert await numbers(api) == {}
    async with serve(contract_share=0.5) as api:
        assert [each.cls for each in api.app.user_middleware].count(ContractWatch) == 1


async def test_an_answer_that_breaks_off_is_not_judged_by_its_half(serve):
    """Half a body is no document, and nobody's fault."""

    async def breaks_off():
        yield text_of("x")[:10]
        raise ConnectionError

    async with serve(contract_share=1.0) as api:
        planted(api, lambda: StreamingResponse(breaks_off(), media_type="application/json", headers={"X-Needed": "1"}))
        with pytest.raises(AssertionError):  # httpx's word for an answer that breaks off
            await api.client.get("/api/planted/x")
        found = await numbers(api)
    assert found["memespy_contract_checked_total"] >= 1
    assert counter("body") not in found


def test_an_application_that_lacks_the_package_says_which_extra_brings_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidSettings, match=r"MEMESPY_CONTRACT_SHARE is set, .* pip install 'greenroom\[memespy,monitoring\]'"):
        create_app(None, Settings(contract_share=1.0))
