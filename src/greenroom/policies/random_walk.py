"""Uniform over the tasks that can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.policies.seeds import generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.task import Task


class RandomWalk:
    """At every decision each option is as likely as any other."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self.begin(0)

    def begin(self, execution: int) -> None:
        """A new generator."""
        self._random = generator(self._seed, execution).random

    def choose(self, options: Sequence[Task]) -> int:
        """Any option."""
        return int(self._random() * len(options))

    def choose_value(self, count: int) -> int:
        """Any value."""
        return int(self._random() * count)
