"""A wall clock that jumps while a service runs, and what the service does at which second by its own count."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import GenerateMeme
from dspy_meme_gen.errors import RateLimited
from dspy_meme_gen.settings import Settings
from tests.memespy.fakes import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dspy_meme_gen.pipeline import Pipeline

HOUR_S, DAY_S = 3600.0, 86_400.0
STEADY = (0.0,)
JUMPS = (DAY_S, -DAY_S, 365 * DAY_S, -HOUR_S, 0.0, 7 * HOUR_S, -40.0, 90.0)
"""Seconds by which the wall clock is wrong, each of them for one second: ntpd, a paused virtual machine, an operator's hand."""

CHOSEN = Settings(
    database_url="sqlite://",
    cache_ttl_s=10.0,
    user_burst=2,
    user_rate_per_s=0.2,
    text_breaker_failures=2,
    text_breaker_s=30.0,
    text_retries=0,
    outbox_drain_s=5.0,
    health_period_s=2.0,
)


@contextlib.contextmanager
def wall_clock(offsets: Iterable[float], *, seconds: int, everywhere: bool = False) -> Iterator[Callable[[], float]]:
    """From second to second the wall clock is wrong by the next of `offsets`, for so many seconds; gives a clock that is right.

    `everywhere` is the planted fault: whoever asks for the monotonic clock gets the wall clock.
    """
    wall_s, wall_ns, right_s = time.time, time.time_ns, time.monotonic
    every = list(offsets)
    began_s = right_s()

    def offset_s() -> float:
        passed = int(right_s() - began_s)
        return every[passed % len(every)] if passed < seconds else 0.0

    time.time = lambda: wall_s() + offset_s()
    time.time_ns = lambda: wall_ns() + int(offset_s() * 1e9)
    if everywhere:
        time.monotonic = time.time
    try:
        yield right_s
    finally:
        time.time, time.time_ns, time.monotonic = wall_s, wall_ns, right_s


def counted(offsets: Iterable[float], *, everywhere: bool = False) -> dict[str, Any]:
    """What each thing that counts seconds did, by the name of the thing; for the stage."""
    with wall_clock(offsets, seconds=300, everywhere=everywhere) as right_s:
        return {look.__name__[1:]: _run(look, right_s) for look in (_cache, _tokens, _breaker, _deadline, _outbox, _health)}


def _run(look: Callable[[Pipeline, Script, Callable[[], float]], list[Any]], right_s: Callable[[], float]) -> list[Any]:
    """With a service of its own, which starts between two jumps."""
    script = Script()
    time.sleep(1.5 - right_s() % 1)
    with start_pipeline(CHOSEN, script.ports(ThreadedTimers())) as pipeline:
        return look(pipeline, script, right_s)


def _make(pipeline: Pipeline, name: str, topic: str = "cats", **fields: Any) -> str:
    """The kind of outcome."""
    try:
        return type(pipeline.submit(GenerateMeme.create(request_id=name, topic=topic, user_id=name, **fields)).get()).__name__
    except RateLimited:
        return "RateLimited"


def _cache(pipeline: Pipeline, script: Script, _: Callable[[], float]) -> list[Any]:
    """Ten seconds a meme is known, and no longer."""
    seen = []
    for number in range(4):
        _make(pipeline, f"r{number}")
        seen.append(script.count("text"))
        time.sleep(4)
    return seen


def _tokens(pipeline: Pipeline, _: Script, __: Callable[[], float]) -> list[Any]:
    """Two in a row, and one every five seconds."""
    seen = []
    for number in range(9):
        try:
            pipeline.submit(GenerateMeme.create(request_id=f"r{number}", topic="cats", user_id="one")).get()
            seen.append("taken")
        except RateLimited as error:
            seen.append(f"in {error.retry_after_s:.1f} s")
        time.sleep(1)
    return seen


def _breaker(pipeline: Pipeline, script: Script, _: Callable[[], float]) -> list[Any]:
    """Open for thirty seconds."""
    script.fail("text", ConnectionError(), ConnectionError())
    seen: list[Any] = []
    for number in range(12):
        _make(pipeline, f"r{number}", f"cats {number}")
        seen.append((pipeline.breakers()["text_generator"], script.count("text")))
        time.sleep(3)
    return seen


def _deadline(pipeline: Pipeline, script: Script, right_s: Callable[[], float]) -> list[Any]:
    """A request that may take six seconds ends then, whatever its port does."""
    script.before["scorer"] = lambda: time.sleep(9)
    seen = []
    for number in range(3):
        began_s = right_s()
        outcome = _make(pipeline, f"r{number}", f"cats {number}", deadline_s=6.0)
        seen.append((outcome, round(right_s() - began_s, 3)))
    return seen


def _outbox(pipeline: Pipeline, script: Script, right_s: Callable[[], float]) -> list[Any]:
    """The store is tried every five seconds."""
    tried, began_s = [], right_s()

    def refuse() -> None:
        tried.append(round(right_s() - began_s, 3))
        if len(tried) < 5:
            raise ConnectionError

    script.before["store"] = refuse
    _make(pipeline, "r")
    time.sleep(30)
    return [*tried, pipeline.deferred()]


def _health(pipeline: Pipeline, script: Script, _: Callable[[], float]) -> list[Any]:
    """A monitor that looks is believed; one that hangs for three periods is not."""
    hangs = threading.Event()
    seen = []
    for second in range(20):
        if second == 8:
            script.before["lookup"] = hangs.wait
        seen.append(pipeline.health().status)
        time.sleep(1)
    hangs.set()
    return seen
