"""A flight: an accepted request that has no outcome yet, and every way in which it may end."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from model.crashes import disturbed, outages, suffixes
from model.generation import Generation, generate
from model.run import Step
from model.values import TERMINAL, Cancelled, Ending, Failed, Meme, Outcome, Record, Rejected, Request, TimedOut
from model.world import NO_CALLS, Calls, Faults, Rules, World

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


def landings(flight: Flight, sky: Sky) -> Iterator[Landing]:
    """Every legal landing of a flight, now."""
    runs = _runs(flight, sky)
    heads = _heads(flight, runs)
    if not flight.cancelled and sky.now_s <= flight.deadline_at_s + sky.rules.lateness_s:
        yield from _arrivals(flight, sky, runs, heads)
    yield from _aborts(flight, sky, runs, heads)


def _runs(flight: Flight, sky: Sky) -> list[tuple[Faults, Generation]]:
    """How its own work may go; none if it does no work of its own."""
    if flight.role != "leader" and not flight.reruns:
        return []
    left = suffixes(sky.faults) if flight.reruns else (sky.faults,)
    disrupted = dict.fromkeys(met for faults in left for met in disturbed(faults, flight.crashes))
    variants = [under for met in disrupted for under in outages(met, flight.store_was_up)]
    return [(faults, generate(flight.request.payload, sky.world, faults, sky.rules)) for faults in variants]


def _heads(flight: Flight, runs: list[tuple[Faults, Generation]]) -> tuple[tuple[str, ...], ...]:
    """What was reported before the present run began: nothing, or any part of the runs that died with their orchestrators."""
    heads: dict[tuple[str, ...], None] = {(): None}
    for _ in range(flight.reruns):
        parts = [generation.stages[:length] for _, generation in runs for length in range(1, len(generation.stages))]
        heads |= dict.fromkeys(_again(head, part) for head in tuple(heads) for part in parts)
    return tuple(heads)


def _again(head: tuple[str, ...], stages: tuple[str, ...]) -> tuple[str, ...]:
    """One run after another: a request is routed once, and the next orchestrator begins with the cache."""
    return (*head, *stages[1:]) if head else stages


def _arrivals(flight: Flight, sky: Sky, runs: list[tuple[Faults, Generation]], heads: tuple[tuple[str, ...], ...]) -> Iterator[Landing]:
    """It comes to an end of its own."""
    if flight.answer is not None:
        end = TERMINAL[type(flight.answer)]
        yield from (Landing(Ending(flight.answer, _again(head, (*ANSWERED, end))), sky.faults) for head in heads)
    if flight.role == "leader":
        for faults, generation in runs:
            if flight.accepted_at_s + generation.elapsed_s <= sky.now_s + ROUNDING_S:
                left = faults.after(generation.calls)
                yield from (Landing(Ending(generation.outcome, _again(head, generation.stages)), left, generation.record) for head in heads)


def _aborts(flight: Flight, sky: Sky, runs: list[tuple[Faults, Generation]], heads: tuple[tuple[str, ...], ...]) -> Iterator[Landing]:
    """It is cut short, wherever it is: by a cancel, its deadline, the end of the service, or a second death of the orchestrator."""
    if not any(_reasons(flight, sky, "routing")):
        return
    waiting = tuple(Step(stage, 0.0, NO_CALLS) for stage in (*ANSWERED, "end"))
    for faults, steps, record in [(faults, run.steps, run.record) for faults, run in runs] or [(sky.faults, waiting, None)]:
        begun = [step for step in steps[:-1] if flight.accepted_at_s + step.at_s <= sky.now_s + ROUNDING_S]
        for length in range(len(begun) + 1):
            calls_made = _calls_between(faults, steps[length - 1].calls if length else NO_CALLS, steps[length].calls)
            for head, calls in product(heads, calls_made):
                stages = _again(head, tuple(step.stage for step in begun[:length]))
                for outcome in _reasons(flight, sky, stages[-1] if stages else "routing"):
                    ending = Ending(outcome, (*stages, TERMINAL[type(outcome)]))
                    yield Landing(ending, faults.after(calls), record if "storing" in stages else None, late=True)


def _reasons(flight: Flight, sky: Sky, stage: str) -> Iterator[Outcome]:
    if flight.cancelled:
        yield Cancelled()
        return
    if sky.now_s >= flight.deadline_at_s:
        yield TimedOut()
    if sky.stop_error is not None:
        yield Failed(sky.stop_error, stage)
    if flight.reruns >= 2:
        yield Failed("ActorCrashed", "routing")


def _calls_between(faults: Faults, before: Calls, after: Calls) -> tuple[Calls, ...]:
    """Every count of calls from `before` to `after` a stage that was cut short; told apart only where a fault is left to be met."""
    ranges = (range(low, high + 1) if low < len(queue) else (low,) for low, high, queue in zip(before, after, faults.queues, strict=True))
    return tuple(product(*ranges))
