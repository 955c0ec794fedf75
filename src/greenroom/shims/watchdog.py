"""Notices a task that blocks for real: it waits for a lock that the stage does not know, for the network, or computes for ever.

A timer signal (the main thread only, and only where nobody else uses SIGALRM) looks now and then whether the stage has taken a step:
nothing else interrupts a call that waits inside C. The environment variable ``GREENROOM_BLOCK_AFTER_S`` says how long a task may take.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

from greenroom.errors import BlockedForReal, UsageError
from greenroom.task import current_task

if TYPE_CHECKING:
    from types import FrameType

PATIENCE_S: Final = 10.0
VARIABLE: Final = "GREENROOM_BLOCK_AFTER_S"
_DEBUGGERS: Final = frozenset({"bdb", "pdb", "cmd", "code", "IPython.core.interactiveshell"})
_real_current_thread = threading.current_thread
_real_main_thread = threading.main_thread


class Watchdog:
    """Armed while a stage is open."""

    def __init__(self) -> None:
        self.patience_s: float = PATIENCE_S
        self.tick_s = 1.0
        self._armed = False
        self._seen: tuple[Any, int] = (None, 0)
        self._quiet = 0

    def arm(self) -> None:
        """Start looking, if this thread and its signals allow it."""
        if _real_current_thread() is not _real_main_thread() or not hasattr(signal, "setitimer"):
            return
        wanted = os.environ.get(VARIABLE)
        if wanted is not None:
            self.patience_s = _seconds(wanted)
            self.tick_s = min(self.tick_s, self.patience_s / 4)
        if signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL or signal.getitimer(signal.ITIMER_REAL)[0]:
            return
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, self.tick_s, self.tick_s)
        self._armed = True

    def disarm(self) -> None:
        """Stop looking, and leave the signal as it was."""
        if self._armed and _real_current_thread() is _real_main_thread():
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            self._armed = False
        self._seen = (None, 0)

    def _look(self, number: int, frame: FrameType | None) -> None:
        task = current_task()
        now = (None, 0) if task is None else (task.scheduler, task.scheduler.steps)
        self._quiet = self._quiet + 1 if now == self._seen and task is not None else 0
        self._seen = now
        if task is None or frame is None or self._quiet * self.tick_s < self.patience_s or _being_debugged(frame):
            return
        self._quiet = 0
        task.scheduler.interrupt(
            BlockedForReal(
                f"{task.name} has taken no step for {self.patience_s:g} real seconds: it is in {frame.f_code.co_name}() at "
                f"{frame.f_code.co_filename}:{frame.f_lineno}; it waits for something that the stage does not control (a lock made before "
                "the stage opened and kept where it cannot be found, a socket, a subprocess), or computes without end; "
                "make the primitive inside the scenario, or put a fake in the place of the outside world"
            )
        )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"{VARIABLE} is a number of seconds greater than 0, not {text!r}")
    return seconds


def _being_debugged(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__") in _DEBUGGERS:
            return True
        frame = frame.f_back
    return False


watchdog: Final = Watchdog()
