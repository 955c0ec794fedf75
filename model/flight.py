"""A flight: an accepted request that has no outcome yet, and every way in which it may end."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeAlias

from model.crashes import disturbed, outages, suffixes
from model.generation import Generation, generate
from model.run import Step
from model.values import TERMINAL, Cancelled, Ending, Failed, Meme, Outcome, Record, Rejected, Request, TimedOut
from model.world import NO_CALLS, Calls, Faults, Rules, World

Stages: TypeAlias = tuple[str, ...]
"""What was reported of a request, in order."""

Runs: TypeAlias = list[tuple[Faults, Generation]]
"""How the work of a request may go: what its calls may meet, and what comes of it."""

ANSWERED = ("routing", "cache")
"""What is reported of a request whose answer someone else made."""

ROUNDING_S = 1e-6
"""How far two sums of the same seconds, added in another order, may lie apart."""


@dataclass(frozen=True, slots=True)
class Flight:
    """An accepted request.

    `role` is "queued" (the cache was not asked yet), "leader" (works), "follower" (waits for a leader of the same payload) or "answered"
    (a hit, or the leader's answer is there). `crashes` names the ports whose worker died meanwhile, `reruns` counts the orchestrators that
    did, `cache_died` is for the cache. `store_was_up` lists the conditions in which the database was seen.
    """

    request: Request
    accepted_at_s: float
    role: str = "queued"
    answer: Meme | Rejected | None = None
    cancelled: bool = False
    crashes: tuple[str, ...] = ()
    reruns: int = 0
    cache_died: bool = False
    store_was_up: tuple[bool, ...] = (True,)

    @property
    def deadline_at_s(self) -> float:
        """When it times out."""
        return self.accepted_at_s + self.request.deadline_s


@dataclass(frozen=True, slots=True)
class Sky:
    """What decides how the flights of one payload end. `stop_error` is set once everything in flight is being failed."""

    world: World
    rules: Rules
    now_s: float
    faults: Faults
    stop_error: str | None = None


@dataclass(frozen=True, slots=True)
class Landing:
    """One way to end: what the client sees, the faults that are left, and what is written (`late`: whenever the store comes to it)."""

    ending: Ending
    left: Faults
    record: Record | None = None
    late: bool = False


@lru_cache(maxsize=1024)
def ways(flight: Flight, sky: Sky, seen: Ending) -> tuple[Landing, ...]:
    """Every legal landing of a flight, now, with the ending that was seen."""
    return tuple(dict.fromkeys(landings(flight, sky, seen)))


def landings(flight: Flight, sky: Sky, seen: Ending | None = None) -> Iterator[Landing]:
    """Every legal landing of a flight, now; if an ending was seen, those with that ending."""
    runs = _runs(flight, sky)
    heads = _heads(flight, runs, seen)
    if not flight.cancelled and sky.now_s <= flight.deadline_at_s + sky.rules.lateness_s:
        yield from _arrivals(flight, sky, runs, heads, seen)
    yield from _aborts(flight, sky, runs, heads, seen)


def _runs(flight: Flight, sky: Sky) -> Runs:
    """How its own work may go; none if it does no work of its own."""
    if flight.role != "leader" and not flight.reruns:
        return []
    left = suffixes(sky.faults) if flight.reruns else (sky.faults,)
    disrupted = dict.fromkeys(met for faults in left for met in disturbed(faults, flight.crashes))
    variants = [under for met in disrupted for under in outages(met, flight.store_was_up)]
    return [(faults, generate(flight.request.payload, sky.world, faults, sky.rules)) for faults in variants]


def _heads(flight: Flight, runs: Runs, seen: Ending | None) -> tuple[Stages, ...]:
    """What was reported before the present run began: nothing, or any part of the runs that died with their orchestrators.

    If an ending was seen, its stages begin with it; there are few such parts, and a great many without that.
    """
    heads: dict[Stages, None] = {(): None}
    for _ in range(flight.reruns):
        parts = dict.fromkeys(generation.stages[:length] for _, generation in runs for length in range(1, len(generation.stages)))
        longer = (_again(head, part) for head in tuple(heads) for part in parts)
        heads |= dict.fromkeys(head for head in longer if seen is None or seen.stages[: len(head)] == head)
    return tuple(heads)


def _again(head: Stages, stages: Stages) -> Stages:
    """One run after another: a request is routed once, and the next orchestrator begins with the cache."""
    return (*head, *stages[1:]) if head else stages


def _arrivals(flight: Flight, sky: Sky, runs: Runs, heads: tuple[Stages, ...], seen: Ending | None) -> Iterator[Landing]:
    """It comes to an end of its own."""
    if flight.answer is not None:
        answered = (*ANSWERED, TERMINAL[type(flight.answer)])
        for ending in _possible(flight.answer, heads, answered, seen):
            yield Landing(ending, sky.faults)
    if flight.role == "leader":
        for faults, run in runs:
            if flight.accepted_at_s + run.elapsed_s <= sky.now_s + ROUNDING_S:
                for ending in _possible(run.outcome, heads, run.stages, seen):
                    yield Landing(ending, faults.after(run.calls), run.record)


def _aborts(flight: Flight, sky: Sky, runs: Runs, heads: tuple[Stages, ...], seen: Ending | None) -> Iterator[Landing]:
    """It is cut short, wherever it is: by a cancel, its deadline, the end of the service, or a second death of the orchestrator."""
    if not any(_reasons(flight, sky, "routing")):
        return
    waiting = tuple(Step(stage, 0.0, NO_CALLS) for stage in (*ANSWERED, "end"))
    for faults, steps, record in [(faults, run.steps, run.record) for faults, run in runs] or [(sky.faults, waiting, None)]:
        begun = [step for step in steps[:-1] if flight.accepted_at_s + step.at_s <= sky.now_s + ROUNDING_S]
        for length, head in product(range(len(begun) + 1), heads):
            stages = _again(head, tuple(step.stage for step in begun[:length]))
            for outcome in _reasons(flight, sky, stages[-1] if stages else "routing"):
                ending = Ending(outcome, (*stages, TERMINAL[type(outcome)]))
                if seen is None or ending == seen:
                    written = record if "storing" in stages else None
                    for calls in _calls_between(faults, steps[length - 1].calls if length else NO_CALLS, steps[length].calls):
                        yield Landing(ending, faults.after(calls), written, late=True)


def _possible(outcome: Outcome, heads: tuple[Stages, ...], stages: Stages, seen: Ending | None) -> Iterator[Ending]:
    """An end of its own, after each head; if an ending was seen, that or nothing."""
    endings = (Ending(outcome, _again(head, stages)) for head in heads)
    return (ending for ending in endings if seen is None or ending == seen)


def _reasons(flight: Flight, sky: Sky, stage: str) -> Iterator[Outcome]:
    if flight.cancelled:
        yield Cancelled()
        return
    if sky.now_s >= flight.deadline_at_s - ROUNDING_S:
        yield TimedOut()
    if sky.stop_error is not None:
        yield Failed(sky.stop_error, stage)
    if flight.reruns >= 2:
        yield Failed("ActorCrashed", "routing")


def _calls_between(faults: Faults, before: Calls, after: Calls) -> tuple[Calls, ...]:
    """Every count of calls from `before` to `after` a stage that was cut short; told apart only where a fault is left to be met."""
    ranges = (range(low, high + 1) if low < len(queue) else (low,) for low, high, queue in zip(before, after, faults.queues, strict=True))
    return tuple(product(*ranges))
