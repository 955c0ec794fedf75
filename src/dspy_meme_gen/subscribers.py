"""Who wants to hear of progress. The list outlives the event bus, which alone calls them."""

import threading
from collections.abc import Callable
from itertools import count

from dspy_meme_gen.domain import Progress

__all__ = ["Listener", "SubscriberGone", "Subscribers"]

Listener = Callable[[Progress], None]


class SubscriberGone(Exception):
    """What a listener raises that wants to hear no more."""


class Subscribers:
    """Listeners by number, in the order in which they came. Safe on any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._listeners: dict[int, Listener] = {}

    def add(self, listener: Listener) -> Callable[[], None]:
        """Hear of all progress from now on; call what is returned to hear no more (a second call does nothing)."""
        with self._lock:
            number = next(self._numbers)
            self._listeners[number] = listener

        def unsubscribe() -> None:
            self.remove(number)

        return unsubscribe

    def remove(self, number: int) -> None:
        """Forget a listener; one that is being called may still hear the end of that."""
        with self._lock:
            self._listeners.pop(number, None)

    def all(self) -> tuple[tuple[int, Listener], ...]:
        """Every listener with its number."""
        with self._lock:
            return tuple(self._listeners.items())
