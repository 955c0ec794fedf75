"""POS: partial order sampling.

Yuan, Yang, Gu, "Partial Order Aware Concurrency Sampling", CAV 2018, algorithm 2: every pending event has an independent
random priority, which is drawn again only when an event that races with it is executed. Two events race here when
they touch the same target (one inbox, one future, one lock). Departure: as in ``pct``, the walk becomes uniform well
beyond the usual length, because an event of very low priority waits for ever beside tasks that poll.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.policies.seeds import Length, generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.task import Task


class Pos:
    """Runs the pending event of highest priority."""

    def __init__(self, seed: int = 0, *, length: Length | None = None) -> None:
        self._seed = seed
        self._length = length or Length()
        self._decision = 0
        self.begin(0)

    def begin(self, execution: int) -> None:
        """Forget all priorities."""
        if self._decision and not self._length.longest:
            self._length.learn(self._decision)
        self._fair_from = self._length.fair_from
        self._decision = 0
        self._random = generator(self._seed, execution).random
        self._priorities: dict[int, float] = {}

    def choose(self, options: Sequence[Task]) -> int:
        """The pending event of highest priority; those that race with it draw again."""
        decision = self._decision
        self._decision = decision + 1
        if decision >= self._fair_from:
            return int(self._random() * len(options))
        priorities = self._priorities
        best, best_priority = 0, -1.0
        for index, task in enumerate(options):
            priority = priorities.get(task.index)
            if priority is None:
                priority = priorities[task.index] = self._random()
            if priority > best_priority:
                best, best_priority = index, priority
        executed = options[best]
        del priorities[executed.index]
        for task in options:
            if task.target is executed.target and task is not executed:
                priorities.pop(task.index, None)
        return best

    def choose_value(self, count: int) -> int:
        """Any value."""
        return int(self._random() * count)
