"""Which answers are legal by what was asked and answered before: literal histories that are accepted, and literal ones that are not."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from model.http import PROBLEMS, Sent
from model.http_answers import RETRY_AFTER, Answer, Illegal, meme_document, names_tag, problem_of, tag_of
from model.http_status import agrees
from model.service import Books, Limits
from model.service_reads import READS
from model.shelf import Shelf
from model.values import Failed, ImageRef, Meme, Payload, Record, Rejected, Score

JSON = (("content-type", b"application/json"),)


@dataclass(frozen=True)
class Captions:
    top: str = ""
    bottom: str = ""


def meme_of(payload, degraded=()):
    picture = ImageRef(f"{payload.meme_id}.png", tag_of(payload.topic.encode()).strip('"'), 4, 8, 8)
    score = Score(0.5, 0.5, 0.5, 0.5, 0.5)
    return Meme(payload.meme_id, Captions(payload.topic), payload.format, picture, score, (), 0, degraded)


def shown(payload):
    return meme_document(meme_of(payload), payload.topic, payload.style)


class Desk:
    """A service that is told what it answers."""

    def __init__(self, **outcomes):
        def records(payload):
            return frozenset({Record(meme_of(payload), payload.topic, payload.style, payload.context, payload.topic.encode())})

        self.books = Books(
            Limits(at_once=1, in_line=1, burst=3),
            READS,
            lambda payload: frozenset({outcomes.get(payload.topic, meme_of(payload))}),
            records,
            Shelf(lambda payload: frozenset({json.dumps(shown(payload), sort_keys=True)})),
        )
        self.now_s = 0.0

    def post(self, topic="cats", key=None, later=False, **fields):
        headers = (*JSON, ("idempotency-key", key.encode())) if key else JSON
        target = "/api/v1/memes/async" if later else "/api/v1/memes/"
        return self.books.begin(Sent("POST", target, headers, json.dumps({"topic": topic, **fields}).encode()), self.now_s)

    def get(self, target, headers=()):
        return self.books.begin(Sent("GET", target, headers), self.now_s)

    def end(self, exchange, answer):
        self.books.end(exchange, answer, self.now_s)


def answer(status, document=None, media_type="application/json", **headers):
    body = b"" if document is None else document if isinstance(document, bytes) else json.dumps(document).encode()
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, (("content-type", media_type), *named), body)


def made(topic="cats"):
    payload = Payload(topic)
    return answer(201, shown(payload), location=f"/api/v1/memes/{payload.meme_id}")


def taken(request_id):
    url = f"/api/v1/memes/status/{request_id}"
    return answer(202, {"request_id": request_id, "status_url": url}, location=url)


def problem(name, **members):
    headers = {"retry_after": str(RETRY_AFTER[name])} if name in RETRY_AFTER else {}
    document = {"type": f"/problems/{name}", "title": "t", "status": PROBLEMS[name], **members}
    return answer(PROBLEMS[name], document, "application/problem+json", **headers)


def status(request_id, stage, *stages, meme=None, reasons=()):
    done = stage in {"completed", "rejected", "failed", "cancelled", "timed_out"}
    return answer(200, {"request_id": request_id, "stage": stage, "stages": stages, "done": done, "meme": meme, "reasons": list(reasons)})


def page(*topics, following=None):
    return answer(200, {"memes": [shown(Payload(topic)) for topic in topics], "next": following})


def illegal(desk, exchange, wrong, why):
    with pytest.raises(Illegal, match=why):
        desk.end(exchange, wrong)


def test_a_meme_is_the_one_of_its_wish():
    desk = Desk()
    desk.end(desk.post(), made())
    illegal(desk, desk.post("tea"), made("cats"), "has the outcome")
    illegal(desk, desk.post(), answer(201, shown(Payload("cats")), location="/api/v1/memes/m-0"), "Location")
    illegal(desk, desk.post(), answer(200, shown(Payload("cats"))), "error of type")


def test_every_outcome_has_its_answer():
    desk = Desk(vile=Rejected(("no",)), broken=Failed("PortDown", "text"))
    desk.end(desk.post("vile"), problem("rejected", reasons=["no"]))
    desk.end(desk.post("broken"), problem("generation-failed", detail="the stage text did not succeed"))
    illegal(desk, desk.post("vile"), problem("rejected", reasons=["yes"]), "legal")
    illegal(desk, desk.post("vile"), made("vile"), "legal")
    illegal(desk, desk.post("broken"), problem("generation-failed", detail="PortDown in text"), "stage alone")
    illegal(desk, desk.post("broken"), problem("internal"), "no outcome")


def test_a_deadline_is_not_over_before_its_time():
    desk = Desk()
    hasty = desk.post(deadline_s=2)
    desk.now_s = 1.9
    illegal(desk, hasty, problem("timed-out"), "legal")
    desk.now_s = 2.0
    desk.end(hasty, problem("timed-out"))


def test_a_key_is_one_request_of_its_user():
    desk = Desk()
    desk.end(desk.post(key="k"), made())
    desk.end(desk.post(key="k"), made())
    desk.end(desk.post("tea", key="k", user_id="bob"), made("tea"))
    desk.end(desk.post("tea", key="k"), problem("conflict"))
    illegal(desk, desk.post("tea", key="k"), made("tea"), "expected a conflict")
    illegal(desk, desk.post(key="k"), problem("conflict"), "own key")
    illegal(desk, desk.post(key="new"), problem("conflict"), "nobody else")


def test_of_two_that_race_for_a_key_either_may_have_it():
    for winner, loser in (("cats", "tea"), ("tea", "cats")):
        desk = Desk()
        race = {topic: desk.post(topic, key="k") for topic in ("cats", "tea")}
        desk.end(race[loser], problem("conflict"))
        desk.end(race[winner], made(winner))
    desk = Desk()
    one, other = desk.post("cats", key="k"), desk.post("tea", key="k")
    desk.end(one, problem("conflict"))
    illegal(desk, other, problem("conflict"), "nobody else")


def test_only_a_full_line_is_full():
    desk = Desk()
    waiting = [desk.post(f"cats {number}", user_id=f"u{number}") for number in range(3)]
    desk.end(waiting[2], problem("overloaded"))
    desk.end(waiting[0], made("cats 0"))
    illegal(desk, desk.post("tea", user_id="eve"), problem("overloaded"), "room for 2")
    illegal(desk, desk.post("tea", later=True), problem("overloaded"), "does not wait")


def test_only_a_burst_is_too_much():
    desk = Desk()
    for number in range(3):
        illegal(
            desk,
            desk.post(f"cats {number}"),
            answer(429, problem("rate-limited").document(), "application/problem+json", retry_after="1"),
            "granted",
        )
    limited = answer(429, problem("rate-limited").document(), "application/problem+json", retry_after="1")
    desk.end(desk.post("tea"), limited)
    illegal(desk, desk.post("tea"), problem("rate-limited"), "Retry-After None")


def test_a_service_that_stops_takes_no_more():
    desk = Desk()
    illegal(desk, desk.post(), problem("unavailable"), "nobody stops")
    desk.books.stopping = desk.books.tick()
    late = desk.post()
    desk.books.stopped = desk.books.tick()
    desk.end(late, made())
    illegal(desk, desk.post("tea"), made("tea"), "has stopped")
    desk.end(desk.post("tea"), problem("unavailable"))


def test_an_id_stands_for_one_request_and_its_status_goes_on():
    desk = Desk()
    desk.end(desk.post(key="k", later=True), taken("r1"))
    look = "/api/v1/memes/status/r1"
    desk.end(desk.get(look), status("r1", "waiting"))
    desk.end(desk.get(look), status("r1", "text", "routing", "cache", "text"))
    illegal(desk, desk.get(look), status("r1", "cache", "routing", "cache"), "went back")
    illegal(desk, desk.get(look), status("r1", "text", "routing", "text"), "out of order")
    illegal(desk, desk.get(look), problem("not-found"), "was accepted")
    illegal(desk, desk.post(key="k", later=True), taken("r2"), "two ids")
    illegal(desk, desk.post("tea", later=True), taken("r1"), "two requests")
    illegal(desk, desk.get("/api/v1/memes/status/r9"), status("r9", "waiting"), "nobody was told")


def test_what_has_ended_stays_as_it_ended():
    desk = Desk()
    desk.end(desk.post(later=True), taken("r1"))
    look, stages = "/api/v1/memes/status/r1", ("routing", "cache")
    desk.end(desk.get(look), status("r1", "completed", *stages, meme=shown(Payload("cats"))))
    illegal(desk, desk.get(look), status("r1", "cache", *stages), "is cache now")
    illegal(desk, desk.get(look), status("r1", "failed", *stages), "ended as")
    illegal(desk, desk.get(look), status("r1", "completed", *stages), "with the meme None")


def test_a_list_has_what_is_stored_newest_first_and_once():
    desk = Desk()
    desk.end(desk.post("old"), made("old"))
    desk.end(desk.post("new"), made("new"))
    desk.end(desk.get("/api/v1/memes/"), page("new", "old"))
    desk.end(desk.get("/api/v1/memes/?limit=1"), page("new", following=1))
    illegal(desk, desk.get("/api/v1/memes/"), page("old", "new"), "stands before")
    illegal(desk, desk.get("/api/v1/memes/"), page("new"), "not listed")
    illegal(desk, desk.get("/api/v1/memes/"), page("new", "new", "old"), "twice")
    illegal(desk, desk.get("/api/v1/memes/"), page("new", "tea", "old"), "nobody asked")
    illegal(desk, desk.get("/api/v1/memes/?limit=1"), page("new", "old"), "on a page of 1")
    illegal(desk, desk.get("/api/v1/memes/?limit=20"), page("new", following=1), "another follows")


def test_two_that_were_made_side_by_side_keep_the_order_that_was_seen():
    desk = Desk()
    one, other = desk.post("one"), desk.post("other")
    desk.end(one, made("one"))
    desk.end(other, made("other"))
    desk.end(desk.get("/api/v1/memes/"), page("one", "other"))
    illegal(desk, desk.get("/api/v1/memes/"), page("other", "one"), "another order")


def test_a_meme_that_was_shown_is_found_also_while_the_store_is_away():
    desk = Desk()
    payload = Payload("cats")
    desk.end(desk.post(), made())
    look = f"/api/v1/memes/{payload.meme_id}"
    desk.end(desk.get(look), answer(200, shown(payload)))
    illegal(desk, desk.get(look), problem("not-found"), "shown before")
    illegal(desk, desk.get(look), answer(200, shown(payload), x_degraded="store"), "never away")
    illegal(desk, desk.get(look), problem("unavailable"), "the store is there")
    desk.books.switch_store(down=True)
    desk.end(desk.get(look), answer(200, shown(payload), x_degraded="store"))
    illegal(desk, desk.get(look), answer(200, shown(payload)), "not said to come from memory")
    illegal(desk, desk.get(look), problem("unavailable"), "is remembered")
    desk.end(desk.get("/api/v1/memes/m-0123456789abcdef"), problem("unavailable"))
    desk.end(desk.get("/api/v1/memes/"), problem("unavailable"))
    illegal(desk, desk.get("/api/v1/memes/"), page("cats"), "a store that is away")


def test_a_picture_is_sent_unless_it_is_known():
    desk = Desk()
    payload = Payload("cats")
    desk.end(desk.post(), made())
    tag = tag_of(b"cats")
    headers = {"etag": tag, "cache_control": "public, max-age=3600", "content_disposition": f'inline; filename="{payload.meme_id}.png"'}
    target = f"/api/v1/memes/{payload.meme_id}/image"
    desk.end(desk.get(target), answer(200, b"cats", "image/png", **headers))
    desk.end(desk.get(target, (("if-none-match", f"W/{tag}".encode()),)), answer(304, b"", **headers))
    illegal(desk, desk.get(target), answer(304, b"", **headers), "expected a PNG")
    illegal(desk, desk.get(target), answer(200, b"dogs", "image/png", **headers), "not the one")
    illegal(desk, desk.get(target, (("if-none-match", b"*"),)), answer(200, b"cats", "image/png", **headers), "names")
    illegal(desk, desk.get(target), answer(200, b"cats", "image/png", **headers | {"cache_control": "no-store"}), "Cache-Control")


def test_counts_are_between_what_must_be_and_what_may_be():
    desk = Desk()
    desk.end(desk.post(), made())
    desk.post("tea")
    stats = {"period": "day", "degraded": 0, "mean_score": 0.5, "best": shown(Payload("cats")), "complete": True}
    for memes in (1, 2):
        desk.end(desk.get("/api/v1/analytics/stats/day"), answer(200, stats | {"memes": memes, "by_format": {"classic": memes}}))
    for memes in (0, 3):
        illegal(desk, desk.get("/api/v1/analytics/stats/day"), answer(200, stats | {"memes": memes, "by_format": {}}), "are counted")


def test_a_search_finds_all_that_fits_and_nothing_else():
    desk = Desk()
    desk.end(desk.post("cats"), made("cats"))
    desk.end(desk.post("tea"), made("tea"))

    def searched(**wish):
        return desk.books.begin(Sent("POST", "/api/v1/analytics/search", JSON, json.dumps(wish).encode()), 0.0)

    def found(*topics):
        return answer(200, {"memes": [shown(Payload(topic)) for topic in topics], "complete": True})

    desk.end(searched(text="CAT"), found("cats"))
    illegal(desk, searched(text="CAT"), found(), "was not found")
    illegal(desk, searched(text="CAT"), found("tea", "cats"), "does not fit")
    illegal(desk, searched(limit=1), found("tea", "cats"), "were asked for")


def test_health_says_what_is_so():
    desk = Desk()
    for target in ("/api/health", "/api/health/ready"):
        desk.end(desk.get(target), answer(200, {"status": "ok"}, cache_control="no-store"))
        illegal(desk, desk.get(target), answer(503, {"status": "down"}, cache_control="no-store"), "nobody ends it")
        illegal(desk, desk.get(target), answer(200, {"status": "degraded"}, cache_control="no-store"), "nothing has happened")
    desk.books.draining, desk.books.drained = desk.books.tick(), desk.books.tick()
    desk.end(desk.get("/api/health"), answer(200, {"status": "ok"}, cache_control="no-store"))
    illegal(desk, desk.get("/api/health/ready"), answer(200, {"status": "ok"}, cache_control="no-store"), "about to end")


@pytest.mark.parametrize(
    "wrong",
    [
        answer(404, {"type": "/problems/not-found", "title": "t", "status": 404}),
        answer(404, {"type": "about:blank", "title": "t", "status": 404}, "application/problem+json"),
        answer(400, {"type": "/problems/not-found", "title": "t", "status": 404}, "application/problem+json"),
        answer(404, {"type": "/problems/not-found", "title": "t", "status": 404, "trace": ""}, "application/problem+json"),
        answer(404, {"type": "/problems/not-found", "title": "t", "status": 404}, "application/problem+json", retry_after="1"),
        answer(503, {"type": "/problems/unavailable", "title": "t", "status": 503}, "application/problem+json"),
        answer(500, b"Internal Server Error", "text/plain"),
    ],
)
def test_a_problem_is_told_in_one_way(wrong):
    with pytest.raises(Illegal):
        problem_of(wrong)


@pytest.mark.parametrize(
    ("header", "named"), [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ("a", False), (None, False)]
)
def test_a_tag_is_named_weakly(header, named):
    assert names_tag(header, '"a"') is named


@pytest.mark.parametrize(
    ("stages", "before", "after", "right"),
    [
        (("routing", "cache"), ("routing",), ("routing", "cache", "text"), True),
        (("routing", "cache", "text"), ("routing",), ("routing", "cache"), True),  # noted, and not told yet
        (("routing",), ("routing", "cache"), ("routing", "cache"), False),
        (("routing", "cache"), ("routing", "cache", "text", "cache"), ("routing", "cache", "text", "cache"), False),
        (("routing", "text"), ("routing",), ("routing", "cache"), False),
    ],
)
def test_a_status_tells_the_way_that_was_told(stages, before, after, right):
    if right:
        agrees(stages, before, after)
    else:
        with pytest.raises(Illegal, match="a status tells"):
            agrees(stages, before, after)
