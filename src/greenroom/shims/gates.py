"""What simulated primitives have in common: a name, a deadline, and a gate before what cannot always go on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from greenroom.clock import to_ns
from greenroom.task import Task, TaskGreenlet

if TYPE_CHECKING:
    from types import CodeType

    from greenroom.scheduler import Scheduler


_PASSED_THROUGH = ("greenroom.shims.", "threading", "asyncio.")  # a barrier makes its condition: who made the barrier is asked for


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
        while frame.f_globals.get("__name__", "").startswith(_PASSED_THROUGH) and frame.f_back is not None:
            frame = frame.f_back
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
