"""The roster: which actors there are, how each is started, and how often they may be started again."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pykka  # noqa: TC002 - one import style for all files

from dspy_meme_gen.address import Address
from dspy_meme_gen.errors import RestartLimitExceeded

__all__ = ["Roster", "Start"]

Start = Callable[[int], "pykka.ActorRef[Any]"]
"""Starts an incarnation of an actor, given its number."""


@dataclass(frozen=True, slots=True)
class _Child:
    address: Address
    start: Start


class Roster:
    """Every actor of a pipeline, in order of start. It belongs to the pipeline and outlives every actor, the supervisor too.

    At most `restart_limit` restarts are made in any `restart_window_s` seconds, all actors together; a restart exactly that old no longer
    counts. One more, and the roster has given up: nothing is restarted ever again.
    """

    def __init__(self, restart_limit: int, restart_window_s: float) -> None:
        self._restart_limit = restart_limit
        self._restart_window_s = restart_window_s
        self._lock = threading.Lock()
        self._children: dict[str, _Child] = {}
        self._restarts_s: tuple[float, ...] = ()
        self._closed = False

    def add(self, address: Address, start: Start) -> None:
        """Start the first incarnation of an actor and point its address at it."""
        with self._lock:
            self._children[address.name] = _Child(address, start)
            address.point_at(start(1), 1)

    def addresses(self) -> tuple[Address, ...]:
        """The addresses of all actors, in order of start."""
        with self._lock:
            return tuple(child.address for child in self._children.values())

    def restart(self, name: str, incarnation: int) -> int | None:
        """Replace a dead incarnation; the new one's number, or None if there is nothing to do (it is replaced already, or all is closing).

        Raises RestartLimitExceeded, once, when it happened too often.
        """
        with self._lock:
            child = self._children[name]
            if self._closed or child.address.incarnation != incarnation:
                return None
            self._count(time.monotonic())
            child.address.point_at(child.start(incarnation + 1), incarnation + 1)
            return incarnation + 1

    def close(self) -> None:
        """Restart nothing any more."""
        with self._lock:
            self._closed = True

    def _count(self, now_s: float) -> None:
        recent = tuple(past_s for past_s in self._restarts_s if now_s - past_s < self._restart_window_s)
        if len(recent) >= self._restart_limit:
            self._closed = True
            raise RestartLimitExceeded(
                f"the limit is {len(recent)} restarts within {self._restart_window_s:g} s, and one more was needed; the log has the crashes"
            )
        self._restarts_s = (*recent, now_s)
