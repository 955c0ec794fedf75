"""The machine's own clocks."""

import time

__all__ = ["SystemClock"]


class SystemClock:
    """What `time` says, asked anew each time: whoever replaces the functions of that module is heeded."""

    def wall_s(self) -> float:
        """Seconds since 1970 (UTC)."""
        return time.time()

    def monotonic_s(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()
