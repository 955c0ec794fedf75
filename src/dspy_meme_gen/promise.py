"""A promise: a result that is set once, by whoever comes first."""

import threading
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

    def set(self, value: Value) -> bool:
        """Keep the value if nothing was set before; whether it was kept."""
        if not self._take():
            return False
        self.future.set(value)
        return True

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
