"""Fewer deviations, same failure: delta debugging over a schedule, then every schedule with fewer deviations.

In this order, each as long as the budget lasts:

1. Fewer of the same deviations: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", TSE 2002 (ddmin). Departures:
   only complements are tried, after a first cut to the shortest failing prefix (what comes behind the failure never matters).
2. One deviation in place of several: most failures need one task to be late, and without a word for that a schedule must name every
   other task each time it has its turn. So a deviation and all that follow are replaced by holding back whoever was passed over there.
   That is a change of priority in the sense of PCT (Burckhardt et al., ASPLOS 2010), undone when nothing else can run. Consolidating
   what belongs together is from Jalbert and Sen, "A Trace Simplification Technique for Effective Debugging", FSE 2010.
3. Every schedule with fewer deviations, one first, then two (``greenroom.shrink_levels``).
4. Among those with as few: smaller values of ``greenroom.choose``, fewer steps, a later first deviation.

The candidate that counts is always the schedule that the execution really took.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from greenroom.schedule import HOLD, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    Deviations = tuple[tuple[int, str], ...]
    Run = Callable[[Schedule], "Attempt"]

MOST_EXECUTIONS: Final = 3_000
MOST_STEPS: Final = 1_000_000
MOST_FIRST: Final = 40  # deviations of what was found that are tried as the last
MOST_STEPS_SEARCHED: Final = 400_000  # once what was found has been cut down as far as it goes


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of a candidate.

    Attributes:
        schedule: what was really taken.
        failed: whether it is the failure that is being explained.
        steps: scheduling points in all.
        options: for each decision the choices that there were, the default first; a prefix of them is enough.
    """

    schedule: Schedule
    failed: bool
    steps: int = 0
    options: tuple[tuple[str, ...], ...] = ()

    @property
    def weight(self) -> tuple[int, int, int, int, int]:
        """What is to be small: deviations, values chosen, steps, tasks held back, and how early the first deviation comes."""
        deviations = self.schedule.deviations
        values = sum(int(choice[1:]) for _, choice in deviations if is_value(choice))
        held = sum(choice.startswith(HOLD) for _, choice in deviations)
        return len(deviations), values, self.steps, held, -deviations[0][0] if deviations else 0


def is_value(choice: str) -> bool:
    """Whether it is a value of ``greenroom.choose``, and no task."""
    return choice[:1] == "#" and choice[1:].isdigit()


class Search:
    """The best failing execution so far, and what may still be spent on a better one.

    Args:
        found: the failing execution to begin with.
        run: runs a candidate as far as it fits.
        executions: the most calls of ``run``.
        steps: no call of ``run`` begins once this many steps have been taken in all.
    """

    def __init__(self, found: Attempt, run: Run, *, executions: int = MOST_EXECUTIONS, steps: int = MOST_STEPS) -> None:
        self.best = found
        self.executions_left = executions
        self._run = run
        self._steps_left = steps
        self._tried: dict[Deviations, Attempt] = {}

    @property
    def spent(self) -> bool:
        """Whether nothing may be run any more."""
        return self.executions_left <= 0 or self._steps_left <= 0

    def run(self, deviations: Deviations) -> Attempt | None:
        """The execution of a candidate, which is the best from now on if it is a better one; None if the budget is spent."""
        known = self._tried.get(deviations)
        if known is not None or self.spent:
            return known
        attempt = self._run(Schedule(deviations))
        self.executions_left -= 1
        self._steps_left -= attempt.steps
        self._tried[deviations] = attempt
        if attempt.failed and attempt.weight < self.best.weight:
            self.best = attempt
        return attempt

    def at_most(self, steps: int) -> None:
        """Let no more than so many steps be taken from now on."""
        self._steps_left = min(self._steps_left, steps)

    def fewer(self, deviations: Deviations) -> bool:
        """Whether the candidate fails with fewer deviations than the best so far; it is the best now."""
        before = len(self.best.schedule)
        if len(deviations) < before:
            self.run(deviations)
        return len(self.best.schedule) < before

    def fewer_joined(self, before: Deviations, behind: Deviations) -> bool:
        """``fewer``, of two parts between which something is left out."""
        return self.fewer((*before, *behind))

    def fewer_moved(self, before: Deviations, behind: Deviations) -> bool:
        """``fewer_joined``; if it does not fail, the second part is moved to where its first deviation fits after the first part."""
        if self.fewer_joined(before, behind):
            return True
        if not behind or behind[0][0] >= len(self.best.options) or (start := self.run(before)) is None:
            return False
        decision, choice = behind[0]
        default = self.best.options[decision][0]
        places = [
            place
            for place in range(before[-1][0] + 1 if before else 0, len(start.options))
            if start.options[place][0] == default and choice in (*start.options[place], f"{HOLD}{default}")
        ]
        by = min(places, key=lambda place: abs(place - decision), default=decision) - decision
        return bool(by) and self.fewer((*before, *((decision + by, choice) for decision, choice in behind)))


