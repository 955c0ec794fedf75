"""Compares ``exhaust`` with plain enumeration on small random programs: the same outcomes, and each trace exactly once.

Two executions are the same trace (Mazurkiewicz, "Trace Theory", 1986) where the same accesses were made and those that do not commute came
in the same order. ``python -m benchmarks.enumeration`` compares 1,000 programs, with ``--loops`` such as have an event loop of asyncio;
programs with too many schedules to enumerate are skipped.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.random_loops import LoopProgram
from benchmarks.random_programs import Program, program
from greenroom.dependence import Trace, conflict
from greenroom.errors import PromiseBroken
from greenroom.execution import Options, execute
from greenroom.exhaust import Search
from greenroom.explore import checked, installed
from greenroom.policies.tracing import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from greenroom.task import Task

MOST_SCHEDULES = 400


class Enumeration(Tracing):
    """A policy that takes the schedules one after another, like an odometer; ``prefix`` is how the present one begins."""

    def __init__(self, prefix: list[int]) -> None:
        super().__init__(Trace())
        self.trace.looking = False
        self.taken: list[tuple[int, int]] = []
        self._prefix = prefix

    def begin(self, execution: int) -> None:
        """One object is one execution."""

    def choose(self, options: Sequence[Task]) -> int:
        """What the prefix says, then the first."""
        self.end_step()
        index = self.choose_value(len(options))
        self.begin_step(options, index, len(self.taken) - 1)
        return index

    def only(self, task: Task) -> None:
        """No choice."""
        self.end_step()
        self.begin_step((task,), 0, -1)

    def choose_value(self, count: int) -> int:
        """What the prefix says, then the first."""
        made = len(self.taken)
        index = self._prefix[made] if made < len(self._prefix) else 0
        self.taken.append((index, count))
        return index

    def following(self) -> list[int] | None:
        """How the next schedule begins, or None behind the last."""
        taken = [*self.taken]
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        return [index for index, _ in taken[:-1]] + [taken[-1][0] + 1] if taken else None


def trace_of(trace: Trace, outcome: str) -> Any:
    """A value that is the same for two executions exactly if they are the same trace (and chose the same values)."""
    by_thing: dict[Any, list[tuple[Any, int, str]]] = {}
    for step in trace.steps:
        for key, mode in step.accesses:
            accesses = by_thing.setdefault(key, [])
            # Having a shared object at hand once more is no access of its own: how often depends on where steps end.
            memory = key[0] == "memory"
            count = sum(path == step.path and not (memory and other == "read") for path, _, other in accesses)
            since = next((place for place in range(len(accesses), 0, -1) if accesses[place - 1][2] == "write"), 0)
            if not (memory and mode == "read" and any(path == step.path for path, _, _ in accesses[since:])):
                accesses.append((step.path, count, mode))
    orders = []
    for key, accesses in by_thing.items():
        pairs = {(a, b) for place, a in enumerate(accesses) for b in accesses[place + 1 :] if a[0] != b[0] and conflict(a[2], b[2])}
        if key[0] != "memory":
            orders.append((key, frozenset(accesses), frozenset(pairs)))
        elif pairs:
            orders.append((key, frozenset(), frozenset(pairs)))
    return frozenset(orders), outcome


def enumerated(made: Program | LoopProgram, options: Options, most: int) -> Iterator[tuple[Any, str]]:
    """The trace and the outcome of each schedule, ``most`` + 1 of them at most."""
    prefix: list[int] | None = []
    taken = 0
    while prefix is not None and taken <= most:
        policy = Enumeration(prefix)
        execute(made.scenario, policy, None, options)
        yield trace_of(policy.trace, made.outcome()), made.outcome()
        taken += 1
        prefix = policy.following()


@dataclass
class Compared:
    """One program, enumerated and searched. ``wrong`` says what differs, in words, or nothing."""

    schedules: int
    traces: int
    executions: int
    redundant: int
    wrong: str
    incomplete: str


def compare(seed: int, *, most: int = MOST_SCHEDULES, make: Callable[[int], Any] = program) -> Compared | None:
    """Compare both on the program of that number; None if it has too many schedules."""
    made = make(seed)
    options = checked(made.scenario, 1, 20_000, "lazy", (PromiseBroken,))
    with installed(made.scenario):
        known = list(enumerated(made, options, most))
    if len(known) > most:
        return None
    search = Search(made.scenario, options, None)
    found: list[tuple[Any, str]] = []
    search.watch = lambda trace: found.append((trace_of(trace, made.outcome()), made.outcome()))
    with installed(made.scenario):
        while search.one():
            pass
    traces, outcomes = {trace for trace, _ in known}, {outcome for _, outcome in known}
    seen = [trace for trace, _ in found]
    wrong = []
    # Who had a shared object at hand is known by steps, and where a step ends may depend on the order: then some are run twice.
    sharing = any(key[0] == "memory" for trace in traces for key, _, _ in trace[0])
    if len(seen) != len(set(seen)) and not sharing:
        wrong.append(f"{len(seen) - len(set(seen))} traces were run twice")
    if set(seen) != traces:
        wrong.append(f"{len(traces - set(seen))} traces were not run, {len(set(seen) - traces)} do not exist")
    if {outcome for _, outcome in found} != outcomes:
        wrong.append("the outcomes differ")
    return Compared(len(known), len(traces), len(seen), search.seen.redundant, ", ".join(wrong), search.incomplete)


def main() -> int:
    """Compare many, and print the sum; the exit code is 1 if any differs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.enumeration", description=__doc__)
    parser.add_argument("--programs", type=int, default=1000, help="how many to compare (default: 1000)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first (default: 0)")
    parser.add_argument("--loops", action="store_true", help="programs with an event loop of asyncio")
    arguments = parser.parse_args()
    make: Callable[[int], Any] = LoopProgram if arguments.loops else program
    started = time.process_time()
    compared = skipped = schedules = executions = redundant = incomplete = wrong = 0
    seed = arguments.first
    while compared < arguments.programs:
        result = compare(seed, make=make)
        if result is None:
            skipped += 1
        else:
            compared += 1
            schedules += result.schedules
            executions += result.executions
            redundant += result.redundant
            incomplete += bool(result.incomplete)
            if result.wrong and not result.incomplete:
                wrong += 1
                print(f"program {seed}: {result.wrong}")
        seed += 1
    print(f"{compared:,} programs ({skipped:,} more have over {MOST_SCHEDULES} schedules and were skipped):")
    print(f"  {schedules:,} schedules by enumeration, {executions:,} executions by exhaust, {redundant:,} more broken off as redundant")
    print(f"  {wrong:,} differ; {incomplete:,} were called not exhausted by exhaust itself; {time.process_time() - started:.0f} CPU s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
