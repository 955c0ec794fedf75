"""A machine's program made smaller after Hypothesis has done its part: fewer rules, fewer deviations, simpler arguments, same failure.

Hypothesis shrinks the choices that its strategies made. It deletes what is next to one another among these, and gives up on two rules
that go only together, and on a choice that is worth another one elsewhere. A program is a value, so here steps are dropped in chunks of
any size with all that use their results (Zeller and Hildebrandt, ddmin, TSE 2002; the same idea for calls and their results is in
Claessen et al., "Finding Race Conditions in Erlang with QuickCheck and PULSE", ICFP 2009), the schedule of a step is replaced by none
and by each with a single deviation, and arguments by simpler ones that their strategies could have drawn.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from greenroom.policies.drawn import HOLD_BYTE
from greenroom.simpler import simpler_values
from greenroom.steps import Draws, Program, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from greenroom.steps import Step

    Fails = Callable[[Program], bool]

MOST_RUNS: Final = 600
LONGEST: Final = 64  # decisions of a step among which a single deviation is looked for
_SCHEDULE: Final = "schedule"


def shrink_program(program: Program, fails: Fails, *, runs: int = MOST_RUNS) -> Program:
    """A program that is no larger and still fails.

    Args:
        program: one that fails.
        fails: runs a candidate, and says whether the same failure remains; one that cannot be run does not fail.
        runs: the most calls of ``fails``.
    """
    return _Shrinker(program, fails, runs).shrunk()


def deviations_of(program: Program) -> int:
    """How many bytes of its schedules are not the default order."""
    return sum(len(value) - value.count(0) for step in program.steps for value in _schedules(step).values())


def _schedules(step: Step) -> dict[str, bytes]:
    return {name: value for name, value in step.arguments if name == _SCHEDULE and type(value) is bytes}


class _Shrinker:
    def __init__(self, program: Program, fails: Fails, runs: int) -> None:
        self.best = program
        self._fails = fails
        self._left = runs
        self._tried: set[str] = {repr(program.steps)}
        state = program.machine.setup_state()
        self._strategies = {rule.function.__name__: rule.arguments for rule in (*state.rules, *state.initializers)}
        self._needed = {rule.function.__name__ for rule in state.initializers} - {"choose_ending"}

    def shrunk(self) -> Program:
        before = None
        while self.best is not before and self._left > 0:
            before = self.best
            self._default_order()
            self._drop_steps()
            self._simplify_schedules()
            self._simplify_arguments()
        return self.best

    def _try(self, steps: Sequence[Step]) -> bool:
        key = repr(tuple(steps))
        if key in self._tried or self._left <= 0:
            return False
        self._tried.add(key)
        self._left -= 1
        candidate = Program(self.best.machine, tuple(steps))
        if not self._fails(candidate):
            return False
        self.best = candidate
        return True

    # -- fewer steps ------------------------------------------------------------------------------------------------------

    def _drop_steps(self) -> None:
        size = max(1, len(self.best) // 2)
        while size:
            end = len(self.best)
            while end > 0 and self._left > 0:
                first = max(0, end - size)
                steps = self._without(range(first, end))
                if len(steps) < len(self.best):
                    self._try(steps)
                end = min(first, len(self.best))
            size //= 2
        for one in reversed(range(len(self.best))):
            for other in reversed(range(one)):
                if one < len(self.best):
                    steps = self._without((one, other))
                    if len(steps) < len(self.best) - 1:
                        self._try(steps)

    def _without(self, places: Sequence[int]) -> list[Step]:
        """The steps but these, and but all that use what they return."""
        gone: set[str] = set()
        kept = []
        for place, step in enumerate(self.best.steps):
            lost = place in places and step.rule not in self._needed
            if lost or any(not gone.isdisjoint(_results_in(value)) for _, value in step.arguments):
                if step.result is not None:
                    gone.add(step.result)
            else:
                kept.append(step)
        return kept

    # -- fewer deviations -------------------------------------------------------------------------------------------------

    def _default_order(self) -> None:
        """All schedules at once, lest what is dropped moves every choice behind it."""
        if deviations_of(self.best):
            self._try([_with(step, dict.fromkeys(_schedules(step), b"")) for step in self.best.steps])

    def _simplify_schedules(self) -> None:
        for place in reversed(range(len(self.best))):
            for name, value in _schedules(self.best.steps[place]).items():
                self._simplify_schedule(place, name, value)

    def _simplify_schedule(self, place: int, name: str, value: bytes) -> None:
        if not value:
            return
        if self._replace(place, name, b"") or (not value.strip(b"\0") and self._replace(place, name, b"")):
            return
        if len(value) - value.count(0) > 1 and any(self._replace(place, name, single) for single in _singles()):
            return
        self._drop_bytes(place, name)
        for at, byte in enumerate(self._schedule(place, name)):
            current = self._schedule(place, name)
            if byte > 1 and at < len(current):
                any(self._replace(place, name, current[:at] + bytes((smaller,)) + current[at + 1 :]) for smaller in (1, 2, HOLD_BYTE))

    def _drop_bytes(self, place: int, name: str) -> None:
        """The default order in place of some choices, and behind the last that matters."""
        size = max(1, len(self._schedule(place, name)) // 2)
        while size and self._left > 0:
            for first in reversed(range(0, len(self._schedule(place, name)), size)):
                value = self._schedule(place, name)
                if any(value[first : first + size]):
                    zeros = bytes(len(value[first : first + size]))
                    self._replace(place, name, (value[:first] + zeros + value[first + size :]).rstrip(b"\0"))
            size //= 2

    def _schedule(self, place: int, name: str) -> bytes:
        return _schedules(self.best.steps[place])[name]

    # -- simpler arguments ------------------------------------------------------------------------------------------------

    def _simplify_arguments(self) -> None:
        for place in range(len(self.best)):
            step = self.best.steps[place]
            for name, value in step.arguments:
                strategy = self._strategies.get(step.rule, {}).get(name)
                if name != _SCHEDULE and strategy is not None:
                    any(self._replace(place, name, simpler) for simpler in simpler_values(value, strategy))

    def _replace(self, place: int, name: str, value: Any) -> bool:
        steps = self.best.steps
        return self._try([*steps[:place], _with(steps[place], {name: value}), *steps[place + 1 :]])


def _singles() -> Iterator[bytes]:
    """Every schedule with one deviation: whoever is next is held back, or the second or third runs in its place."""
    for byte in (HOLD_BYTE, 1, 2):
        for at in range(LONGEST):
            yield bytes(at) + bytes((byte,))


def _with(step: Step, arguments: dict[str, Any]) -> Step:
    return dataclasses.replace(step, arguments=tuple((name, arguments.get(name, value)) for name, value in step.arguments))


def _results_in(value: Any) -> set[str]:
    """The results of earlier steps that an argument means."""
    if isinstance(value, Result):
        return {value.name}
    inside = value.values if isinstance(value, Draws) else tuple(value.values()) if type(value) is dict else value
    return {name for each in inside for name in _results_in(each)} if isinstance(inside, list | tuple) else set()
