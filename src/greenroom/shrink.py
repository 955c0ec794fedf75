"""Fewer deviations, same failure: delta debugging over a schedule.

Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", TSE 2002 (ddmin). Departures: only complements are tried,
after a first cut to the shortest failing prefix (what comes behind the failure never matters), and the candidate that counts is
the schedule that the execution really took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable

    Fails = Callable[[Schedule], Schedule | None]


def shrink_schedule(schedule: Schedule, fails: Fails, *, budget: int) -> Schedule:
    """A schedule with as few deviations as ``budget`` executions can reach.

    Args:
        schedule: one that fails.
        fails: runs a candidate leniently; the schedule that was really taken if it still fails, else None.
        budget: the most calls of ``fails``.
    """
    return _Shrinker(schedule, fails, budget).run()


class _Shrinker:
    def __init__(self, schedule: Schedule, fails: Fails, budget: int) -> None:
        self.best = schedule
        self.fails = fails
        self.left = budget

    def run(self) -> Schedule:
        self._shortest_prefix()
        chunk = max(1, len(self.best) // 2)
        while self.left > 0 and len(self.best):
            if self._drop_chunks(chunk):
                chunk = max(1, min(chunk, len(self.best) // 2))
            elif chunk == 1:
                break
            else:
                chunk //= 2
        return self.best

    def _try(self, deviations: tuple[tuple[int, str], ...]) -> bool:
        if self.left <= 0 or len(deviations) >= len(self.best):
            return False
        self.left -= 1
        taken = self.fails(Schedule(deviations))
        if taken is None or len(taken) >= len(self.best):
            return False
        self.best = taken
        return True

    def _shortest_prefix(self) -> None:
        if self._try(()):
            return
        low, high = 0, len(self.best)
        while low + 1 < high and self.left > 0:
            middle = (low + high) // 2
            if self._try(self.best.deviations[:middle]):
                high = len(self.best)
                low = min(low, high - 1)
            else:
                low = middle

    def _drop_chunks(self, size: int) -> bool:
        dropped = False
        start = len(self.best) - size
        while start > -size and self.left > 0:
            first = max(start, 0)
            kept = self.best.deviations
            if self._try(kept[:first] + kept[first + size :]):
                dropped = True
                start = min(start, len(self.best))
            start -= size
        return dropped
