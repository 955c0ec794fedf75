"""Ports that can be closed, and tell when they are used and let go of: one watch for all ports of a pipeline."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from dspy_meme_gen.adapters.memory_cache import MemoryCache
from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.ports import Ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from dspy_meme_gen.adapters.threaded_timers import ThreadedTimer
    from machines.world import ScriptedPorts

PORTS: Final = ("timers", "text", "appropriateness", "factuality", "instructions", "scorer", "refiner", "image", "cache", "store", "outbox")
FOR_EVER: Final = float("inf")


class PortClosed(Exception):
    """What a port raises that was closed before, or cannot be closed well."""


class KeptOutbox(MemoryOutbox):
    """An outbox like one on disk: what waits in it is there for the next pipeline, which has a handle of its own on it."""

    durable = True

    def count(self) -> int:
        """How many wait: for a look that is no step of its own."""
        return len(self._records)

    def ids(self) -> set[str]:
        """The ids of the memes that wait, as above."""
        return set(self._records)


@dataclass(slots=True)
class PortCall:
    """A call of a port: by which actor (or "stop", or "client"), and when, on the clock of time.monotonic()."""

    port: str
    by: str
    from_s: float
    to_s: float = FOR_EVER


class Watch:
    """Notes every call and every close of the ports that it wraps, in the very step in which it happens.

    `by` says who is at work, given the method that is called; `uses` and `goes` hear of each use and each close before it happens, `back`
    of how each use ended (whether it raised nothing). The port `raises_at_close` is let go of like any other, and raises all the same.
    """

    def __init__(
        self,
        *,
        by: Callable[[str], str],
        uses: Callable[[str, str, str], None],
        back: Callable[[str, str, bool], None],
        goes: Callable[[str], None],
    ) -> None:
        self._by = by
        self._uses = uses
        self._back = back
        self._goes = goes
        self.calls: list[PortCall] = []
        self.closed: Counter[str] = Counter()
        self.raises_at_close = ""
        self.timers: list[tuple[str, ThreadedTimer]] = []

    def ports(self, script: ScriptedPorts, outbox: KeptOutbox, hold: Callable[[str], None]) -> Ports:
        """The script's ports, a cache and a handle on an outbox, all of them watched; `hold` may make a call of the store wait."""
        plain = script.ports()
        wrapped: dict[str, Any] = {
            name: _Watched(name, getattr(plain, name), self) for name in PORTS if name not in {"timers", "cache", "outbox"}
        }
        self._hold = hold
        return Ports(
            **wrapped,
            timers=_WatchedTimers("timers", plain.timers, self),
            cache=_Watched("cache", MemoryCache(100, 3600.0), self),  # type: ignore[arg-type] # it has what the cache has
            outbox=_WatchedOutbox("outbox", outbox, self),  # type: ignore[arg-type] # as above
            progress=plain.progress,
        )

    def somebody_is_inside(self) -> bool:
        """Whether a call is under way."""
        return any(call.to_s == FOR_EVER for call in self.calls)

    def busy_s(self, actor: str, since_s: float) -> float:
        """For how many seconds an actor was inside ports since then."""
        now_s = time.monotonic()
        mine = [call for call in self.calls if call.by == actor]
        return sum(max(0.0, min(call.to_s, now_s) - max(call.from_s, since_s)) for call in mine if call.to_s > since_s)

    def call(self, port: str, method: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Perform a call. Raises PortClosed where the port is closed."""
        by = self._by(method)
        self._uses(port, by, method)
        if self.closed[port]:
            raise PortClosed(f"{port} is closed")
        call = PortCall(port, by, time.monotonic())
        self.calls.append(call)
        well = False
        try:
            if port == "store":
                self._hold(port)
            result = function(*arguments, **named)
            well = True
        finally:
            call.to_s = time.monotonic()
            if call.to_s == call.from_s:
                self.calls.remove(call)  # it took no time
            self._back(port, by, well)
        return result

    def close(self, port: str) -> None:
        """Note that a port is let go of."""
        self._goes(port)
        self.closed[port] += 1
        if port == self.raises_at_close:
            raise PortClosed(f"{port} cannot be closed well")

    def lingering(self) -> list[str]:
        """To whom the timers would still talk that were neither cancelled nor called."""
        return [name for name, timer in self.timers if timer.pending]


class _Watched:
    def __init__(self, name: str, real: Any, watch: Watch) -> None:
        self._name = name
        self._real = real
        self._watch = watch

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._real, method)
        return partial(self._watch.call, self._name, method, found) if callable(found) else found

    def close(self) -> None:
        self._watch.close(self._name)


class _WatchedOutbox(_Watched):
    def __len__(self) -> int:
        return len(self._real)


class _WatchedTimers(_Watched):
    def call_later(self, delay_s: float, callback: Any) -> Any:
        """As the real ones; every callback of the service is an address's `tell`, and says whose."""
        timer = self._watch.call("timers", "call_later", self._real.call_later, delay_s, callback)
        self._watch.timers.append((callback.func.__self__.name, timer))
        return timer

    def close(self) -> None:
        super().close()
        self._real.close()
