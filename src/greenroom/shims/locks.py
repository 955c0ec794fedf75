"""Locks, conditions, events and semaphores as a simulated task sees them."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from greenroom.clock import to_ns
from greenroom.task import Task, current_task

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, TracebackType

    from greenroom.scheduler import Scheduler

RealEvent: Final = threading.Event
RealCondition: Final = threading.Condition
RealSemaphore: Final = threading.Semaphore
RealBoundedSemaphore: Final = threading.BoundedSemaphore


def scheduler_of_task() -> Scheduler:
    """The scheduler of the running task: whoever makes a simulated primitive is inside one."""
    task = current_task()
    assert task is not None, "a simulated primitive is made by a task"
    return task.scheduler


class Named:
    """What every simulated primitive has: a scheduler, a stable name, and the line that made it."""

    _greenroom: Scheduler
    _name: str
    _made_at: tuple[CodeType, int] | None

    def _born(self, kind: str, depth: int = 2) -> None:
        self._greenroom = scheduler = scheduler_of_task()
        self._name = scheduler.numbered_name(kind)
        frame = sys._getframe(depth)
        self._made_at = (frame.f_code, frame.f_lineno)

    @property
    def greenroom_name(self) -> str:
        """The stable name, as it stands in histories and messages."""
        return self._name

    @property
    def greenroom_origin(self) -> str:
        """The line that made it."""
        if self._made_at is None:
            return "import, before the stage opened"
        code, line = self._made_at
        return f"{code.co_filename}:{line}"

    def __repr__(self) -> str:
        return f"<{self._name}>"


def deadline_of(scheduler: Scheduler, timeout: float | None) -> int | None:
    """The instant ``timeout`` seconds from now, or None for ever."""
    return None if timeout is None else scheduler.clock.now_ns + to_ns(max(timeout, 0.0))


class Lock(Named):
    """A simulated ``threading.Lock``; any of those that wait may get it.

    A release commutes with what others do meanwhile, unless somebody tries without blocking: from the first time on that anyone
    did, it is a visible operation with a point of its own (``_tried``).
    """

    def __init__(self, depth: int = 3) -> None:
        self._born("Lock" if type(self) is Lock else "RLock", depth)
        self.owner: Task | None = None
        self._held = False
        self._waiters: list[Task] = []
        self._stalled: list[Task] = []
        self._tried = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        scheduler = self._greenroom
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        task = scheduler.current
        at_once = not blocking or timeout == 0
        scheduler.point("lock", self)
        if at_once:
            self._tried = True
            if task is not None:
                task.committed = True
        if self._held:
            if at_once:
                return False
            deadline = None if timeout == -1 else deadline_of(scheduler, timeout)
            while self._held:
                if not scheduler.wait("lock", self, self._waiters, deadline):
                    return False
                if task in self._stalled:
                    self._stalled.remove(task)
        self._take(task)
        return True

    def _take(self, task: Task | None) -> None:
        self._held = True
        self.owner = task
        # Those that the release made able to run no longer are: they go back to waiting without a step of their own.
        for other in self._stalled:
            if not other.blocked and not other.done and other is not task:
                self._greenroom.ready.remove(other)
                other.blocked = True
                self._waiters.append(other)
        self._stalled.clear()
        if self._greenroom.history is not None:
            self._greenroom.record("lock", self._name)

    def release(self) -> None:
        if not self._held:
            raise RuntimeError("release unlocked lock")
        task = self._greenroom.current
        if self._tried:
            self._greenroom.visible("unlock", self)
        elif task is not None:
            task.committed = True
        self._held = False
        self.owner = None
        if self._greenroom.history is not None:
            self._greenroom.record("unlock", self._name)
        if self._waiters:
            self._stalled = [*self._waiters]
            self._greenroom.wake_all(self._waiters)

    def locked(self) -> bool:
        self._tried = True
        self._greenroom.visible("read", self)
        return self._held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    # What threading.Condition asks of its lock.
    def _is_owned(self) -> bool:
        return self._held

    def _release_save(self) -> Any:
        self.release()
        return None

    def _acquire_restore(self, state: Any) -> None:
        self.acquire()

    def _at_fork_reinit(self) -> None:
        self._held = False


class RLock(Lock):
    """A simulated ``threading.RLock``."""

    def __init__(self) -> None:
        super().__init__(depth=4)
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        task = self._greenroom.current
        if self._held and self.owner is task:
            self._depth += 1
            return True
        if not super().acquire(blocking, timeout):
            return False
        self._depth = 1
        return True

    def release(self) -> None:
        if not self._held or self.owner is not self._greenroom.current:
            raise RuntimeError("cannot release un-acquired lock")
        self._depth -= 1
        if self._depth == 0:
            super().release()

    def _is_owned(self) -> bool:
        return self._held and self.owner is self._greenroom.current

    def _release_save(self) -> Any:
        depth, self._depth = self._depth, 0
        super().release()
        return depth

    def _acquire_restore(self, state: Any) -> None:
        self.acquire()
        self._depth = state


class Condition(Named, threading.Condition):
    """A simulated ``threading.Condition``; notified in the order of waiting, as Python does it."""

    def __init__(self, lock: Any = None) -> None:
        self._born("Condition")
        self._lock: Any = RLock() if lock is None else lock
        self.acquire = self._lock.acquire  # type: ignore[method-assign]
        self.release = self._lock.release  # type: ignore[method-assign]
        self._sleepers: list[Task] = []

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def __enter__(self) -> Any:
        return self._lock.__enter__()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.__exit__(kind, value, trace)

    def _is_owned(self) -> bool:
        return bool(self._lock._is_owned()) if hasattr(self._lock, "_is_owned") else True

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        scheduler = self._greenroom
        state = self._lock._release_save() if hasattr(self._lock, "_release_save") else self._lock.release()
        try:
            return scheduler.wait("wait", self, self._sleepers, deadline_of(scheduler, timeout))
        finally:
            if hasattr(self._lock, "_acquire_restore"):
                self._lock._acquire_restore(state)
            else:
                self._lock.acquire()

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        scheduler = self._greenroom
        deadline = deadline_of(scheduler, timeout)
        result = predicate()
        while not result:
            left = None
            if deadline is not None:
                left = (deadline - scheduler.clock.now_ns) / 1e9
                if left <= 0:
                    break
            self.wait(left)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        if not self._is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        scheduler = self._greenroom
        for task in self._sleepers[:n]:
            self._sleepers.remove(task)
            scheduler.wake(task)

    def notify_all(self) -> None:
        self.notify(len(self._sleepers))


class Event(Named, threading.Event):
    """A simulated ``threading.Event``.

    ``owner`` is set for an actor's own stop flag. Only its own task ever sets it, so reading it there commutes with all else; and it is
    set as soon as the actor has left the registry, in the same step: a point between the two would only make every stop longer.
    """

    def __init__(self) -> None:
        self._born("Event")
        self._flag = False
        self.owner: Task | None = None
        self._sleepers: list[Task] = []

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def is_set(self) -> bool:
        scheduler = self._greenroom
        task = scheduler.current
        if task is not self.owner and task is not None:
            if task.committed or self.owner is None:
                scheduler.point("read", self)
            task.committed = True
        return self._flag

    isSet = is_set  # noqa: N815 - the old name, as threading has it

    def set(self) -> None:
        scheduler = self._greenroom
        if self.owner is None or scheduler.current is not self.owner:
            scheduler.visible("set", self)
        self._flag = True
        if scheduler.history is not None and self.owner is None:
            scheduler.record("set", self._name)
        scheduler.wake_all(self._sleepers)

    def clear(self) -> None:
        self._greenroom.visible("clear", self)
        self._flag = False

    def wait(self, timeout: float | None = None) -> bool:
        scheduler = self._greenroom
        scheduler.visible("read", self)
        if self._flag:
            return True
        return scheduler.wait("wait", self, self._sleepers, deadline_of(scheduler, timeout)) or self._flag


class Semaphore(Named, threading.Semaphore):
    """A simulated ``threading.Semaphore``."""

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self._born("Semaphore")
        self._value = self._initial_value = value
        self._waiters: list[Task] = []

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        scheduler = self._greenroom
        scheduler.visible("acquire", self)
        deadline = deadline_of(scheduler, timeout)
        while self._value == 0:
            if not blocking or not scheduler.wait("acquire", self, self._waiters, deadline):
                return False
        self._value -= 1
        return True

    __enter__ = acquire

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def release(self, n: int = 1) -> None:
        if n < 1:
            raise ValueError("n must be one or more")
        self._greenroom.visible("release", self)
        self._value += n
        self._greenroom.wake_all(self._waiters)


class BoundedSemaphore(Semaphore, threading.BoundedSemaphore):
    """A simulated ``threading.BoundedSemaphore``."""

    def __init__(self, value: int = 1) -> None:
        Semaphore.__init__(self, value)

    def release(self, n: int = 1) -> None:
        if self._value + n > self._initial_value:
            raise ValueError("Semaphore released too many times")
        Semaphore.release(self, n)
