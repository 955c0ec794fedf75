"""Load on the service: a locust file for people, and tests that drive a served MemesPy with it.

    locust -f tests/load_testing/test_load_performance.py --host=http://localhost:8081 --users=100 --spawn-rate=10 --run-time=5m --headless

``memespy serve`` must run at that address. Locust replaces the standard library's sockets when it is imported, so nothing of it is
imported where pytest collects this file: locust runs in a process of its own.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

if "locust" in Path(sys.argv[0]).name or "locust" in sys.modules:
    import itertools
    import random

    from locust import HttpUser, between, task

    _numbers = itertools.count(1)
    _WANTED = ("monday meetings", "cats", "coffee machines", "printers", "holidays")

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
    import psutil
    import pytest

    from tests.variables import duration_s

    ROOT = Path(__file__).parents[2]

    def drive(service, folder, *, users, seconds):
        """Locust's figures by name, as the command of the documentation gives them."""
        command = [sys.executable, "-m", "locust", "-f", __file__, f"--host={service.url}", f"--users={users}", f"--spawn-rate={users}"]
        options = [f"--run-time={seconds}s", "--headless", "--only-summary", f"--csv={folder / 'load'}", "--exit-code-on-error=0"]
        subprocess.run([*command, *options], cwd=ROOT, check=True, capture_output=True, timeout=seconds + 120)
        with (folder / "load_stats.csv").open(encoding="utf-8") as file:
            return {row["Name"]: row for row in csv.DictReader(file)}

    def resident_mb(service):
        first = psutil.Process(service.process.pid)
        return sum(process.memory_info().rss for process in (first, *first.children(recursive=True))) / 1e6

    def test_a_steady_load_is_served_without_errors_and_within_memory(served, tmp_path):
        service = served(MEMESPY_RECALLED_MB="4")
        figures = drive(service, tmp_path, users=8, seconds=6)
        total = figures["Aggregated"]
        assert int(total["Request Count"]) >= 20
        assert int(total["Failure Count"]) == 0
        assert {"make, uncached", "make, wanted by many", "image"} <= set(figures)
        assert resident_mb(service) < 1000
        assert service.health()["status"] == "ok"

    def test_a_spike_is_refused_politely_and_leaves_nothing_behind(served, tmp_path):
        service = served(MEMESPY_HTTP_AT_ONCE="1", MEMESPY_HTTP_IN_LINE="2")
        figures = drive(service, tmp_path, users=40, seconds=5)
        assert int(figures["Aggregated"]["Failure Count"]) == 0, "everyone was served, or told when to come back"
        service.wait_until("rest", lambda: service.client.get("/metrics").text.count("memespy_in_flight 0.0") == 1)
        assert service.client.post("/api/v1/memes/", json={"topic": "after the spike"}).status_code == 201

    @pytest.mark.slow
    def test_a_sustained_load_leaks_no_memory(served, tmp_path):
        """For TEST_DURATION seconds (60), twice: after a warm-up the memory must stop growing."""
        seconds = max(10, int(duration_s(60)))
        service = served(MEMESPY_RECALLED_MB="4", MEMESPY_CACHE_CAPACITY="50", MEMESPY_RECORDED_OUTCOMES="50")
        drive(service, tmp_path, users=20, seconds=seconds)
        warm_mb = resident_mb(service)
        assert int(drive(service, tmp_path, users=20, seconds=seconds)["Aggregated"]["Failure Count"]) == 0
        assert resident_mb(service) < warm_mb * 1.2
