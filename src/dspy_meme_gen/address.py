"""An address: a name that goes on when the actor behind it is replaced."""

from typing import Any

import pykka

__all__ = ["NOBODY", "Address"]

NOBODY = 0
"""What `Address.tell` returns when no living actor could be told. Incarnations are counted from 1."""


class Address:
    """Stands for whichever incarnation of an actor is the current one. Made before the actor, pointed at each incarnation in turn.

    There is no waiting here and no queue: an actor that is down gets nothing. `tell` says which incarnation was told, and that is what
    makes the loss harmless: the sender keeps that number beside what it waits for, and sends again when ChildRestarted names a higher one.
    """

    def __init__(self, name: str) -> None:
        self.name = name
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
        """Put the message into the current incarnation's inbox; its number, or NOBODY if it was already dead. Never raises, never waits.

        A number is no promise that the message will be handled: the actor may die with it in the inbox.
        """
        incarnation, ref = self._current
        if ref is None:
            return NOBODY
        try:
            ref.tell(message)
        except pykka.ActorDeadError:
            return NOBODY
        return incarnation

    def __repr__(self) -> str:
        """The name, and which incarnation it stands for."""
        return f"<Address {self.name} #{self.incarnation}>"
