"""The functions of ``time`` as a simulated task sees them."""

from __future__ import annotations

from time import ctime as real_ctime
from time import gmtime as real_gmtime
from time import localtime as real_localtime
from time import strftime as real_strftime
from typing import Any

from greenroom.clock import BOOT_NS, EPOCH_NS, to_ns
from greenroom.shims.gates import scheduler_of_task


def sleep(seconds: float) -> None:
    """``time.sleep``: the task waits for virtual time; ``sleep(0)`` lets the others go first."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    scheduler = scheduler_of_task()
    if seconds == 0:
        scheduler.give_way("sleep", _Asleep)
        return
    if scheduler.history is not None:
        scheduler.record("sleep", "", 0, f"{seconds:g} s")
    scheduler.wait("sleep", _Asleep, [], scheduler.clock.now_ns + to_ns(seconds))


class _Sleeping:
    greenroom_name = "time"


_Asleep: Any = _Sleeping()


def _now_ns() -> int:
    scheduler = scheduler_of_task()
    if scheduler.trace is not None and scheduler.explored_timers:
        scheduler.trace.touch(scheduler.clock, "read")
    return scheduler.clock.now_ns


def monotonic_ns() -> int:
    """``time.monotonic_ns`` and ``time.perf_counter_ns``."""
    return _now_ns() + BOOT_NS


def monotonic() -> float:
    """``time.monotonic`` and ``time.perf_counter``."""
    return monotonic_ns() / 1e9


def time_ns() -> int:
    """``time.time_ns``."""
    return _now_ns() + EPOCH_NS


def time() -> float:
    """``time.time``."""
    return time_ns() / 1e9


def localtime(seconds: float | None = None) -> Any:
    """``time.localtime``."""
    return real_localtime(time() if seconds is None else seconds)


def gmtime(seconds: float | None = None) -> Any:
    """``time.gmtime``."""
    return real_gmtime(time() if seconds is None else seconds)


def ctime(seconds: float | None = None) -> str:
    """``time.ctime``."""
    return real_ctime(time() if seconds is None else seconds)


def strftime(form: str, moment: Any = None) -> str:
    """``time.strftime``."""
    return real_strftime(form, localtime() if moment is None else moment)
