"""PCT: random priorities with a few random change points.

Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", ASPLOS 2010,
section 2. Departures: the length of an execution is learned from a first, uniform one instead of being given; well
beyond that length the walk becomes uniform (the "fair PCT" of Microsoft Coyote), because strict priorities starve a task
that polls, and would report livelocks that no fair scheduler shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.policies.seeds import Length, generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.task import Task


class Pct:
    """Runs the task of highest priority; at ``depth`` - 1 random decisions the task that would run drops below all others."""

    def __init__(self, seed: int = 0, *, depth: int = 3, length: Length | None = None) -> None:
        self._seed = seed
        self.depth = depth
        self._length = length or Length()
        self._decision = 0
        self.begin(0)

    def begin(self, execution: int) -> None:
        """New priorities, and change points spread over the usual length."""
        if self._decision and not self._length.longest:
            self._length.learn(self._decision)
        rng = generator(self._seed, execution)
        self._random = rng.random
        self._priorities: dict[int, float] = {}
        self._changes = {rng.randrange(self._length.longest or 1): depth for depth in range(1, self.depth)}
        self._fair_from = self._length.fair_from
        self._decision = 0

    def choose(self, options: Sequence[Task]) -> int:
        """The option of highest priority, or any option once the walk is fair."""
        decision = self._decision
        self._decision = decision + 1
        if decision >= self._fair_from:
            return int(self._random() * len(options))
        priorities = self._priorities
        best, best_priority = 0, -1e9
        for index, task in enumerate(options):
            priority = priorities.get(task.index)
            if priority is None:
                priority = priorities[task.index] = self._random()
            if priority > best_priority:
                best, best_priority = index, priority
        change = self._changes.pop(decision, None)
        if change is not None:
            priorities[options[best].index] = -float(change)
            return self._highest(options)
        return best

    def _highest(self, options: Sequence[Task]) -> int:
        return max(range(len(options)), key=lambda index: self._priorities[options[index].index])

    def choose_value(self, count: int) -> int:
        """Any value."""
        return int(self._random() * count)
