"""Delay bounding: every schedule with no deviation from the default order, then with one, then with two, and so on.

Emmi, Qadeer, Rakamarić, "Delay-Bounded Scheduling", POPL 2011: most failures need few delays of a deterministic scheduler. Departures:
a deviation takes any of the tasks that could run and counts as one, where a delay passes over one task of a round; so level k here
holds all their schedules with k delays, and more. A value of ``greenroom.choose`` other than the first counts as a deviation as well. The
levels are not searched anew: a schedule with k + 1 deviations is one with k, and one more behind its last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.errors import NondeterminismEscaped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenroom.task import Task

    Deviations = tuple[tuple[int, int], ...]  # decision and index, in order


class DelayBounded:
    """Systematic over executions: each one is another schedule, and none comes twice.

    Args:
        most: the most deviations of a schedule; None goes on until there is no schedule left.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._start()

    def _start(self) -> None:
        self.level = 0
        self._tried: list[tuple[Deviations, list[int]]] = []  # of this level: deviations, and the options behind the last
        self._coming: Iterator[Deviations] = iter(())
        self._next: Deviations | None = ()
        self._running = False

    def begin(self, execution: int) -> None:
        """The next schedule, or the first one again; only the default order is left once the policy is exhausted."""
        if execution == 0:
            self._start()
        self._advance()
        self._deviations = self._next or ()
        self._wanted = dict(self._deviations)
        self._behind = self._deviations[-1][0] + 1 if self._deviations else 0
        self._counts: list[int] = []
        self._decision = 0
        self._running = self._next is not None
        self._next = None

    def choose(self, options: Sequence[Task]) -> int:
        """The default, or where this schedule deviates, the task that it wants."""
        return self.choose_value(len(options))

    def choose_value(self, count: int) -> int:
        """The first value, or where this schedule deviates, the one that it wants."""
        decision = self._decision
        self._decision = decision + 1
        if decision >= self._behind:
            self._counts.append(count)
            return 0
        index = self._wanted.get(decision, 0)
        if index >= count:
            raise NondeterminismEscaped(
                f"decision {decision} had more than {index} options in an earlier execution and has {count} now, after the same choices: "
                "`greenroom determinism` shows the first event that differs"
            )
        return index

    def exhausted(self) -> str:
        """What has been tried in full, once there is nothing left to try; else nothing."""
        self._advance()
        if self._next is not None:
            return ""
        bounded = self._most is not None and self.level >= self._most and any(_more(*tried) for tried in self._tried)
        deviations = "1 deviation" if self._most == 1 else f"{self._most} deviations"
        return f"every schedule with at most {deviations}" if bounded else "every schedule"

    def _advance(self) -> None:
        """Note what the execution that is over has shown, and find the next schedule."""
        if self._running:
            self._running = False
            self._tried.append((self._deviations, self._counts))
        if self._next is None:
            self._next = next(self._coming, None)
        if self._next is None and (self._most is None or self.level < self._most) and self._tried:
            self.level += 1
            self._coming = _children(self._tried)
            self._tried = []
            self._next = next(self._coming, None)


def _children(tried: list[tuple[Deviations, list[int]]]) -> Iterator[Deviations]:
    """Every schedule of ``tried`` with one more deviation behind its last."""
    for deviations, counts in tried:
        first = deviations[-1][0] + 1 if deviations else 0
        for place, count in enumerate(counts):
            for index in range(1, count):
                yield (*deviations, (first + place, index))


def _more(deviations: Deviations, counts: list[int]) -> bool:
    return next(_children([(deviations, counts)]), None) is not None
