"""Several policies in turn: each finds bugs that another never does.

A needle among 924 orders is found by a random walk and never by PCT; a starved actor by PCT and never by a random walk. Holding one task
back finds most small bugs within its first dozen executions, whatever the seed, and those that need several tasks to be late hardly ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from greenroom.policies.hold import Hold
from greenroom.policies.pct import Pct
from greenroom.policies.pos import Pos
from greenroom.policies.random_walk import RandomWalk
from greenroom.policies.seeds import Length
from greenroom.policies.surw import Surw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.policy import Policy
    from greenroom.task import Task

FIRST_HOLDS: Final = 64  # at so many places a task is held back early on
EARLY: Final = 3  # one turn in three then: a bug that only the others find is found half as late again
LATER: Final = 7  # one turn in seven after that


class Portfolio:
    """The default order once, then POS, PCT of several depths, and a random walk or SURW in turn, and holding back in between."""

    def __init__(self, seed: int = 0) -> None:
        self._length = Length()
        self._decisions = 0
        self._holds = 0
        self._hold = Hold(seed)
        pos, pos_again = Pos(seed, length=self._length), Pos(seed + 1, length=self._length)
        pct2, pct3, pct5 = (Pct(seed, depth=depth, length=self._length) for depth in (2, 3, 5))
        even: list[Policy] = [RandomWalk(seed), Surw(seed, length=self._length)]  # what spreads over all orders takes one turn in six
        self._turns: list[Policy] = [turn for walk in even for turn in (pos, pct2, walk, pct3, pos_again, pct5)]
        self._now: Policy = self._hold
        self._is_fair = True

    def begin(self, execution: int) -> None:
        """Whose turn it is."""
        if self._is_fair:
            self._length.learn(self._decisions)
        self._decisions = 0
        if execution == 0:
            self._holds = 0
        every = EARLY if self._hold.has_new_places and self._holds < FIRST_HOLDS else LATER
        if execution and execution % every == 1:
            self._holds += 1
            self._now = self._hold
        else:
            self._now = self._turns[(execution - 1 - self._holds) % len(self._turns)] if execution else self._hold
        self._is_fair = execution == 0 or isinstance(self._now, RandomWalk)
        self._now.begin(execution)

    def choose(self, options: Sequence[Task]) -> int:
        """As the policy whose turn it is."""
        self._decisions += 1
        return self._now.choose(options)

    def choose_value(self, count: int) -> int:
        """As the policy whose turn it is."""
        return self._now.choose_value(count)
