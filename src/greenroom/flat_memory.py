"""Whether repeating the same work takes more and more memory, and which lines allocate what stays."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from greenroom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_SHOWN: Final = 8
_FRAMES: Final = 4


@dataclass(frozen=True, slots=True)
class FlatMemory:
    """How a machine repeats its work to see that memory is flat at rest.

    Caches fill and pools grow at first, so what counts is whether any round after the warm-up leaves nothing behind: the least growth is
    judged, and the repetition ends with the first flat round.

    Args:
        rounds: repetitions at most, the warm-up included.
        warm_up: rounds that are not judged.
        blocks: memory blocks (``sys.getallocatedblocks``) that a round may leave behind and still count as flat.
    """

    rounds: int = 6
    warm_up: int = 1
    blocks: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.warm_up < self.rounds or self.blocks < 0:
            raise UsageError(f"{self}: more rounds than warm_up are needed, and neither warm_up nor blocks is less than 0")


def growth_of(work: Callable[[int], object], how: FlatMemory) -> list[int]:
    """Memory blocks that each round of ``work`` (called with its number, from 0) left behind; it ends with the first flat round."""
    growth: list[int] = []
    gc.collect()
    freezes = gc.get_freeze_count() == 0
    if freezes:
        gc.freeze()  # what else this process holds is none of this, and slow to look through
    try:
        while len(growth) < how.rounds and not (len(growth) > how.warm_up and growth[-1] <= how.blocks):
            before = sys.getallocatedblocks()
            work(len(growth))
            gc.collect()
            growth.append(sys.getallocatedblocks() - before)
    finally:
        if freezes:
            gc.unfreeze()
    return growth


def growing_lines(work: Callable[[int], object], how: FlatMemory) -> list[str]:
    """The lines that allocated what three more rounds leave behind, as ``file:line: size, count``."""
    tracemalloc.start(_FRAMES)
    try:
        for number in range(how.warm_up):
            work(how.rounds + number)
        gc.collect()
        before = tracemalloc.take_snapshot()
        for number in range(3):
            work(how.rounds + how.warm_up + number)
        gc.collect()
        grown = tracemalloc.take_snapshot().compare_to(before, "lineno")
    finally:
        tracemalloc.stop()
    return [str(line) for line in grown[:_SHOWN] if line.count_diff >= 3]
