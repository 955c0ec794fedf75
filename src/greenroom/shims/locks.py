"""Locks, conditions, events and semaphores as a simulated task sees them."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent

from greenroom.clock import to_ns
from greenroom.task import Task, TaskGreenlet

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
    running = getcurrent()
    assert type(running) is TaskGreenlet, "a simulated primitive is made by a task"
    return running.task.scheduler


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
        if scheduler.trace is not None:
            scheduler.trace.born(self)

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

    def _tell(self, kind: str, detail: str = "") -> None:
        if self._greenroom.history is not None:
            self._greenroom.record(kind, self._name, 0, detail)


def deadline_of(scheduler: Scheduler, timeout: float | None) -> int | None:
    """The instant ``timeout`` seconds from now, or None for ever."""
    return None if timeout is None else scheduler.clock.now_ns + to_ns(max(timeout, 0.0))


class Gate:
    """Where tasks stop before an operation that can go on only while the gate is open; any of those that wait may pass.

    A task that is about to pass an open gate is able to run. Should another close the gate before, it waits like those who came later:
    without a step of its own, for trying in vain changes nothing.
    """

    __slots__ = ("able", "waiting")

    def __init__(self) -> None:
        self.able: list[Task] = []
        self.waiting: list[Task] = []

    def enter(self, scheduler: Scheduler, operation: str, thing: Any, *, closed: bool, mode: str, key: Any = None) -> None:  # noqa: PLR0913
        """Stop before the gate of ``thing``, and go on once the task is chosen and the gate is open; for ever, if need be.

        ``mode`` says how it accesses ``key``, or ``thing`` itself, when it passes.
        """
        task = scheduler.current
        trace = scheduler.trace
        if trace is not None and task is not None:
            trace.at_gate(task, key or thing, mode)
        if closed:
            scheduler.wait(operation, thing, self.waiting)
        elif task is not None:
            self.able.append(task)
            scheduler.point(operation, thing)
        if task in self.able:
            self.able.remove(task)
        if trace is not None:
            trace.passed(key or thing, mode)

    def close(self, scheduler: Scheduler) -> None:
        """Those that were about to pass wait from now on."""
        for task in self.able:
            if not task.blocked and not task.done and task is not scheduler.current:
                scheduler.ready.remove(task)
                task.blocked = True
                self.waiting.append(task)
        self.able.clear()

    def open(self, scheduler: Scheduler) -> None:
        """Those that wait can pass, until one of them closes the gate."""
        if self.waiting:
            self.able += self.waiting
            scheduler.wake_all(self.waiting)


class Lock(Named):
    """A simulated ``threading.Lock``; any of those that wait may get it.

    A release commutes with what others do meanwhile, unless somebody tries without blocking: from the first time on that anyone
    did, it is a visible operation with a point of its own (``_tried``).
    """

    def __init__(self, depth: int = 3) -> None:
        self._born("Lock" if type(self) is Lock else "RLock", depth)
        self.owner: Task | None = None
        self._held = False
        self._gate = Gate()
        self._tried = False
        self._released_unseen = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        scheduler = self._greenroom
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        if blocking and timeout == -1:
            self._gate.enter(scheduler, "lock", self, closed=self._held, mode="acquire")
            while self._held:  # only outside every task, and behind a wait that something else has ended
                scheduler.wait("lock", self, self._gate.waiting)
        elif not self._acquired_in_time(scheduler, timeout if blocking else 0):
            self._tell("busy")
            return False
        self._take(scheduler.current)
        return True

    def _acquired_in_time(self, scheduler: Scheduler, timeout: float) -> bool:
        task, trace = scheduler.current, scheduler.trace
        deadline = deadline_of(scheduler, timeout)
        scheduler.point("lock", self)
        if timeout == 0:
            self._note_try()
            if task is not None:
                task.committed = True
            return not self._held
        while self._held:
            if trace is not None:
                trace.touch(self, "read")
            if not scheduler.wait("lock", self, self._gate.waiting, deadline):
                if trace is not None:
                    trace.passed(self, "try", timed=True, shut="acquire")
                return False
            if task in self._gate.able:
                self._gate.able.remove(task)
        if trace is not None:
            trace.passed(self, "acquire", timed=True)
        return True

    def _note_try(self) -> None:
        self._tried = True
        trace = self._greenroom.trace
        if trace is not None:
            trace.touch(self, "try", shut="acquire" if self._held else "")
            if self._released_unseen:
                trace.incomplete = f"{self._name} is tried without blocking, and its releases before that are no scheduling points"

    def _take(self, task: Task | None) -> None:
        self._held = True
        self.owner = task
        self._gate.close(self._greenroom)
        if self._greenroom.history is not None:
            self._greenroom.record("lock", self._name)

    def release(self) -> None:
        if not self._held:
            raise RuntimeError("release unlocked lock")
        task = self._greenroom.current
        if self._tried:
            self._greenroom.visible("unlock", self)
        else:
            self._released_unseen = True
            if task is not None:
                task.committed = True
        if self._greenroom.trace is not None:
            self._greenroom.trace.touch(self, "release")
        self._held = False
        self.owner = None
        if self._greenroom.history is not None:
            self._greenroom.record("unlock", self._name)
        self._gate.open(self._greenroom)

    def locked(self) -> bool:
        self._greenroom.visible("read", self)
        self._note_try()
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
            woken = scheduler.wait("wait", self, self._sleepers, deadline_of(scheduler, timeout))
            if scheduler.trace is not None and timeout is not None:
                scheduler.trace.passed(self, "read", timed=True)
            if woken:
                self._tell("notified")
            return woken
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
        if scheduler.trace is not None:
            scheduler.trace.touch(self, "write")
        self._tell("notify")
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
        self._gate = Gate()

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def is_set(self) -> bool:
        scheduler = self._greenroom
        task = scheduler.current
        if task is not self.owner and task is not None:
            if task.committed or self.owner is None:
                scheduler.point("read", self)
            task.committed = True
        if scheduler.trace is not None:
            scheduler.trace.touch(self, "read", shut="" if self._flag else "read")
        if scheduler.history is not None and task is not self.owner:
            if self.owner is None:
                self._tell("read", "is set" if self._flag else "is not set")
            elif self._flag:  # the actor has ended; that it has not is not worth a line
                scheduler.record("dead", self.owner.name)
        return self._flag

    def _at_fork_reinit(self) -> None:
        pass  # a process that is forked beside a stage has nothing of it

    isSet = is_set  # noqa: N815 - the old name, as threading has it

    def set(self) -> None:
        scheduler = self._greenroom
        if self.owner is None or scheduler.current is not self.owner:
            scheduler.visible("set", self)
        if scheduler.trace is not None:
            scheduler.trace.touch(self, "write", shut="" if self._flag else "read")
        self._flag = True
        if scheduler.history is not None and self.owner is None:
            scheduler.record("set", self._name)
        scheduler.wake_all(self._gate.waiting)  # whoever waits now goes on, even if the flag is cleared before that

    def clear(self) -> None:
        self._greenroom.visible("clear", self)
        if self._greenroom.trace is not None:
            self._greenroom.trace.touch(self, "write", shut="" if self._flag else "read")
        self._flag = False
        self._gate.close(self._greenroom)
        self._tell("clear")

    def wait(self, timeout: float | None = None) -> bool:
        scheduler = self._greenroom
        task = scheduler.current
        if scheduler.trace is not None:  # a set() wakes those that have come before it, even if it is cleared at once
            scheduler.trace.touch(self, "read", shut="" if self._flag else "read")
        if timeout is None:
            self._gate.enter(scheduler, "wait", self, closed=not self._flag, mode="read")
            if task is not None:
                task.committed = True
            self._tell("wait")
            return True
        scheduler.visible("read", self)
        in_time = self._flag
        if not in_time:
            in_time = scheduler.wait("wait", self, self._gate.waiting, deadline_of(scheduler, timeout)) or self._flag
        if scheduler.trace is not None:
            scheduler.trace.passed(self, "read", timed=True)
        self._tell("wait" if in_time else "timeout", "" if in_time else f"after {timeout:g} s")
        return in_time


class Semaphore(Named, threading.Semaphore):
    """A simulated ``threading.Semaphore``."""

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self._born("Semaphore")
        self._value = self._initial_value = value
        self._taken = 0
        self._gate = Gate()

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        scheduler = self._greenroom
        if blocking and timeout is None:
            self._gate.enter(scheduler, "acquire", self, closed=not self._value, mode="get")
            if scheduler.current is not None:
                scheduler.current.committed = True
            while self._value == 0:  # only outside every task
                scheduler.wait("acquire", self, self._gate.waiting)
        elif not self._acquired_in_time(scheduler, blocking, timeout):
            self._tell("empty")
            return False
        self._value -= 1
        self._taken += 1
        if scheduler.trace is not None:
            scheduler.trace.order((id(self), self._taken))
        self._tell("acquire")
        if self._value == 0:
            self._gate.close(scheduler)
        return True

    def _acquired_in_time(self, scheduler: Scheduler, blocking: bool, timeout: float | None) -> bool:
        task, trace = scheduler.current, scheduler.trace
        scheduler.visible("acquire", self)
        deadline = deadline_of(scheduler, timeout)
        while self._value == 0:
            if trace is not None:
                trace.touch(self, "read")
            if not blocking or not scheduler.wait("acquire", self, self._gate.waiting, deadline):
                if trace is not None:
                    trace.passed(self, "try", timed=True, shut="get")
                return False
            if task in self._gate.able:
                self._gate.able.remove(task)
        if trace is not None:
            trace.passed(self, "try", timed=True)
        return True

    __enter__ = acquire

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def release(self, n: int = 1) -> None:
        if n < 1:
            raise ValueError("n must be one or more")
        self._greenroom.visible("release", self)
        if self._greenroom.trace is not None:
            self._greenroom.trace.touch(self, "put", shut="" if self._value else "get")
            for number in range(n):
                self._greenroom.trace.publish((id(self), self._taken + self._value + number + 1))
        self._value += n
        self._tell("release")
        self._gate.open(self._greenroom)


class BoundedSemaphore(Semaphore, threading.BoundedSemaphore):
    """A simulated ``threading.BoundedSemaphore``."""

    def __init__(self, value: int = 1) -> None:
        Semaphore.__init__(self, value)

    def release(self, n: int = 1) -> None:
        if self._value + n > self._initial_value:
            raise ValueError("Semaphore released too many times")
        Semaphore.release(self, n)
