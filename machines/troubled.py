"""The scripted ports with switches that hold for whichever request comes next."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Any

from machines.world import PortDown, ScriptedPorts

if TYPE_CHECKING:
    from collections.abc import Callable

    from dspy_meme_gen.domain import Progress


class TroubledPorts(ScriptedPorts):
    """`fail[port]` coming calls of a port raise, the next ones first take `slow[port]` seconds. `calls` counts them by (port, mark)."""

    def __init__(self, progress: Callable[[Progress], None]) -> None:
        super().__init__(progress)
        self.fail: Counter[str] = Counter()
        self.slow: defaultdict[str, deque[float]] = defaultdict(deque)
        self.calls: Counter[tuple[str, str]] = Counter()

    def meet(self, port: str, mark: str) -> Any:
        """Count, nap, fail, or do nothing, as was asked for."""
        self.calls[port, mark] += 1
        if self.slow[port]:
            time.sleep(self.slow[port].popleft())
        if self.fail[port] > 0:
            self.fail[port] -= 1
            raise PortDown(f"{port} is down")
