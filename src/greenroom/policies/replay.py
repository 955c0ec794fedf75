"""Follows a schedule: strictly, or as far as it still fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from greenroom.errors import ReplayMismatch
from greenroom.schedule import HOLD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.schedule import Schedule
    from greenroom.task import Task


class Replay:
    """Deviates exactly where the schedule does.

    With ``strict`` a deviation that is not possible raises ``ReplayMismatch``; without, the default order is taken
    there, which is what shrinking needs.
    """

    def __init__(self, schedule: Schedule, *, strict: bool = True) -> None:
        self._schedule = schedule
        self._strict = strict
        self.begin(0)

    def begin(self, execution: int) -> None:  # noqa: ARG002 - a schedule is for one
        """From the first decision on."""
        self._wanted = dict(self._schedule.deviations)
        self._decision = 0

    def choose(self, options: Sequence[Task]) -> int:
        """The task that the schedule names for this decision, or the default."""
        wanted = self._next()
        if wanted is None:
            return 0
        for index, task in enumerate(options):
            if task.name == wanted:
                return index
        if wanted == f"{HOLD}{options[0].name}":
            return -1
        return self._mismatch(wanted, ", ".join(task.name for task in options))

    def choose_value(self, count: int) -> int:
        """The value that the schedule names for this decision, or the first."""
        wanted = self._next()
        if wanted is None:
            return 0
        if wanted[:1] == "#" and wanted[1:].isdigit() and int(wanted[1:]) < count:
            return int(wanted[1:])
        return self._mismatch(wanted, f"values #0 to #{count - 1}")

    def unused(self) -> list[int]:
        """The decisions of the schedule that the execution never came to."""
        return sorted(self._wanted)

    def _next(self) -> str | None:
        decision = self._decision
        self._decision = decision + 1
        return self._wanted.pop(decision, None)

    def _mismatch(self, wanted: str, possible: str) -> int:
        if self._strict:
            wrong = f"runs {wanted} here, but only these can run: {possible}"
            if wanted.startswith(HOLD):
                wrong = f"holds {wanted[1:]} back, but the turn is another's, of these: {possible}"
            raise ReplayMismatch(
                f"decision {self._decision - 1}: the schedule {wrong}; "
                "the program has changed before this point (or depends on something outside the stage): explore it again"
            )
        return 0


class Watched(Replay):
    """Follows a schedule as far as it fits, and keeps what could have been chosen instead.

    Attributes:
        options: for each of the first ``MOST`` decisions the choices that there were, the default first.
    """

    MOST: Final = 4_096

    def __init__(self, schedule: Schedule) -> None:
        super().__init__(schedule, strict=False)
        self.options: list[tuple[str, ...]] = []

    def choose(self, options: Sequence[Task]) -> int:
        """As ``Replay``."""
        if len(self.options) < self.MOST:
            self.options.append(tuple([task.name for task in options]))
        return super().choose(options)

    def choose_value(self, count: int) -> int:
        """As ``Replay``."""
        if len(self.options) < self.MOST:
            self.options.append(tuple([f"#{index}" for index in range(count)]))
        return super().choose_value(count)
