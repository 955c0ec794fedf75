"""MemesPy over HTTP under load: requests a second, latencies, errors, memory and CPU seconds a meme, each with its bar.

``python -m benchmarks.service`` starts ``memespy serve`` with its defaults and a store of its own on a free port, and drives it over
loopback with wrk; where that is missing, with httpx, whose own cost then is part of the figures. First every request wants another meme,
then all want memes that were made before. The bars are those of issue 5. CPU seconds are the server's alone, and the figure to compare:
requests a second depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx
import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS = 10
CACHED_TOPICS = 50
USERS = 1000  # so that the limits of a single one do not count
WARM_UP = 150

_LUA = """
local distinct, prefix, count = %(distinct)d, "%(prefix)s", 0
function request()
  count = count + 1
  local number = distinct > 0 and count %% distinct or count
  local body = string.format('{"topic": "%%s meetings %%d", "user_id": "u%%d"}', prefix, number, count %% %(users)d)
  return wrk.format("POST", "/api/v1/memes/", {["Content-Type"] = "application/json"}, body)
end
function done(summary, latency)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.timeout + e.status
  io.write(string.format('RESULT {"requests": %%d, "errors": %%d, "seconds": %%f, "p50": %%f, "p95": %%f, "p99": %%f}\\n',
    summary.requests, errors, summary.duration / 1e6,
    latency:percentile(50) / 1e6, latency:percentile(95) / 1e6, latency:percentile(99) / 1e6))
end
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to. Latencies in seconds; `cpu_s` is the server's."""

    requests: int
    errors: int
    seconds: float
    p50: float
    p95: float
    p99: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Requests a second that were answered as they should."""
        return (self.requests - self.errors) / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds a request."""
        return 1000 * self.cpu_s / max(1, self.requests)

    @property
    def error_share(self) -> float:
        """The share of requests that failed."""
        return self.errors / max(1, self.requests)


def tree(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    parent = psutil.Process(pid)
    return [parent, *parent.children(recursive=True)]


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and all below it so far."""
    return float(sum(sum(process.cpu_times()[:2]) for process in tree(pid)))


def resident_mb(pid: int) -> float:
    """Memory of a process and all below it, in megabytes. What they share counts in each."""
    return float(sum(process.memory_info().rss for process in tree(pid))) / 1e6


class Service:
    """``memespy serve`` in processes of its own; a context manager."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MEMESPY_", "DATABASE_", "REDIS_", "OPENAI_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dspy_meme_gen", "serve", "--port", "0"],
            env=kept | {"XDG_DATA_HOME": self._folder.name},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = re.sub(r".*(http://\S+)/ .*\n", r"\1", self._process.stdout.readline())
        httpx.get(f"{self.url}/api/health/live", timeout=60).raise_for_status()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """The process that was started; it has others below it."""
        return self._process.pid

    def cpu_s(self) -> float:
        """CPU seconds of all its processes so far."""
        return cpu_s(self.pid)

    def resident_mb(self) -> float:
        """Memory of all its processes, in megabytes."""
        return resident_mb(self.pid)

    def measured(self, drive: Callable[[], dict[str, Any]]) -> Result:
        """What a drive came to."""
        before_s = self.cpu_s()
        figures = drive()
        return Result(**figures, cpu_s=self.cpu_s() - before_s)


def drive(url: str, seconds: float, prefix: str, distinct: int) -> dict[str, Any]:
    """Load for so many seconds: topics beginning with `prefix`, every one another (`distinct` 0), or so many in turn."""
    if shutil.which("wrk"):
        return with_wrk(url, seconds, prefix, distinct)
    return asyncio.run(with_httpx(url, seconds, prefix, distinct))


