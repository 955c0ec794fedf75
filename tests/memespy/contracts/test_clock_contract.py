"""What every clock keeps to."""

import time

import pytest

from dspy_meme_gen.adapters.system_clock import SystemClock
from dspy_meme_gen.ports import Clock
from tests.memespy.contracts.conftest import ManualClock


@pytest.fixture(params=[SystemClock, ManualClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


def test_durations_never_go_back(clock: Clock) -> None:
    readings = [clock.monotonic_s() for _ in range(100)]
    assert readings == sorted(readings)


def test_the_wall_clock_counts_seconds_since_1970(clock: Clock) -> None:
    assert 0 < clock.wall_s() < 1e11


def test_whoever_replaces_the_machines_clocks_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    monkeypatch.setattr(time, "time", lambda: 5.0)
    monkeypatch.setattr(time, "monotonic", lambda: 7.0)
    assert (clock.wall_s(), clock.monotonic_s()) == (5.0, 7.0)
