"""The roster: which actors there are, how each is started, and what becomes of those that die."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pykka  # noqa: TC002 - one import style for all files

from dspy_meme_gen.address import Address
from dspy_meme_gen.errors import RestartLimitExceeded
from dspy_meme_gen.resilience.supervision import Plan, Supervision

__all__ = ["Roster", "Start"]

Start = Callable[[int], "pykka.ActorRef[Any]"]
"""Starts an incarnation of an actor, given its number."""


@dataclass(frozen=True, slots=True)
class _Child:
    address: Address
    start: Start


class Roster:
    """Every actor of a pipeline, in order of start. It belongs to the pipeline and outlives every actor, the supervisor too.

    What is to be done about a death its supervision says. An actor that is to be started again is `awaited` until it is dead (one of its
    group may have to be stopped first) and its pause is over. One death too many, and the roster has given up: nothing is restarted ever
    again.
    """

    def __init__(self, supervision: Supervision) -> None:
        self._supervision = supervision
        self._lock = threading.Lock()
        self._children: dict[str, _Child] = {}
        self._awaited: dict[str, float] = {}  # when each may be started, on the clock of time.monotonic()
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

    def address(self, name: str) -> Address | None:
        """The address of an actor; None for one that was not started."""
        with self._lock:
            child = self._children.get(name)
            return None if child is None else child.address

    def failed(self, name: str, incarnation: int) -> Plan | None:
        """What to do about a dead incarnation; None if that is known already, or all is closing.

        Raises RestartLimitExceeded, once, when it happened too often.
        """
        with self._lock:
            if self._closed or name in self._awaited or self._children[name].address.incarnation != incarnation:
                return None
            now_s = time.monotonic()
            self._supervision, plan = self._supervision.failed(name, now_s)
            if plan is None:
                self._closed = True
                raise RestartLimitExceeded(f"{name} died, and every group that it is in had as many restarts as its window allows")
            self._awaited |= dict.fromkeys(plan.actors, now_s + plan.delay_s)
            return plan

    def living(self, names: tuple[str, ...]) -> "list[pykka.ActorRef[Any]]":
        """The actors among these that still live, the last started first: they are to be stopped before they are started again."""
        with self._lock:
            refs = [self._children[name].address.ref for name in reversed(names)]
        return [ref for ref in refs if ref is not None and ref.is_alive()]

    def start_awaited(self, *, now: str | None = None) -> list[tuple[str, int]]:
        """Start everyone who is awaited, is dead, and whose pause is over (or who is `now`): names and numbers of the new incarnations."""
        started: list[tuple[str, int]] = []
        with self._lock:
            if self._closed:
                return started
            for name, child in self._children.items():
                due_s = self._awaited.get(name)
                if due_s is None or (name != now and (time.monotonic() < due_s or _lives(child))):
                    continue
                del self._awaited[name]
                incarnation = child.address.incarnation + 1
                child.address.point_at(child.start(incarnation), incarnation)
                started.append((name, incarnation))
        return started

    def close(self) -> None:
        """Restart nothing any more."""
        with self._lock:
            self._closed = True


def _lives(child: _Child) -> bool:
    ref = child.address.ref
    return ref is not None and ref.is_alive()
