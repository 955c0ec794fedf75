"""What each part of a meme costs alone: CPU milliseconds a call, medians of rounds that take turns.

The threads of the parts are this process's own; a part that hands work to another thread is charged with that as well. Sockets are left
out: the HTTP layer is called as a server calls it, with a pipeline behind it that has every outcome at once.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pykka

from benchmarks.asgi import Client
from dspy_meme_gen.adapters.memory_cache import MemoryCache
from dspy_meme_gen.address import Address
from dspy_meme_gen.bootstrap import offline_ports, start_pipeline
from dspy_meme_gen.domain import GenerateMeme, Meme, TextPrompt
from dspy_meme_gen.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dspy_meme_gen.pipeline import Pipeline

ROUNDS = 15
_PROMPT = TextPrompt("monday meetings", "classic", None, None)


@dataclass(frozen=True, slots=True)
class Part:
    """A part, what one call of it does, and the CPU milliseconds that takes."""

    name: str
    does: str
    ms: float


@dataclass(frozen=True, slots=True)
class _Measured:
    """`run(calls)` makes so many calls; `calls` is how many make a round."""

    name: str
    does: str
    calls: int
    run: Callable[[int], object]


class _Counting(pykka.ThreadingActor):
    """Says when it was told so many messages."""

    def __init__(self) -> None:
        super().__init__()
        self.told = 0

    def on_receive(self, message: tuple[int, threading.Event]) -> None:
        """Count, and wake whoever waits for the last one."""
        self.told += 1
        wanted, there = message
        if self.told == wanted:
            self.told = 0
            there.set()


def measured(rounds: int = ROUNDS, *, calls_share: float = 1.0) -> list[Part]:
    """Every part, the dearest first. A `calls_share` under 1 makes rounds shorter, and figures rougher."""
    with _every() as parts:
        counts = {part.name: max(1, round(part.calls * calls_share)) for part in parts}
        spent: dict[str, list[float]] = {part.name: [] for part in parts}
        for part in parts:
            part.run(1)  # fonts are read, tables made
        for _ in range(rounds):
            for part in parts:
                began_s = time.process_time()
                part.run(counts[part.name])
                spent[part.name].append(1000 * (time.process_time() - began_s) / counts[part.name])
    found = [Part(part.name, part.does, statistics.median(spent[part.name])) for part in parts]
    return sorted(found, key=lambda part: -part.ms)


@contextmanager
def _every() -> Iterator[Sequence[_Measured]]:
    settings = Settings(database_url="sqlite://", health_period_s=0, user_burst=10**9, user_rate_per_s=1e9)
    ports = offline_ports(settings)
    numbers = count(1)
    with start_pipeline(settings, ports) as pipeline, asyncio.Runner() as runner, _counting() as address:
        meme = pipeline.submit(GenerateMeme.create(request_id="first", topic=_PROMPT.topic)).get()
        assert isinstance(meme, Meme), meme
        record = pipeline.record(meme.id)
        assert record is not None
        cache = MemoryCache(10, 1e6)
        cache.put("key", meme)
        client = Client(settings, meme)
        score, text = meme.score, meme.text
        yield [
            _part("drawing", "a picture of 800 x 600, as a PNG", 3, lambda: ports.image.render(text, meme.format)),
            _part("text", "a text from a template", 300, lambda: ports.text.generate(_PROMPT, 0)),
            _part("appropriateness", "a text held against the word list", 300, lambda: ports.appropriateness.verify(text, _PROMPT)),
            _part("factuality", "a text judged for its claims", 300, lambda: ports.factuality.verify(text, _PROMPT)),
            _part("instructions", "a text held against what was asked for", 300, lambda: ports.instructions.verify(text, _PROMPT)),
            _part("scorer", "four marks for a text", 300, lambda: ports.scorer.score(text, _PROMPT)),
            _part("refiner", "a text made better", 300, lambda: ports.refiner.refine(text, _PROMPT, score, 1)),
            _part("cache hit", "a meme looked up in memory", 3000, lambda: cache.get("key")),
            _part("store, write", "a meme and its picture into SQLite in memory", 30, lambda: ports.store.put(record)),
            _part("store, read", "the same, read", 30, lambda: ports.store.get(meme.id)),
            _part("validation", "a request checked and normalised", 300, lambda: GenerateMeme.create(request_id="r", topic=_PROMPT.topic)),
            _Measured("one message", "told to an actor on its own thread, and handled", 3000, lambda calls: _tell(address, calls)),
            _part("pipeline, cached", "a request from submit to its outcome: all actors", 30, lambda: _submit(pipeline, next(numbers))),
            _Measured("HTTP layer", "a request read and checked, an answer written", 30, lambda calls: runner.run(client.make(calls))),
        ]


@contextmanager
def _counting() -> Iterator[Address]:
    ref, address = _Counting.start(), Address("counting")
    address.point_at(ref, 1)
    try:
        yield address
    finally:
        ref.stop()


def _part(name: str, does: str, calls: int, call: Callable[[], Any]) -> _Measured:
    def run(times: int) -> None:
        for _ in range(times):
            call()

    return _Measured(name, does, calls, run)


def _tell(address: Address, calls: int) -> None:
    there = threading.Event()
    for _ in range(calls):
        address.tell((calls, there))
    assert there.wait(60), "the messages were not handled"


def _submit(pipeline: Pipeline, number: int) -> None:
    outcome = pipeline.submit(GenerateMeme.create(request_id=f"r{number}", topic=_PROMPT.topic)).get()
    assert isinstance(outcome, Meme), outcome
