"""The benchmark of the service runs, in small, and its verdicts are right; no figure is asserted here."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import service
from benchmarks.service import Result, table

GOOD = Result(requests=600, errors=0, seconds=10, p50=0.1, p95=0.2, p99=0.3, cpu_s=12)
FAST = Result(requests=6000, errors=0, seconds=10, p50=0.01, p95=0.02, p99=0.03, cpu_s=6)


def test_a_bar_is_met_or_not():
    assert not any("NOT MET" in line for line in table(GOOD, FAST, 300))
    slow = Result(requests=400, errors=5, seconds=10, p50=1.1, p95=3.1, p99=5.1, cpu_s=12)
    assert sum("NOT MET" in line for line in table(slow, GOOD, 1001)) == 7


def test_rates_leave_errors_out_and_cost_is_by_request():
    result = Result(requests=100, errors=20, seconds=4, p50=0, p95=0, p99=0, cpu_s=2)
    assert (result.rate, result.cpu_ms, result.error_share) == (20, 20, 0.2)


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["wrk", "httpx"])
def test_the_service_is_started_driven_and_ended(tool):
    if tool == "wrk" and service.shutil.which("wrk") is None:
        pytest.skip("no wrk: apt install wrk")
    with service.Service() as running:
        if tool == "wrk":
            result = running.measured(lambda: service.with_wrk(running.url, 1, "monday", 0))
        else:
            result = running.measured(lambda: asyncio.run(service.with_httpx(running.url, 1, "monday", 5)))
        assert running.resident_mb() > 10
    assert result.requests > 0
    assert result.errors == 0
    assert result.cpu_s > 0
