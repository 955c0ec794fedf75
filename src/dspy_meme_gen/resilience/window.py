"""The adaptive window: how many requests may be in flight at once.

Additive or multiplicative probing by latency is old (Brakmo and Peterson, "TCP Vegas", 1995; Netflix's concurrency-limits does it for
services). Here it is as simple as can be explained: once a period, ten per cent up or down, around one target.
"""

from dataclasses import dataclass, replace

__all__ = ["Window", "WindowPolicy"]


@dataclass(frozen=True, slots=True)
class WindowPolicy:
    """From `least` to `most`, `first` to begin with; every `period_s` seconds `step` (a share) more or less, around `target_s` latency."""

    first: int = 100
    least: int = 10
    most: int = 1000
    step: float = 0.1
    period_s: float = 5.0
    target_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Window:
    """The size, and what was seen since the period began. Times are seconds of any clock that does not go back.

    It grows only where it was the limit: a window that nobody fills says nothing about what the service could bear.
    """

    size: int
    began_s: float
    count: int = 0
    total_s: float = 0.0
    filled: bool = False

    @classmethod
    def new(cls, policy: WindowPolicy, now_s: float) -> "Window":
        """The first window."""
        return cls(policy.first, now_s)

    def admits(self, in_flight: int) -> bool:
        """Whether one more fits."""
        return in_flight < self.size

    def refused(self) -> "Window":
        """After somebody found it full."""
        return replace(self, filled=True)

    def finished(self, policy: WindowPolicy, latency_s: float, now_s: float) -> "Window":
        """After a request ended, `latency_s` after it was admitted."""
        seen = replace(self, count=self.count + 1, total_s=self.total_s + latency_s)
        if now_s - self.began_s < policy.period_s:
            return seen
        change = max(1, round(self.size * policy.step))
        size = self.size
        if seen.total_s / seen.count > policy.target_s:
            size = max(policy.least, size - change)
        elif self.filled:
            size = min(policy.most, size + change)
        return Window(size, now_s)
