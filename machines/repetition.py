"""Repeated work: what a service remembers is bounded, so it comes to a round that leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from greenroom import flat_memory
from greenroom.flat_memory import FlatMemory

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP: Final = 7  # rounds after which all that is bounded (outcomes, cached memes) is of the repeated work
ROUNDS: Final = 45  # Python's own pools take up to forty rounds to fill
LATER: Final = FlatMemory(rounds=100, warm_up=WARM_UP)
"""The rounds that name lines have numbers of their own, from 100 on."""


def growth_of(repeat: Callable[[int], object], noise: int) -> list[int]:
    """Blocks of memory that each round has left behind, until one leaves no more than ``noise``, or after all rounds.

    ``repeat`` does the work of one round; its number is handed to it.
    """
    return flat_memory.growth_of(repeat, FlatMemory(rounds=ROUNDS, warm_up=WARM_UP - 1, blocks=noise))


def growing_lines(repeat: Callable[[int], object]) -> str:
    """The lines that allocated what three more rounds leave behind."""
    return "".join(f"\n  {line}" for line in flat_memory.growing_lines(repeat, LATER))
