"""A schedule: the choices of one execution, as a value that prints as one short line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from greenroom.errors import ScheduleSyntaxError

if TYPE_CHECKING:
    from collections.abc import Iterable

HOLD: Final = "!"
_PREFIX = "g1:"
_ENTRY = re.compile(r"(\d+)=([^=,]+)")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The deviations of an execution from the default order: at which decision, and what was chosen instead.

    Decisions are counted from 0, and only where more than one task could run. A choice is the stable name of a task, or
    ``#n`` for the n-th value of ``greenroom.choose``, or ``!NAME``: the task whose turn it is by the default order is held back until
    nothing else can run (or the others have taken 1,024 steps, which keeps a schedule fair). Everything not listed follows the
    default order, so the empty schedule is the default execution, and a shorter schedule is a simpler one. The text form is one
    word for a shell.
    """

    deviations: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of(cls, deviations: Iterable[tuple[int, str]]) -> Schedule:
        """A schedule from pairs of decision and choice.

        Raises:
            ScheduleSyntaxError: the decisions are not strictly increasing.
        """
        pairs = tuple(deviations)
        for (before, _), (after, _) in pairwise(pairs):
            if after <= before:
                raise ScheduleSyntaxError(f"decision {after} comes after decision {before}: decisions must increase")
        return cls(pairs)

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read back what ``str(schedule)`` printed.

        Raises:
            ScheduleSyntaxError: the text is no schedule; the message says where it stops making sense.
        """
        text = text.strip().strip("'\"")
        if not text.startswith(_PREFIX):
            raise ScheduleSyntaxError(f"a schedule begins with {_PREFIX!r} (as in g1:7=Counter-2), not with {text[:12]!r}")
        body = text.removeprefix(_PREFIX)
        if not body:
            return cls()
        pairs = []
        for entry in body.split(","):
            match = _ENTRY.fullmatch(entry)
            if match is None:
                raise ScheduleSyntaxError(f"{entry!r} is no deviation: expected DECISION=TASK, as in 7=Counter-2 or 7=!Counter-2")
            pairs.append((int(match[1]), unquote(match[2])))
        return cls.of(pairs)

    def __str__(self) -> str:
        return _PREFIX + ",".join(f"{decision}={quote(choice, safe='!#()<>.-_')}" for decision, choice in self.deviations)

    def __len__(self) -> int:
        return len(self.deviations)
