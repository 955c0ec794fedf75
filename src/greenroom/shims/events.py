"""Events and semaphores as a simulated task sees them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from greenroom.shims.gates import Gate, Named, deadline_of

if TYPE_CHECKING:
    from types import TracebackType

    from greenroom.scheduler import Scheduler
    from greenroom.task import Task

RealEvent: Final = threading.Event
RealSemaphore: Final = threading.Semaphore
RealBoundedSemaphore: Final = threading.BoundedSemaphore


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
