"""What many executions leave behind, in one process."""

from __future__ import annotations

import gc
import sys

import greenroom
from benchmarks.programs import two_clients

SLICE = 20_000
SLICES = 5


def after_slices(executions: int = SLICE, slices: int = SLICES) -> list[tuple[int, float]]:
    """Allocated memory blocks and resident mebibytes after each of ``slices`` explorations of ``executions`` executions.

    A small exploration comes first, so that what is loaded and cached once is there before anything is counted.
    Every slice is an exploration of its own, with its own schedules: the set that counts distinct schedules ends with it.
    """
    _after(max(1, executions // 10), slices)
    return [_after(executions, seed) for seed in range(slices)]


def _after(executions: int, seed: int) -> tuple[int, float]:
    greenroom.explore(two_clients, executions=executions, policy="random", seed=seed).raise_failure()
    gc.collect()
    return sys.getallocatedblocks(), resident_mib()


def resident_mib() -> float:
    """The resident set of this process in mebibytes; 0 where psutil is not installed."""
    try:
        import psutil  # noqa: PLC0415 - optional
    except ModuleNotFoundError:
        return 0.0
    return float(psutil.Process().memory_info().rss) / 2**20
