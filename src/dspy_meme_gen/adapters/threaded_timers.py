"""Timers on one thread: a heap of what is to come, and a condition to wait on."""

import heapq
import logging
import threading
import time
from collections.abc import Callable
from itertools import count

__all__ = ["ThreadedTimer", "ThreadedTimers"]

logger = logging.getLogger("memespy.timers")


class ThreadedTimer:
    """A callback that is to come. Once cancelled or called it holds on to nothing."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback: Callable[[], object] | None = callback

    @property
    def pending(self) -> bool:
        """Whether it is still to be called."""
        return self._callback is not None

    def cancel(self) -> None:
        """Forget the callback. One that the thread has already taken may still be running, or about to."""
        self._callback = None

    def take(self) -> Callable[[], object] | None:
        """The callback, for the thread that will call it."""
        callback, self._callback = self._callback, None
        return callback


class ThreadedTimers:
    """Calls back on its own thread, which is started by the first `call_later` and ended by `close`.

    Timers due at the same moment are called in the order they were made. What a callback raises is logged and harms no other timer.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, ThreadedTimer]] = []
        self._order = count()
        self._thread: threading.Thread | None = None
        self._wakes_at_s = float("inf")  # when the thread will look at the heap without being told to
        self._sweep_at = 64  # so many entries make call_later throw out the cancelled ones
        self._closed = False

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> ThreadedTimer:
        """Call `callback` once, `delay_s` seconds from now; after `close`, never."""
        timer = ThreadedTimer(callback)
        with self._changed:
            if self._closed:
                timer.cancel()
                return timer
            self._sweep()
            due_s = time.monotonic() + max(0.0, delay_s)
            heapq.heappush(self._heap, (due_s, next(self._order), timer))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="memespy-timers", daemon=True)
                self._thread.start()
            elif due_s < self._wakes_at_s:
                self._changed.notify()
        return timer

    def close(self) -> None:
        """Forget all timers and wait for the thread to end; a second call does nothing. Not for a callback to call."""
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while (timer := self._next()) is not None:
            callback = timer.take()
            if callback is None:
                continue
            try:
                callback()
            except Exception:
                logger.exception("a timer's callback raised; the other timers go on")

    def _sweep(self) -> None:
        """Most timers are cancelled long before they are due: keep the heap at about twice what is still to come."""
        if len(self._heap) >= self._sweep_at:
            self._heap = [entry for entry in self._heap if entry[2].pending]
            heapq.heapify(self._heap)
            self._sweep_at = max(64, 2 * len(self._heap))

    def _next(self) -> ThreadedTimer | None:
        """Wait for the next timer that is due; None when closed."""
        with self._changed:
            while not self._closed:
                # Cancelled timers are let go of here and in _sweep, not by cancel: so a cancel takes no lock and wakes nobody.
                while self._heap and not self._heap[0][2].pending:
                    heapq.heappop(self._heap)
                now_s = time.monotonic()
                if self._heap and self._heap[0][0] <= now_s:
                    return heapq.heappop(self._heap)[2]
                self._wakes_at_s = self._heap[0][0] if self._heap else float("inf")
                self._changed.wait(self._wakes_at_s - now_s if self._heap else None)
            return None
