"""The queues of ``queue`` as a simulated task sees them."""

from __future__ import annotations

import queue
import sys
from collections import deque
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

from greenroom.shims.gates import Gate, Named, deadline_of

if TYPE_CHECKING:
    from greenroom.scheduler import Scheduler

RealQueue: Final = queue.Queue
RealLifoQueue: Final = queue.LifoQueue
RealPriorityQueue: Final = queue.PriorityQueue
_ShutDown: Final[Any] = getattr(queue, "ShutDown", queue.Empty)  # from Python 3.13 on


class Queue(Named, queue.Queue[Any]):
    """A simulated ``queue.Queue``; any of those that wait may be served."""

    def __init__(self, maxsize: int = 0) -> None:
        self._born(type(self).__name__)
        self.maxsize = maxsize
        self._init(maxsize)
        self.unfinished_tasks = 0
        self.is_shutdown = False
        self._puts = self._gets = 0
        self._filled = Gate()
        self._room = Gate()
        self._finished = Gate()
        if self._greenroom.trace is not None:
            self._greenroom.trace.born(self._finished)

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        scheduler = self._greenroom
        trace = scheduler.trace
        if self.maxsize <= 0:
            scheduler.visible("put", self)
            if trace is not None:
                trace.touch(self, self._put_mode, shut=self._shut())
        elif not self._enter(scheduler, "put", self._room, block, _checked_deadline(scheduler, timeout)):
            self._tell("read", f"holds {self.maxsize}")
            raise queue.Full
        if self.is_shutdown:
            raise _ShutDown
        self._put(item)
        self._puts += 1
        if trace is not None:
            trace.publish((id(self), self._puts))
            trace.handed.append(item)
            trace.touch(self._finished, "post", shut="read" if self.unfinished_tasks else "")
        self.unfinished_tasks += 1
        self._finished.close(scheduler)
        if self.maxsize > 0 and self._qsize() >= self.maxsize:
            self._room.close(scheduler)
        if scheduler.history is not None:
            count = self._gets + self._qsize()
            scheduler.record("put", self._name, self._number(count), "where there is room again" if 0 < self.maxsize < count else "")
        self._filled.open(scheduler)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        scheduler = self._greenroom
        if not self._enter(scheduler, "get", self._filled, block, _checked_deadline(scheduler, timeout)):
            self._tell("read", "holds 0")
            raise queue.Empty
        if self.is_shutdown and not self._qsize():
            raise _ShutDown
        item = self._get()
        self._gets += 1
        if scheduler.trace is not None:
            scheduler.trace.order((id(self), self._gets))
            scheduler.trace.taken.append(item)
            scheduler.trace.publish((id(self), -self._gets))
        if not self._qsize() and not self.is_shutdown:
            self._filled.close(scheduler)
        if scheduler.history is not None:
            scheduler.record("get", self._name, self._number(self._gets))
        self._room.open(scheduler)
        return item

    def _number(self, count: int) -> int:
        """Which item it is, counted from 1, where the first in is the first out; else 0."""
        return 0 if isinstance(self, queue.LifoQueue | queue.PriorityQueue) else count

    def _enter(self, scheduler: Scheduler, operation: str, gate: Gate, block: bool, deadline: int | None) -> bool:
        """Stop before a put or a get; False if there was no room, or nothing to get, in time."""
        task, trace = scheduler.current, scheduler.trace
        mode = self._put_mode if operation == "put" else self._get_mode
        if block and deadline is None:
            gate.enter(scheduler, operation, self, closed=self._barred(operation), mode=mode)
            if task is not None:
                task.committed = True
            while self._barred(operation):  # only outside every task
                scheduler.wait(operation, self, gate.waiting)
        else:
            scheduler.visible(operation, self)
            while self._barred(operation):
                if trace is not None:
                    trace.touch(self, "read")
                if not block or not scheduler.wait(operation, self, gate.waiting, deadline):
                    if trace is not None:
                        trace.passed(self, "try", timed=True, shut=self._shut())
                    return False
                if task in gate.able:
                    gate.able.remove(task)
            if trace is not None:
                trace.passed(self, "try", timed=True, shut=self._shut())
        if trace is not None and operation == "put" and self._puts >= self.maxsize:
            trace.order((id(self), self.maxsize - self._puts - 1))
        return True

    _put_mode = "put"
    _get_mode = "get"

    def _shut(self) -> str:
        """Which mode could not pass now, if any: those who would get from an empty queue, or put into a full one."""
        if not self._qsize():
            return self._get_mode
        return self._put_mode if 0 < self.maxsize <= self._qsize() else ""

    def _barred(self, operation: str) -> bool:
        if self.is_shutdown:
            return False
        return self._qsize() >= self.maxsize if operation == "put" else not self._qsize()

    if sys.version_info >= (3, 13):

        def shutdown(self, immediate: bool = False) -> None:
            scheduler = self._greenroom
            scheduler.visible("shutdown", self)
            if scheduler.trace is not None:
                scheduler.trace.touch(self, "write")
                scheduler.trace.touch(self._finished, "write")
            self.is_shutdown = True
            while immediate and self._qsize():
                self._get()
                self.unfinished_tasks = max(self.unfinished_tasks - 1, 0)
            if immediate:
                self._finished.open(scheduler)
            self._filled.open(scheduler)
            self._room.open(scheduler)

    @property
    def mutex(self) -> Any:
        """For ``with queue.mutex: queue.queue.clear()``; operations are atomic here without it."""
        return nullcontext()

    @mutex.setter
    def mutex(self, value: Any) -> None:
        raise AttributeError("a queue's mutex is its own")

    def qsize(self) -> int:
        self._greenroom.visible("read", self)
        if self._greenroom.trace is not None:
            self._greenroom.trace.touch(self, "read", shut=self._shut())
        size = int(self._qsize())
        self._tell("read", f"holds {size}")
        return size

    def empty(self) -> bool:
        return self.qsize() == 0

    def full(self) -> bool:
        return 0 < self.maxsize <= self.qsize()

    def task_done(self) -> None:
        if self.unfinished_tasks <= 0:
            raise ValueError("task_done() called too many times")
        scheduler = self._greenroom
        scheduler.visible("put", self)
        if scheduler.trace is not None:
            scheduler.trace.touch(self._finished, "post", shut="read")
        self.unfinished_tasks -= 1
        self._tell("task_done")
        if self.unfinished_tasks == 0:
            self._finished.open(scheduler)

    def join(self) -> None:
        scheduler = self._greenroom
        self._finished.enter(scheduler, "join", self, closed=self.unfinished_tasks > 0, mode="read", key=self._finished)
        while self.unfinished_tasks:  # only outside every task
            scheduler.wait("join", self, self._finished.waiting)
        self._tell("join")


class LifoQueue(Queue, queue.LifoQueue[Any]):
    """A simulated ``queue.LifoQueue``."""

    _put_mode = "write"  # what is got depends on what was put before
    _get_mode = "acquire"


class PriorityQueue(Queue, queue.PriorityQueue[Any]):
    """A simulated ``queue.PriorityQueue``."""

    _put_mode = "write"
    _get_mode = "acquire"


class SimpleQueue(Queue):
    """A simulated ``queue.SimpleQueue``."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: deque[Any] = deque()


def _checked_deadline(scheduler: Any, timeout: float | None) -> int | None:
    if timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return deadline_of(scheduler, timeout)
