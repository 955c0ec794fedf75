"""What is around the memes: health, metrics, analytics, headers, the page, the schema."""

from __future__ import annotations

import json
import logging
import re

import pytest

from dspy_meme_gen.api.envelope import Draining, Envelope
from dspy_meme_gen.api.problems import KINDS
from dspy_meme_gen.logs import JsonLines, correlation
from tests.memespy.fakes import Gate, PortDown


async def test_a_service_that_is_well_is_live_and_ready(serve):
    async with serve() as api:
        for path in ("/api/health", "/api/health/live", "/api/health/ready"):
            response = await api.client.get(path)
            assert (response.status_code, response.json()["status"]) == (200, "ok")


async def test_a_degraded_service_says_so_and_stays_ready(serve, script):
    script.always_fail("image", PortDown("away"))
    async with serve() as api:
        for number in range(2):
            assert (await api.make(f"cats {number}")).json()["degraded"] == ["image_placeholder"]
        report = (await api.client.get("/api/health/ready")).json()
        assert report["status"] == "degraded"
        assert report["checks"]["breakers"]["detail"] == "not closed: image_generator"


async def test_a_stopped_service_is_live_and_not_ready(serve):
    async with serve() as api:
        api.pipeline.stop()
        assert (await api.client.get("/api/health/live")).status_code == 200
        assert (await api.client.get("/api/health/ready")).status_code == 503
        refused = await api.make()
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/unavailable")


async def test_metrics_count_what_happened(serve):
    async with serve(user_burst=2, user_rate_per_s=0.01) as api:
        for topic in ("cats", "cats", "dogs"):
            await api.make(topic)
        for _ in range(200):  # the metrics actor hears of it a moment later
            text = (await api.client.get("/metrics")).text
            if 'memespy_requests_total{outcome="completed"} 2.0' in text:
                break
        assert 'memespy_requests_total{outcome="completed"} 2.0' in text
        assert 'memespy_refused_total{reason="rate limited"} 1.0' in text
        assert re.search(r'memespy_stage_seconds_bucket\{le="\+Inf",stage="text"\} 1\.0', text)
        assert 'memespy_breaker{work="text_generator"} 0.0' in text


class Held(list):
    """Progress that whoever tells it of the first event waits with."""

    def __init__(self):
        self.gate, self.first = Gate(), True

    def append(self, progress):
        if self.first:
            self.first = False
            self.gate.pass_through()
        super().append(progress)


async def test_a_router_whose_inbox_is_full_is_a_503_that_says_when_to_come_back(serve, script):
    script.progress = Held()
    async with serve(inbox_limit=2) as api:
        answers = []
        for number in range(4):
            answers.append(await api.client.post("/api/v1/memes/async", json={"topic": f"cats {number}"}))
            script.progress.gate.wait_until_entered() if number == 0 else None
        assert [answer.status_code for answer in answers] == [202, 202, 202, 503]
        assert (answers[3].json()["type"], answers[3].headers["retry-after"]) == ("/problems/overloaded", "1")
        report = await api.client.get("/api/health")
        assert (report.status_code, report.json()["status"]) == (200, "degraded")
        assert report.json()["checks"]["inboxes"]["detail"] == "crowded: router (2 messages)"
        text = (await api.client.get("/metrics")).text
        script.progress.gate.open()
    assert 'memespy_inbox{actor="router"} 2.0' in text
    assert 'memespy_inbox_crowded{actor="router"} 1.0' in text
    assert 'memespy_inbox_refused_total{actor="event_bus"} 0.0' in text
    assert 'memespy_refused_total{reason="inbox full"} 1.0' in text


async def test_analytics_count_find_and_rank(serve):
    async with serve() as api:
        for topic, fmt in (("monday cats", "classic"), ("monday dogs", "drake"), ("friday cats", "drake"), ("monday cats", "drake")):
            await api.make(topic, format=fmt)
        stats = (await api.client.get("/api/v1/analytics/stats/day")).json()
        assert (stats["memes"], stats["by_format"], stats["complete"]) == (4, {"classic": 1, "drake": 3}, True)
        trends = (await api.client.get("/api/v1/analytics/trending?limit=2")).json()["words"]
        assert trends == [{"word": "cats", "memes": 3}, {"word": "monday", "memes": 3}]
        found = (await api.client.post("/api/v1/analytics/search", json={"text": "MONDAY", "format": "drake"})).json()["memes"]
        assert [meme["topic"] for meme in found] == ["monday cats", "monday dogs"]
        assert (await api.client.get("/api/v1/analytics/stats/aeon")).status_code == 422


async def test_every_answer_has_the_headers_that_keep_browsers_safe_and_its_id(serve):
    async with serve() as api:
        for path in ("/", "/nowhere", "/api/health", "/metrics"):
            headers = (await api.client.get(path, headers={"X-Request-Id": "abc-1"})).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["x-request-id"] == "abc-1"
        forged = (await api.client.get("/", headers={"X-Request-Id": "a b\tc"})).headers["x-request-id"]
        assert re.fullmatch("[0-9a-f]{32}", forged)


async def test_the_page_loads_nothing_from_elsewhere_and_all_that_it_names(serve):
    async with serve() as api:
        page = (await api.client.get("/")).text
        for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
            assert (await api.client.get(path)).status_code == 200
        script = (await api.client.get("/static/page.js")).text
        assert "http://" not in page + script
        assert "https://" not in page + script
        assert "innerHTML" not in script
        assert (await api.client.get("/static/..%2fapp.py")).status_code == 404


async def test_every_type_of_problem_is_explained(serve):
    async with serve() as api:
        for name, kind in KINDS.items():
            explained = (await api.client.get(f"/problems/{name}")).json()
            assert (explained["status"], explained["title"]) == (kind.status, kind.title)
        assert (await api.client.get("/problems/nonsense")).status_code == 404


async def test_an_error_of_our_own_is_told_as_such_and_shows_nothing(caplog):
    async def broken(scope, receive, send):
        raise ValueError("password=hunter2")

    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await Envelope(broken, Draining())(scope, None, send)
    assert sent[0]["status"] == 500
    assert b"hunter2" not in sent[1]["body"]
    assert "hunter2" in caplog.text, "the log has it"


def test_a_log_line_is_one_json_object_whatever_it_holds():
    token = correlation.set("abc")
    try:
        record = logging.LogRecord("memespy.http", logging.INFO, __file__, 1, "two\nlines %s", ("\u2028\x1b[31m",), None)
        record.fields = {"status": 200}
        line = JsonLines().format(record)
    finally:
        correlation.reset(token)
    assert "\n" not in line
    assert line.isascii()
    assert json.loads(line) | {"time": "", "message": ""} == {
        "time": "",
        "level": "INFO",
        "logger": "memespy.http",
        "message": "",
        "correlation": "abc",
        "status": 200,
    }


@pytest.mark.parametrize("path", ["/api/v1/memes/", "/api/v1/memes/async", "/api/v1/memes/status/{request_id}", "/metrics", "/api/health"])
async def test_the_schema_has_every_route_with_its_problems(serve, path):
    async with serve() as api:
        paths = (await api.client.get("/openapi.json")).json()["paths"]
        assert path in paths
        for operation in paths[path].values():
            assert "summary" in operation or "description" in operation