def with_wrk(url: str, seconds: float, prefix: str, distinct: int) -> dict[str, Any]:
    """As drive, with wrk."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "load.lua"
        script.write_text(_LUA % {"distinct": distinct, "prefix": prefix, "users": USERS}, encoding="utf-8")
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", str(script)]
        done = subprocess.run(["wrk", *options, url], capture_output=True, text=True, check=True)  # noqa: S607 - whichever is on PATH
    figures: dict[str, Any] = json.loads(re.search(r"^RESULT (.*)$", done.stdout, re.MULTILINE)[1])  # type: ignore[index]
    return figures


async def with_httpx(url: str, seconds: float, prefix: str, distinct: int) -> dict[str, Any]:
    """As drive, with httpx."""
    latencies: list[float] = []
    errors = count = 0
    began_s = time.perf_counter()

    async def client() -> None:
        nonlocal errors, count
        async with httpx.AsyncClient(base_url=url, timeout=30) as connection:
            while time.perf_counter() < began_s + seconds:
                count += 1
                topic = f"{prefix} meetings {count % distinct if distinct else count}"
                sent_s = time.perf_counter()
                try:
                    answer = await connection.post("/api/v1/memes/", json={"topic": topic, "user_id": f"u{count % USERS}"})
                    errors += answer.status_code != 201
                except httpx.HTTPError:
                    errors += 1
                latencies.append(time.perf_counter() - sent_s)

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    ordered = sorted(latencies)
    p50, p95, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.95, 0.99))
    taken_s = time.perf_counter() - began_s
    return {"requests": len(ordered), "errors": errors, "seconds": taken_s, "p50": p50, "p95": p95, "p99": p99}


def table(uncached: Result, cached: Result, resident_mb: float) -> list[str]:
    """Every figure beside its bar."""
    rows = [
        ("uncached requests/s", uncached.rate, "> 50", uncached.rate > 50),
        ("uncached p50, s", uncached.p50, "< 1", uncached.p50 < 1),
        ("uncached p95, s", uncached.p95, "< 3", uncached.p95 < 3),
        ("uncached p99, s", uncached.p99, "< 5", uncached.p99 < 5),
        ("errors, %", 100 * max(uncached.error_share, cached.error_share), "< 1", max(uncached.error_share, cached.error_share) < 0.01),
        ("memory, MB", resident_mb, "< 1000", resident_mb < 1000),
        ("cached / uncached requests/s", cached.rate / uncached.rate, ">= 10", cached.rate >= 10 * uncached.rate),
    ]
    lines = [f"{name:32} {value:10.3f}   bar {bar:7} {'met' if met else 'NOT MET'}" for name, value, bar, met in rows]
    lines += [
        f"{'CPU ms a meme, uncached':32} {uncached.cpu_ms:10.3f}",
        f"{'CPU ms a meme, cached':32} {cached.cpu_ms:10.3f}",
        f"{'CPU, uncached / cached':32} {uncached.cpu_ms / cached.cpu_ms:10.3f}",
        f"{'cached requests/s':32} {cached.rate:10.3f}",
    ]
    return lines


def measure(seconds: float, warm_up: int = WARM_UP) -> list[str]:
    """The table, after so many requests to warm up and so many seconds for each half."""
    with Service() as service:
        for number in range(warm_up):
            body = {"topic": f"warm {number}", "user_id": f"u{number}"}
            httpx.post(f"{service.url}/api/v1/memes/", json=body, timeout=30).raise_for_status()
        uncached = service.measured(lambda: drive(service.url, seconds, "monday", 0))
        drive(service.url, 1, "tuesday", CACHED_TOPICS)
        cached = service.measured(lambda: drive(service.url, seconds, "tuesday", CACHED_TOPICS))
        return table(uncached, cached, service.resident_mb())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10, help="for each half (default: %(default)g)")
    options = parser.parse_args()
    tool = "wrk" if shutil.which("wrk") else "httpx"
    print(f"{CONNECTIONS} connections, driven by {tool}, {psutil.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before")
    print("\n".join(measure(options.seconds)))


if __name__ == "__main__":
    main()
