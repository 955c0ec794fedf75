"""The queues of ``queue`` as a simulated task sees them."""

from __future__ import annotations

import queue
from collections import deque
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

from greenroom.shims.locks import Named, deadline_of

if TYPE_CHECKING:
    from greenroom.task import Task

RealQueue: Final = queue.Queue
RealLifoQueue: Final = queue.LifoQueue
RealPriorityQueue: Final = queue.PriorityQueue


class Queue(Named, queue.Queue[Any]):
    """A simulated ``queue.Queue``; any of those that wait may be served."""

    def __init__(self, maxsize: int = 0) -> None:
        self._born(type(self).__name__)
        self.maxsize = maxsize
        self._init(maxsize)
        self.unfinished_tasks = 0
        self._getters: list[Task] = []
        self._putters: list[Task] = []
        self._joiners: list[Task] = []

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        scheduler = self._greenroom
        scheduler.visible("put", self)
        if self.maxsize > 0:
            deadline = _checked_deadline(scheduler, timeout)
            while self._qsize() >= self.maxsize:
                if not block or not scheduler.wait("put", self, self._putters, deadline):
                    raise queue.Full
        self._put(item)
        self.unfinished_tasks += 1
        if scheduler.history is not None:
            scheduler.record("put", self._name)
        scheduler.wake_all(self._getters)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        scheduler = self._greenroom
        scheduler.visible("get", self)
        deadline = _checked_deadline(scheduler, timeout)
        while not self._qsize():
            if not block or not scheduler.wait("get", self, self._getters, deadline):
                raise queue.Empty
        item = self._get()
        if scheduler.history is not None:
            scheduler.record("get", self._name)
        scheduler.wake_all(self._putters)
        return item

    @property
    def mutex(self) -> Any:
        """For ``with queue.mutex: queue.queue.clear()``; operations are atomic here without it."""
        return nullcontext()

    @mutex.setter
    def mutex(self, value: Any) -> None:
        raise AttributeError("a queue's mutex is its own")

    def qsize(self) -> int:
        self._greenroom.visible("read", self)
        return int(self._qsize())

    def empty(self) -> bool:
        return self.qsize() == 0

    def full(self) -> bool:
        return 0 < self.maxsize <= self.qsize()

    def task_done(self) -> None:
        if self.unfinished_tasks <= 0:
            raise ValueError("task_done() called too many times")
        self._greenroom.visible("put", self)
        self.unfinished_tasks -= 1
        if self.unfinished_tasks == 0:
            self._greenroom.wake_all(self._joiners)

    def join(self) -> None:
        self._greenroom.visible("join", self)
        while self.unfinished_tasks:
            self._greenroom.wait("join", self, self._joiners)


class LifoQueue(Queue, queue.LifoQueue[Any]):
    """A simulated ``queue.LifoQueue``."""


class PriorityQueue(Queue, queue.PriorityQueue[Any]):
    """A simulated ``queue.PriorityQueue``."""


class SimpleQueue(Queue):
    """A simulated ``queue.SimpleQueue``."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: deque[Any] = deque()


def _checked_deadline(scheduler: Any, timeout: float | None) -> int | None:
    if timeout is not None and timeout < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return deadline_of(scheduler, timeout)
