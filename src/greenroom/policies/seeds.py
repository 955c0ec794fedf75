"""What the random policies share: a generator for each execution, and how long an execution is."""

from __future__ import annotations

from random import Random
from typing import Final

FAIR_AFTER: Final = 200  # decisions beyond twice the usual length, after which unfair policies turn fair


def generator(seed: int, execution: int) -> Random:
    """The generator of that execution: the same in every process."""
    return Random((seed << 40) ^ (execution * 0x9E3779B1))


class Length:
    """How many decisions an execution takes where nobody is starved.

    Policies with priorities starve tasks, and a program that polls then goes on for ever: they learn the length from fair executions
    only, and turn fair themselves well beyond it. Nothing is known at first (0): then they are fair from the start.
    """

    __slots__ = ("longest",)

    def __init__(self) -> None:
        self.longest = 0

    def learn(self, decisions: int) -> None:
        """A fair execution took that many decisions."""
        self.longest = max(self.longest, decisions, 1)

    @property
    def fair_from(self) -> int:
        """The decision from which on a policy has to be fair."""
        return 2 * self.longest + FAIR_AFTER if self.longest else 0
