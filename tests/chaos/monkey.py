"""A monkey in the service's ports: it makes a share of their calls fail, or last, and keeps count."""

from __future__ import annotations

import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DatabaseError, OperationalError

from dspy_meme_gen.adapters.memory_cache import MemoryCache
from tests.variables import failure_rate

if TYPE_CHECKING:
    from dspy_meme_gen.domain import Meme
    from tests.memespy.fakes import Script

Trick = Callable[[], None]


def raising(error: Callable[[], BaseException]) -> Trick:
    def trick() -> None:
        raise error()

    return trick


def sleeping(seconds: float) -> Trick:
    return lambda: time.sleep(seconds)


class Avalanche(Exception):
    """Everything that a cache holds is past its time at once."""


class ChaoticCache:
    """A cache that the monkey can get at."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._cache = MemoryCache(1000, 3600.0)

    def get(self, key: str) -> Meme | None:
        self._meet()
        return self._cache.get(key)

    def put(self, key: str, meme: Meme) -> None:
        self._meet()
        self._cache.put(key, meme)

    def _meet(self) -> None:
        try:
            self._script.before.get("cache", lambda: None)()
        except Avalanche:
            self._cache = MemoryCache(1000, 3600.0)


TRICKS: dict[str, dict[str, Trick]] = {
    # By category: what happens, by name. Times are virtual on the stage.
    "network": {
        "connection refused": raising(ConnectionRefusedError),
        "timeout": raising(TimeoutError),
        "no such host": raising(lambda: socket.gaierror("Name or service not known")),
        "slow": sleeping(4.0),
    },
    "database": {
        "connection lost": raising(lambda: OperationalError("INSERT", {}, Exception("server closed the connection"))),
        "deadlock": raising(lambda: OperationalError("INSERT", {}, Exception("deadlock detected"))),
        "corrupted": raising(lambda: DatabaseError("INSERT", {}, Exception("database disk image is malformed"))),
        "pool exhausted": raising(lambda: TimeoutError("QueuePool limit reached")),
        "slow": sleeping(3.0),
    },
    "cache": {"connection refused": raising(ConnectionError), "slow": sleeping(2.0), "avalanche": raising(Avalanche)},
    "memory": {"out of memory": raising(MemoryError)},
    "time": {"late": sleeping(9.0), "too late": sleeping(30.0)},
}
PORTS = {
    "network": ("text", "appropriateness", "factuality", "instructions", "scorer", "refiner", "image"),
    "database": ("store",),
    "cache": ("cache",),
    "memory": ("image", "scorer", "refiner"),
    "time": ("image", "scorer"),
}


class ChaosMonkey:
    """Spoils calls of a script's ports. The same seed spoils the same calls of each port, whatever the schedule.

    `rate` is the share of calls that it spoils; None is what CHAOS_FAILURE_RATE says.
    """

    def __init__(self, seed: int, rate: float | None = None) -> None:
        self.seed, self.rate = seed, failure_rate() if rate is None else rate
        self.done: Counter[tuple[str, str]] = Counter()
        self.calls = 0

    def unleash(self, script: Script, categories: Iterable[str]) -> None:
        """From now on, in the ports of these categories."""
        tricks: dict[str, dict[str, Trick]] = {}
        for category in categories:
            for port in PORTS[category]:
                tricks.setdefault(port, {}).update(TRICKS[category])
        for port, known in tricks.items():
            script.before[port] = self._trick(port, known)

    def cage(self, script: Script) -> None:
        """No more of it."""
        script.before.clear()

    def _trick(self, port: str, known: dict[str, Any]) -> Trick:
        source = random.Random(f"{self.seed} {port}")

        def meet() -> None:
            self.calls += 1
            if source.random() < self.rate:
                name = source.choice(sorted(known))
                self.done[port, name] += 1
                known[name]()

        return meet
