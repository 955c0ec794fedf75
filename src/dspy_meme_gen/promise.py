"""A promise: a result that is set once, by whoever comes first."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import pykka

__all__ = ["Promise"]

Value = TypeVar("Value")


class Promise(Generic[Value]):
    """One-shot: the first set wins, every later one is refused and says so by returning False. Safe on any number of threads.

    `future` is what the waiting side gets. Pykka's own future raises at a second set; two that race for it are no bug here.
    """

    def __init__(self) -> None:
        self.future: pykka.Future[Value] = pykka.ThreadingFuture()
        self._lock = threading.Lock()
        self._taken = False
        self._value: list[Value] = []
        self._listeners: list[Callable[[Value], None]] = []

    def set(self, value: Value) -> bool:
        """Keep the value if nothing was set before; whether it was kept."""
        if not self._take():
            return False
        self.future.set(value)
        with self._lock:
            self._value.append(value)
            listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener(value)
        return True

    def when_set(self, listener: Callable[[Value], None]) -> None:
        """Call `listener` with the value once it is set, on the thread that sets it; at once if it is set already.

        It must be quick and must not raise. It never hears of an exception.
        """
        with self._lock:
            if not self._value:
                self._listeners.append(listener)
                return
        listener(self._value[0])

    def set_exception(self, error: BaseException) -> bool:
        """Keep the error, which the future's get() will raise, if nothing was set before; whether it was kept."""
        if not self._take():
            return False
        self.future.set_exception((type(error), error, None))
        return True

    def _take(self) -> bool:
        with self._lock:
            taken, self._taken = self._taken, True
        return not taken
