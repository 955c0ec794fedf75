"""What a pipeline has done so far, in numbers. They outlive the metrics actor, which alone writes them; any thread may read."""

import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dspy_meme_gen.domain import TERMINAL_STAGES, Progress

__all__ = ["BOUNDS_S", "Histogram", "Measurements", "Snapshot"]

BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""The upper bounds of a histogram's buckets, in seconds; one more bucket takes what is longer."""

MOST_BEGUN: Final = 10_000
"""So many requests are measured at once: one whose end is never reported, for the bus crashed or was full, must not stay for ever."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many durations fell under each bound (and over the last), and their sum in seconds."""

    buckets: tuple[int, ...] = (0,) * (len(BOUNDS_S) + 1)
    total_s: float = 0.0

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.buckets)

    def with_one(self, seconds: float) -> "Histogram":
        """With one more."""
        place = bisect_left(BOUNDS_S, seconds)
        return Histogram((*self.buckets[:place], self.buckets[place] + 1, *self.buckets[place + 1 :]), self.total_s + seconds)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All numbers at one moment: requests by how they ended, how long each stage and each request took."""

    ended: MappingProxyType[str, int]
    stages: MappingProxyType[str, Histogram]
    latency: Histogram


class Measurements:
    """Counts ends and measures stages from the times at which they were reported, in seconds of one clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: Counter[str] = Counter()
        self._stages: dict[str, Histogram] = {}
        self._latency = Histogram()
        self._began: dict[str, tuple[float, str, float]] = {}  # by request: when it began, its stage, and when that began

    def happened(self, progress: Progress, at_s: float) -> None:
        """A request came to a stage, or to its end."""
        request_id, stage = progress.request_id, progress.stage
        with self._lock:
            known = self._began.pop(request_id, None)
            if known is not None:
                self._stages[known[1]] = self._stages.get(known[1], Histogram()).with_one(at_s - known[2])
            if stage not in TERMINAL_STAGES:
                self._began[request_id] = (at_s if known is None else known[0], stage, at_s)
                if len(self._began) > MOST_BEGUN:
                    del self._began[next(iter(self._began))]
                return
            self._ended[stage] += 1
            if known is not None:  # one that never had its turn took no time
                self._latency = self._latency.with_one(at_s - known[0])

    def snapshot(self) -> Snapshot:
        """The numbers now."""
        with self._lock:
            return Snapshot(MappingProxyType(dict(self._ended)), MappingProxyType(dict(self._stages)), self._latency)
