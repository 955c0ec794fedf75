"""Virtual time: it stands still while tasks run, and jumps to the next timer when none can."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenroom.task import Task

NANOSECONDS = 1_000_000_000
FOREVER = 1 << 62
EPOCH_NS = 1_704_067_200 * NANOSECONDS  # 2024-01-01T00:00:00Z: what time.time() says when a stage opens
BOOT_NS = 100_000 * NANOSECONDS  # what time.monotonic() says then: like a machine that has been up for a day


def to_ns(seconds: float) -> int:
    """Seconds as whole nanoseconds, so that 0.1 + 0.2 and 0.3 fall on the same instant; never 0 for what is more than 0.

    A loop that waits for what is left of a delay would otherwise wait for 0 seconds, for ever.
    """
    whole = round(seconds * NANOSECONDS)
    return 1 if whole == 0 and seconds > 0 else whole


class Clock:
    """The time of one stage, in nanoseconds since it opened, and the timers that wait for it."""

    __slots__ = ("_heap", "_serials", "now_ns")

    def __init__(self) -> None:
        self.now_ns = 0
        self._heap: list[tuple[int, int, Task]] = []
        self._serials = count(1)

    def set_timer(self, task: Task, deadline_ns: int) -> None:
        """Let ``task`` be woken at ``deadline_ns`` unless its timer is cleared first."""
        serial = next(self._serials)
        task.timer = serial
        heappush(self._heap, (deadline_ns, serial, task))

    def earliest(self) -> int | None:
        """The instant of the next timer that still counts, or None."""
        heap = self._heap
        while heap:
            deadline_ns, serial, task = heap[0]
            if task.timer == serial:
                return deadline_ns
            heappop(heap)
        return None

    def expiring(self) -> list[Task]:
        """The tasks whose timers are the next to expire, all at one instant, in the order in which they were set."""
        deadline_ns = self.earliest()
        if deadline_ns is None:
            return []
        live = [(serial, task) for instant, serial, task in self._heap if instant == deadline_ns and task.timer == serial]
        return [task for _, task in sorted(live, key=lambda entry: entry[0])]

    def jump(self, instant_ns: int) -> None:
        """Move on to ``instant_ns``; time never goes back."""
        self.now_ns = max(self.now_ns, instant_ns)
