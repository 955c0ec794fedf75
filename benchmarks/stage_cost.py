"""What each stage of the pipeline costs: the CPU of its actors' handling, and of everything else, over one recorded workload on the stage.

Actors on the stage are greenlets of one thread, and a handler may be left for others wherever it sends. So the clock is read at each
switch, and what has passed is charged to whom it was that ran.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import greenlet

import greenroom
from dspy_meme_gen import names
from dspy_meme_gen.actors.supervised import SupervisedActor
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import KINDS, GenerateMeme
from dspy_meme_gen.settings import Settings
from machines.world import ScriptedPorts

if TYPE_CHECKING:
    from collections.abc import Callable

WISHES: Final = ("cats", "rude cats", "dull cats", "stubborn cats", "cats", "slips cats", "vague cats", "vile cats")
REQUESTS: Final = 40
CALIBRATING: Final = 200_000
STAGES: Final = {
    names.ROUTER: "routing",
    names.CACHE: "cache",
    names.TEXT_GENERATOR: "text",
    **dict.fromkeys(KINDS, "verification"),
    names.SCORER: "scoring",
    names.REFINER: "refining",
    names.IMAGE_GENERATOR: "image",
    names.STORE: "storing",
    names.MEME_GENERATOR: "orchestration",
}
OBSERVERS: Final = "observers and supervision"
REST: Final = "the stage and clients"


@dataclass(frozen=True, slots=True)
class Cost:
    """One round: clock ticks by stage, and what the calibrating loop took beside it."""

    spent: dict[str, int]
    calibration: float
    requests: int
    steps: int

    def normalised(self) -> dict[str, float]:
        """By stage for a request, and in all for a step of the schedule; in runs of the calibrating loop."""
        by_stage = {name: ticks / self.calibration / self.requests for name, ticks in self.spent.items()}
        return {**by_stage, "each step": sum(self.spent.values()) / self.calibration / self.steps}


class Meter:
    """Charges what the clock goes on by to the stage whose actor runs."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.spent: Counter[str] = Counter(dict.fromkeys((*STAGES.values(), OBSERVERS, REST), 0))
        self._clock = clock
        self._at_work: dict[greenlet.greenlet, str] = {}
        self._mark = clock()

    def charge(self, worker: greenlet.greenlet) -> None:
        """What has passed since the last time was this greenlet's."""
        now = self._clock()
        self.spent[self._at_work.get(worker, REST)] += now - self._mark
        self._mark = now

    def on_switch(self, event: str, switched: Any) -> None:
        """For ``greenlet.settrace``."""
        if event in {"switch", "throw"}:
            self.charge(switched[0])

    def handling(self, actor: SupervisedActor, handle: Callable[[], None]) -> None:
        """Let an actor handle a message, at its stage's expense."""
        me = greenlet.getcurrent()
        self.charge(me)
        self._at_work[me] = STAGES.get(actor.identity.name.partition("-")[0], OBSERVERS)
        try:
            handle()
        finally:
            self.charge(me)
            del self._at_work[me]


def workload() -> None:
    """Requests of all kinds, one half of them at once and the others one after another."""
    ports = ScriptedPorts(lambda _: None).ports()
    settings = Settings(retry_jitter=0.0, health_period_s=0, user_burst=1_000_000, image_width=64, image_height=48)
    with start_pipeline(settings, ports) as pipeline:
        requests = [GenerateMeme.create(request_id=f"r{n}", topic=f"{WISHES[n % len(WISHES)]} {n // 2}") for n in range(REQUESTS)]
        for future in [pipeline.submit(request) for request in requests[: REQUESTS // 2]]:
            future.get()
        for request in requests[REQUESTS // 2 :]:
            pipeline.submit(request).get()


def calibrate() -> float:
    """CPU nanoseconds of a loop of what such programs are made of: calls, attributes, dictionaries, tuples."""
    counts: dict[int, tuple[int, int]] = {}
    started = time.process_time_ns()
    for number in range(CALIBRATING):
        key = number & 255
        known = counts.get(key)
        counts[key] = (number, 1) if known is None else _next(known)
    return float(time.process_time_ns() - started)


def _next(pair: tuple[int, int]) -> tuple[int, int]:
    return pair[0], pair[1] + 1


def measured(rounds: int, *, clock: Callable[[], int] = time.process_time_ns, calibrating: Callable[[], float] = calibrate) -> list[Cost]:
    """So many rounds, each between two runs of the calibrating loop; one more before them is not counted."""
    _round(clock)
    found = []
    for _ in range(rounds):
        before = calibrating()
        meter, steps = _round(clock)
        found.append(Cost(dict(meter.spent), (before + calibrating()) / 2, REQUESTS, steps))
    return found


def _round(clock: Callable[[], int]) -> tuple[Meter, int]:
    original = SupervisedActor.on_receive
    gc.collect()
    meter = Meter(clock)

    def on_receive(actor: SupervisedActor, message: object) -> None:
        meter.handling(actor, lambda: original(actor, message))

    before = greenlet.settrace(meter.on_switch)
    try:
        with patch.object(SupervisedActor, "on_receive", on_receive):
            execution = greenroom.run(workload)
    finally:
        greenlet.settrace(before)
    assert execution.failure is None, execution.failure
    return meter, execution.steps
