"""Repeated work: what a service remembers is bounded, so it comes to a round that leaves nothing behind."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP: Final = 7  # rounds after which all that is bounded (outcomes, cached memes) is of the repeated work
ROUNDS: Final = 45  # Python's own pools take up to forty rounds to fill


def growth_of(repeat: Callable[[int], object], noise: int) -> list[int]:
    """Blocks of memory that each round has left behind, until one leaves no more than ``noise``, or after all rounds.

    ``repeat`` does the work of one round; its number is handed to it.
    """
    growth: list[int] = []
    gc.collect()
    freezes = gc.get_freeze_count() == 0
    if freezes:
        gc.freeze()  # what else this process holds is none of ours, and slow to look through
    try:
        while len(growth) < ROUNDS and (len(growth) < WARM_UP or growth[-1] > noise):
            before = sys.getallocatedblocks()
            repeat(len(growth))
            gc.collect()
            growth.append(sys.getallocatedblocks() - before)
    finally:
        if freezes:
            gc.unfreeze()
    return growth


def growing_lines(repeat: Callable[[int], object]) -> str:
    """The lines that allocated what three more rounds leave behind."""
    tracemalloc.start(4)
    try:
        for round_number in range(100, 100 + WARM_UP):
            repeat(round_number)
        gc.collect()
        before = tracemalloc.take_snapshot()
        for round_number in (201, 202, 203):
            repeat(round_number)
        gc.collect()
        grown = tracemalloc.take_snapshot().compare_to(before, "lineno")
    finally:
        tracemalloc.stop()
    return "".join(f"\n  {line}" for line in grown[:8] if line.count_diff >= 3)
