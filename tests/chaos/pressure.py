"""A service whose memory runs full and comes free again: who is still taken, and what it says of itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import GenerateMeme, Priority
from dspy_meme_gen.errors import Overloaded
from dspy_meme_gen.memory import resident_bytes
from dspy_meme_gen.settings import Settings
from tests.memespy.fakes import Script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dspy_meme_gen.domain import Outcome
    from dspy_meme_gen.pipeline import Pipeline

LIMIT_MB = 1000
PERIOD_S = 2.0
BLOCK = 40_000_000
"""So large that the system has it back as soon as it is free."""


def rise_and_fall(shares: Iterable[float], use: Callable[[float], None]) -> tuple[list[Any], Outcome]:
    """For each share of its memory that the process then uses: who was taken and how it is; and what became of one who came before."""
    script = Script()
    chosen = Settings(database_url="sqlite://", health_period_s=PERIOD_S, memory_limit_mb=LIMIT_MB, call_limit_s=600.0)
    with start_pipeline(chosen, script.ports(ThreadedTimers())) as pipeline:
        script.before["image"] = lambda: time.sleep(10)
        early = pipeline.submit(GenerateMeme.create(request_id="early", topic="early", priority=Priority.LOW))
        time.sleep(1)
        script.before.clear()
        seen = []
        for share in shares:
            use(share)
            time.sleep(PERIOD_S)
            seen.append((share, _taken(pipeline, str(len(seen))), pipeline.health().status))
        return seen, early.get()


def _taken(pipeline: Pipeline, name: str) -> list[str]:
    taken = []
    for priority in Priority:
        try:
            request = GenerateMeme.create(request_id=f"{name} {priority.name}", topic=f"{name} {priority.name}", priority=priority)
            pipeline.submit(request).get()
        except Overloaded:
            continue
        taken.append(priority.name)
    return sorted(taken)


def leak() -> dict[str, Any]:
    """A port that keeps a block of real memory at each call, until its service takes no more, and a little beyond."""
    script, kept = Script(), list[bytes]()
    script.before["scorer"] = lambda: kept.append(b"x" * BLOCK)
    limit_mb = int(resident_bytes() / 0.6e6)
    seen: dict[str, Any] = {"limit": limit_mb * 1_000_000, "made": 0}
    chosen = Settings(database_url="sqlite://", health_period_s=PERIOD_S, memory_limit_mb=limit_mb)
    with start_pipeline(chosen, script.ports(ThreadedTimers())) as pipeline:

        def look(when: str) -> None:
            time.sleep(PERIOD_S)
            seen[when] = pipeline.health()

        time.sleep(PERIOD_S / 2)  # never at the moment of the monitor
        look("at first")
        while _taken(pipeline, str(seen["made"])):
            seen["made"] += 1
            look("when nobody is taken")
        seen["most"] = resident_bytes()
        while resident_bytes() < seen["limit"]:
            kept.append(b"x" * BLOCK)
        look("beyond the limit")
        kept.clear()
        script.before.clear()
        look("free again")
        seen["taken"] = _taken(pipeline, "free again")
    return seen
