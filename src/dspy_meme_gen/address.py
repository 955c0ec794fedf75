"""An address: a name that goes on when the actor behind it is replaced."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pykka

from dspy_meme_gen.messages import BOUNDED

__all__ = ["FULL", "NOBODY", "Address", "InboxReport"]

NOBODY = 0
"""What `Address.tell` returns when no living actor could be told. Incarnations are counted from 1."""

FULL = -1
"""What `Address.tell` returns when the inbox had no room: nobody was told, and nobody will be."""


@dataclass(frozen=True, slots=True)
class InboxReport:
    """An inbox at one moment. `crowded` from 80 % of its limit on, until it is under 20 %; `refused` counts messages that found it full."""

    waiting: int
    crowded: bool
    refused: int


class Address:
    """Stands for whichever incarnation of an actor is the current one. Made before the actor, pointed at each incarnation in turn.

    There is no waiting here and no queue: an actor that is down gets nothing. `tell` says which incarnation was told, and that is what
    makes the loss harmless: the sender keeps that number beside what it waits for, and sends again when ChildRestarted names a higher one.

    An inbox that holds `limit` messages (None: however many) takes no more of `messages.BOUNDED`, whoever sends them and however many at
    once: they come through one door. All other messages go past it. They are bounded by what was let in before: answers to work, ends of
    requests, timers.
    """

    def __init__(self, name: str, *, limit: int | None = None) -> None:
        self.name = name
        self._limit = limit
        self._door = threading.Lock()
        self._crowded = False
        self._refused = 0
        # One tuple, replaced as a whole: a reader never sees one incarnation's number with another's ref.
        self._current: tuple[int, pykka.ActorRef[Any] | None] = (NOBODY, None)

    @property
    def incarnation(self) -> int:
        """The number of the current incarnation, NOBODY before the first."""
        return self._current[0]

    @property
    def ref(self) -> pykka.ActorRef[Any] | None:
        """The current incarnation, dead or alive; None before the first and after `close`."""
        return self._current[1]

    def point_at(self, ref: pykka.ActorRef[Any], incarnation: int) -> None:
        """From now on the name stands for this incarnation."""
        self._current = (incarnation, ref)

    def close(self) -> None:
        """From now on nobody is told anything; the incarnation's number stays."""
        self._current = (self._current[0], None)

    def tell(self, message: object) -> int:
        """Put the message into the current incarnation's inbox; its number, NOBODY if it was dead already, or FULL. It never waits.

        A number is no promise that the message will be handled: the actor may die with it in the inbox.
        """
        if self._limit is None or not isinstance(message, BOUNDED):
            return self._put(message)
        with self._door:
            if self._look() < self._limit:
                return self._put(message)
            self._refused += 1
            return FULL

    @contextmanager
    def held_open(self) -> Iterator[bool]:
        """Whether there is room for one more message. Until the block ends, nothing else that is bounded is let in.

        For a sender that has something to do between looking and telling; it must be quick, and counts what it refuses itself.
        """
        if self._limit is None:
            yield True
            return
        with self._door:
            yield self._look() < self._limit

    def inbox(self) -> InboxReport:
        """The inbox now."""
        with self._door:
            return InboxReport(self._look(), self._crowded, self._refused)

    def _put(self, message: object) -> int:
        incarnation, ref = self._current
        if ref is None:
            return NOBODY
        try:
            ref.tell(message)
        except pykka.ActorDeadError:
            return NOBODY
        return incarnation

    def _look(self) -> int:
        """With the door held: how many messages wait; the marks are kept up to date."""
        ref = self._current[1]
        inbox: Any = None if ref is None else ref.actor_inbox  # a queue.Queue; Pykka's protocol does not name qsize
        waiting = 0 if inbox is None else int(inbox.qsize())
        if self._limit is not None:
            # All who fill it come by here, so it cannot get from one mark to the other unseen.
            self._crowded = waiting >= 0.8 * self._limit or (self._crowded and waiting >= 0.2 * self._limit)
        return waiting

    def __repr__(self) -> str:
        """The name, and which incarnation it stands for."""
        return f"<Address {self.name} #{self.incarnation}>"
