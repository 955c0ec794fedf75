"""Operations of real threads that may block: tried for a short time again and again, so that a thread can be let go of."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import pykka

if TYPE_CHECKING:
    from collections.abc import Callable

_NEVER = (False, None)


@dataclass(frozen=True, slots=True)
class Wait:
    """An operation that may block, for ``timeout`` seconds at most, or for ever (None).

    ``attempt`` is the real operation with a timeout in seconds: whether it came to an end, and its result. ``give_up`` does what the
    operation does when its time is up.
    """

    timeout: float | None
    attempt: Callable[[float], tuple[bool, Any]]
    give_up: Callable[[], Any]


def get_of_future(real: Any, this: Any, *, timeout: float | None = None) -> Wait:
    """``pykka.ThreadingFuture.get``."""

    def attempt(seconds: float) -> tuple[bool, Any]:
        try:
            return True, real(this, timeout=seconds)
        except pykka.Timeout:
            if this._result is None:
                return _NEVER
            raise  # it is what the future holds

    def give_up() -> NoReturn:
        raise pykka.Timeout(f"{timeout} seconds")

    return Wait(timeout, attempt, give_up)


def get_of_queue(real: Any, this: Any, block: bool = True, timeout: float | None = None) -> Wait:  # noqa: FBT001, FBT002 - as queue.Queue has it
    """``queue.Queue.get``."""

    def attempt(seconds: float) -> tuple[bool, Any]:
        try:
            return True, real(this, True, seconds)  # noqa: FBT003 - as above
        except queue.Empty:
            return _NEVER

    def give_up() -> NoReturn:
        raise queue.Empty

    return Wait(timeout if block else 0, attempt, give_up)


def put_into_queue(real: Any, this: Any, item: Any, block: bool = True, timeout: float | None = None) -> Wait:  # noqa: FBT001, FBT002 - as above
    """``queue.Queue.put``."""

    def attempt(seconds: float) -> tuple[bool, Any]:
        try:
            return True, real(this, item, True, seconds)  # noqa: FBT003 - as above
        except queue.Full:
            return _NEVER

    def give_up() -> NoReturn:
        raise queue.Full

    return Wait(timeout if block else 0, attempt, give_up)


def join_queue(real: Any, this: Any) -> Wait:  # noqa: ARG001 - queue.Queue.join has no timeout
    """``queue.Queue.join``."""

    def attempt(seconds: float) -> tuple[bool, Any]:
        with this.all_tasks_done:
            if this.unfinished_tasks:
                this.all_tasks_done.wait(seconds)
            return not this.unfinished_tasks, None

    return Wait(None, attempt, lambda: None)


def join_thread(real: Any, this: Any, timeout: float | None = None) -> Wait:
    """``threading.Thread.join``."""

    def attempt(seconds: float) -> tuple[bool, Any]:
        real(this, seconds)
        return not this.is_alive(), None

    return Wait(timeout, attempt, lambda: None)


def wait_for_event(real: Any, this: Any, timeout: float | None = None) -> Wait:
    """``threading.Event.wait``."""

    def attempt(seconds: float) -> tuple[bool, Any]:
        is_set = bool(real(this, seconds))
        return is_set, is_set

    return Wait(timeout, attempt, lambda: False)


def acquire_semaphore(real: Any, this: Any, blocking: bool = True, timeout: float | None = None) -> Wait:  # noqa: FBT001, FBT002 - as above
    """``threading.Semaphore.acquire``."""
    if not blocking and timeout is not None:
        real(this, blocking, timeout)

    def attempt(seconds: float) -> tuple[bool, Any]:
        acquired = bool(real(this, True, seconds))  # noqa: FBT003 - as above
        return acquired, acquired

    return Wait(timeout if blocking else 0, attempt, lambda: False)


def acquire_lock(real: Any, blocking: bool, timeout: float) -> Wait:  # noqa: FBT001 - as threading.Lock has it
    """``threading.Lock.acquire``."""
    if (not blocking and timeout != -1) or (timeout < 0 and timeout != -1):
        real.acquire(blocking, timeout)

    def attempt(seconds: float) -> tuple[bool, Any]:
        acquired = bool(real.acquire(True, seconds))  # noqa: FBT003 - as above
        return acquired, acquired

    return Wait((None if timeout == -1 else timeout) if blocking else 0, attempt, lambda: False)
