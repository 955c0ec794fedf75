"""Load on the service: a locust file for people, and tests that drive a served MemesPy with it, or with users of their own.

    locust -f tests/load_testing/test_load_performance.py --host=http://localhost:8081 --users=100 --spawn-rate=10 --run-time=5m --headless

``memespy serve`` must run at that address. Locust replaces the standard library's sockets when it is imported, so nothing of it is
imported where pytest collects this file: locust runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

if "locust" in Path(sys.argv[0]).name or "locust" in sys.modules:
    import itertools
    import random

    import gevent
    from locust import HttpUser, between, events, task

    _numbers = itertools.count(1)
    _WANTED = ("monday meetings", "cats", "coffee machines", "printers", "holidays")

    @events.init_command_line_parser.add_listener
    def _add_options(parser):
        parser.add_argument("--stop-after", type=int, default=0, help="end after so many requests (0: when the run time is over)")

    @events.init.add_listener
    def _count(environment, **_):
        most = environment.parsed_options.stop_after if environment.parsed_options else 0

        def stop_after_the_last(**_):
            if environment.stats.num_requests == most:
                gevent.spawn(environment.runner.quit)  # it waits for all users, of whom this is one

        if most > 0:
            environment.events.request.add_listener(stop_after_the_last)

    class MemeLover(HttpUser):
        """Makes memes that nobody has, memes that many want, and looks at what there is."""

        wait_time = between(0.5, 2.0)

        def on_start(self) -> None:
            """Everyone is a user of their own, as limits go by user."""
            self.name = f"locust-{os.getpid()}-{next(_numbers)}"

        @task(3)
        def make_something_new(self) -> None:
            """Uncached."""
            self._make(f"{self.name} meeting {next(_numbers)}", "make, uncached")

        @task(5)
        def make_what_many_want(self) -> None:
            """Cached after the first time; then its picture is fetched."""
            document = self._make(random.choice(_WANTED), "make, wanted by many")
            if document is not None:
                self.client.get(document["image"]["url"], name="image")

        @task(1)
        def leaf_through(self) -> None:
            """The latest."""
            self.client.get("/api/v1/memes/?limit=20", name="list")

        def _make(self, topic, name):
            body = {"topic": topic, "user_id": self.name}
            with self.client.post("/api/v1/memes/", json=body, name=name, catch_response=True) as answer:
                if answer.status_code == 503 and "Retry-After" in answer.headers:
                    answer.success()  # it is full and says when to come back: that is what it should do
                    return None
                if answer.status_code != 201:
                    answer.failure(f"{answer.status_code}")
                    return None
                return answer.json()

else:
    import pytest

    from benchmarks import load, parts, users
    from benchmarks.service import resident_mb, tree
    from benchmarks.users import LEVELS, Until
    from tests.resilience.served import Served
    from tests.variables import duration_s, load_report

    ROOT = Path(__file__).parents[2]
    EACH = 4
    """Memes that each user wants where users are counted."""

    def drive(service, *, users, seconds=120, requests=0):
        """Locust's figures by name, from the command of the documentation. It ends after so many requests, or when the time is up."""
        command = [sys.executable, "-m", "locust", "-f", __file__, f"--host={service.url}", f"--users={users}", f"--spawn-rate={users}"]
        options = [f"--run-time={seconds}s", f"--stop-after={requests}", "--headless", "--json", "--exit-code-on-error=0"]
        done = subprocess.run([*command, *options], cwd=ROOT, check=True, capture_output=True, text=True, timeout=seconds + 120)
        return {row["name"]: row for row in json.loads(done.stdout)}

    def drawers(service):
        return [process for process in tree(service.process.pid) if "spawn_main" in " ".join(process.cmdline())]

    def total(figures, what):
        return sum(row[what] for row in figures.values())

    def test_a_steady_load_is_served_without_errors_and_within_memory(served):
        service = served(MEMESPY_RECALLED_MB="4")
        service.wait_until("a process that draws, before anybody wants a meme", lambda: drawers(service))
        figures = drive(service, users=8, requests=40)
        assert total(figures, "num_requests") >= 40
        assert total(figures, "num_failures") == 0
        assert {"make, uncached", "make, wanted by many", "image"} <= set(figures)
        assert resident_mb(service.process.pid) < 1000
        assert service.health()["status"] == "ok"

    def test_a_spike_is_refused_politely_and_leaves_nothing_behind(served):
        service = served(MEMESPY_HTTP_AT_ONCE="1", MEMESPY_HTTP_IN_LINE="2")
        figures = drive(service, users=40, requests=100)
        assert total(figures, "num_failures") == 0, "everyone was served, or told when to come back"
        service.wait_until("rest", lambda: service.client.get("/metrics").text.count("memespy_in_flight 0.0") == 1)
        assert service.client.post("/api/v1/memes/", json={"topic": "after the spike"}).status_code == 201

    @pytest.mark.slow
    def test_a_sustained_load_leaks_no_memory(served):
        """For TEST_DURATION seconds (20), twice: after a warm-up the memory must stop growing."""
        seconds = max(10, int(duration_s(20)))
        service = served(MEMESPY_RECALLED_MB="4", MEMESPY_CACHE_CAPACITY="50", MEMESPY_RECORDED_OUTCOMES="50")
        drive(service, users=20, seconds=seconds)
        warm_mb = resident_mb(service.process.pid)
        assert total(drive(service, users=20, seconds=seconds), "num_failures") == 0
        assert resident_mb(service.process.pid) < warm_mb * 1.2

    # More and more users, and what each part costs. In one process: the page wants both.

    @pytest.fixture(scope="module")
    def findings(tmp_path_factory):
        """1, 2, 4 and 8 users, uncached and cached, and the parts; in small, so that nobody waits for figures that nobody compares."""
        load_report()  # what makes no sense is refused before anything is measured
        before = os.getloadavg()[0]
        service = Served(tmp_path_factory.mktemp("scaling"), {"MEMESPY_RECALLED_MB": "4"})
        try:
            url, pid, until = service.url, service.process.pid, Until(requests=EACH, seconds=60)
            uncached, cached = (users.scaling(url, pid, LEVELS, until, cached=cached) for cached in (False, True))
            assert service.health()["status"] == "ok"
        finally:
            service.end()
        how = f"pictures of 64 x 48, {EACH} requests for each user"
        return load.Findings(uncached, cached, parts.measured(3, calls_share=0.2), load.where(before, how))

    @pytest.mark.xdist_group("load findings")
    @pytest.mark.parametrize("kind", ["uncached", "cached"])
    def test_more_and_more_users_at_once_are_all_served(findings, kind):
        levels = getattr(findings, kind)
        assert [(level.users, level.result.requests, level.result.errors) for level in levels] == [(n, n * EACH, 0) for n in LEVELS]
        for level in levels:
            assert 0 < level.result.p50 <= level.result.p95 <= level.result.p99
            assert 0 < level.resident_mb < 1000
        assert sum(level.result.cpu_s for level in levels) > 0

    @pytest.mark.xdist_group("load findings")
    def test_a_cached_meme_costs_the_service_less_than_a_new_one(findings):
        spent_s = {kind: sum(level.result.cpu_s for level in getattr(findings, kind)) for kind in ("uncached", "cached")}
        assert spent_s["cached"] < spent_s["uncached"], "even where pictures are tiny"

    @pytest.mark.xdist_group("load findings")
    def test_every_part_of_a_meme_is_measured_and_a_picture_is_the_dearest(findings):
        cost_ms = {part.name: part.ms for part in findings.parts}
        wanted = {"text", "scorer", "drawing", "cache hit", "store, write", "store, read", "HTTP layer", "one message", "pipeline, cached"}
        assert wanted <= set(cost_ms)
        assert all(ms > 0 for ms in cost_ms.values())
        assert max(cost_ms, key=cost_ms.get) == "drawing"

    @pytest.mark.xdist_group("load findings")
    def test_a_page_shows_all_that_was_measured(findings, tmp_path):
        """At LOAD_REPORT, where that is set."""
        page = load_report() or tmp_path / "load.html"
        page.write_text(load.as_page(findings), encoding="utf-8")
        shown = page.read_text(encoding="utf-8")
        for level in (*findings.uncached, *findings.cached):
            assert all(f">{cell}</td>" in shown for cell in load.row(level))
        assert all(f">{part.name}</td>" in shown for part in findings.parts)
        assert shown.count("<svg") == 8