def shrink_schedule(search: Search) -> Schedule:
    """The schedule with as few deviations as the budget of ``search`` can reach."""
    from greenroom.shrink_levels import every_schedule_with_fewer, simplest_of_as_few  # noqa: PLC0415 - they are made of what is here

    if search.fewer(()):
        return search.best.schedule
    _shortest_prefix(search)
    _hold_and_drop_the_rest(search)
    _drop(search, search.fewer_joined)
    if len(search.best.schedule) > 1:
        _hold_in_place_of_several(search)
        _drop(search, search.fewer_moved)
    search.at_most(MOST_STEPS_SEARCHED)
    every_schedule_with_fewer(search)
    simplest_of_as_few(search)
    return search.best.schedule


def _shortest_prefix(search: Search) -> None:
    low, high = 0, len(search.best.schedule)
    while low + 1 < high and not search.spent:
        middle = (low + high) // 2
        if search.fewer(search.best.schedule.deviations[:middle]):
            high = len(search.best.schedule)
            low = min(low, high - 1)
        else:
            low = middle


def _drop(search: Search, fewer: Callable[[Deviations, Deviations], bool]) -> None:
    chunk = max(1, len(search.best.schedule) // 2)
    while not search.spent and len(search.best.schedule):
        if _drop_chunks(search, chunk, fewer):
            chunk = max(1, min(chunk, len(search.best.schedule) // 2))
        elif chunk == 1:
            break
        else:
            chunk //= 2


def _drop_chunks(search: Search, size: int, fewer: Callable[[Deviations, Deviations], bool]) -> bool:
    dropped = False
    start = len(search.best.schedule) - size
    while start > -size and not search.spent:
        first = max(start, 0)
        kept = search.best.schedule.deviations
        if fewer(kept[:first], kept[first + size :]):
            dropped = True
            start = min(start, len(search.best.schedule))
        start -= size
    return dropped


def _hold_and_drop_the_rest(search: Search) -> None:
    """One deviation in place of the first and all that follow; else of the second and all that follow; and so on."""
    for place in range(min(len(search.best.schedule) - 1, MOST_FIRST)):
        held = _held(search, place)
        if held and search.fewer(held):
            return


def _hold_in_place_of_several(search: Search) -> None:
    """One deviation in place of each and some that follow, as many as can be."""
    place = 0
    while place < len(search.best.schedule) - 1 and not search.spent:
        held, rest = _held(search, place), search.best.schedule.deviations[place + 1 :]
        sizes = [len(rest) >> halvings for halvings in range(len(rest).bit_length())]
        if not held or not any(search.fewer_moved(held, rest[size:]) for size in sizes):
            place += 1


def _held(search: Search, place: int) -> Deviations:
    """The deviations before that place, and then holding back the task that was passed over there; empty if none was."""
    deviations, options = search.best.schedule.deviations, search.best.options
    decision, choice = deviations[place]
    if is_value(choice) or choice.startswith(HOLD) or decision >= len(options):
        return ()
    return (*deviations[:place], (decision, f"{HOLD}{options[decision][0]}"))
