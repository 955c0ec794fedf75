"""Threads as a simulated task sees them.

``threading.Thread`` itself is not replaced, for programs subclass it long before a stage opens: its ``start``, ``join`` and
``is_alive`` ask where they are, and a thread that a task starts becomes a task.
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Final

from greenlet import GreenletExit

from greenroom.shims.gates import deadline_of, scheduler_of_task
from greenroom.shims.sites import is_program
from greenroom.task import Task, current_task

RealThread: Final = threading.Thread
real_start: Final = RealThread.start
real_join: Final = RealThread.join
real_is_alive: Final = RealThread.is_alive
real_current_thread: Final = threading.current_thread
_FIRST_IDENT: Final = 1_000


def start(self: Any) -> None:
    """``Thread.start``."""
    if current_task() is None:
        real_start(self)
        return
    if not self._initialized:
        raise RuntimeError("thread.__init__() not called")
    if self._started._flag:
        raise RuntimeError("threads can only be started once")
    scheduler = scheduler_of_task()
    scheduler.commit("start", self)
    if scheduler.trace is not None:
        scheduler.trace.touch(RealThread, "post")

    def live() -> None:
        try:
            self.run()
        except GreenletExit:
            raise
        except BaseException as error:
            if not is_the_programs(threading.excepthook):
                raise
            threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, self)))
        finally:
            scheduler.commit("end", task)
            if scheduler.trace is not None:
                scheduler.trace.touch(RealThread, "post")

    name = scheduler.unique_name(_stable_name(scheduler, self))
    task = scheduler.spawn(name, "thread", live, daemon=self.daemon)
    task.thread = self
    self._greenroom_task = task
    self._ident = ident_of(task)
    self._started._flag = True
    self._is_stopped = True  # for Python's own join(), should the object outlive its stage
    self._handle = _Ended()  # as above, from Python 3.13 on
    if scheduler.history is not None:
        scheduler.record("start", name)


class _Ended:
    """What Python 3.13 asks whether a thread has ended."""

    def is_done(self) -> bool:
        return True

    def join(self, timeout: float | None = None) -> None:
        """There is nothing to wait for."""


def is_the_programs(hook: Any) -> bool:
    """Whether ``threading.excepthook`` was set by the program under test, and not by Python or a test runner."""
    function = getattr(hook, "func", hook)
    name = getattr(function, "__module__", None)
    return name is None or is_program(sys.modules.get(name))


def _stable_name(scheduler: Any, thread: Any) -> str:
    """The name that the program gave, or one counted by the stage for each class in place of Python's ``Thread-17 (run)``."""
    name = str(thread.name)
    if not name or (name.startswith("Thread-") and name[7:8].isdigit()):
        return str(scheduler.numbered_name(type(thread).__name__))
    return name


def next_thread_number() -> int:
    """The number in the name of a thread that is given none, counted by the stage and not by the process."""
    return scheduler_of_task().next_number("thread without a name")


def join(self: Any, timeout: float | None = None) -> None:
    """``Thread.join``."""
    task: Task | None = getattr(self, "_greenroom_task", None)
    if task is None:
        real_join(self, timeout)
        return
    scheduler = task.scheduler
    if scheduler.current is task:
        raise RuntimeError("cannot join current thread")
    if not task.done and not scheduler.closing:
        scheduler.wait("join", task, task.joiners, deadline_of(scheduler, timeout))
        if scheduler.trace is not None and timeout is not None:
            scheduler.trace.passed(task, "read", timed=True)
    elif timeout is not None and scheduler.explored_timers and scheduler.trace is not None:
        scheduler.trace.touch(task, "read")  # had it come sooner, it might have waited in vain
    if scheduler.trace is not None and task.done:
        scheduler.trace.order(task)
    if scheduler.history is not None and task.done:
        scheduler.record("join", task.name)


def is_alive(self: Any) -> bool:
    """``Thread.is_alive``."""
    task: Task | None = getattr(self, "_greenroom_task", None)
    if task is None:
        return bool(real_is_alive(self))
    task.scheduler.commit("read", task)
    if task.scheduler.trace is not None:
        task.scheduler.trace.touch(task, "read")
    if task.done and task.scheduler.history is not None:
        task.scheduler.record("dead", task.name)
    return not task.done


def current_thread() -> Any:
    """``threading.current_thread``: a Thread object for every task; the scenario runs in the main thread."""
    task = current_task()
    assert task is not None
    return thread_of(task)


def thread_of(task: Task) -> Any:
    """The Thread object that stands for ``task``."""
    if task.thread is None:
        if task.kind == "scenario":
            task.thread = threading.main_thread()
        else:
            thread: Any = RealThread(name=task.name, daemon=task.daemon)
            thread._greenroom_task = task
            thread._ident = ident_of(task)
            thread._started._flag = True
            task.thread = thread
    return task.thread


def ident_of(task: Task) -> int:
    """What ``threading.get_ident`` says in ``task``."""
    return _FIRST_IDENT + task.index


def get_ident() -> int:
    """``threading.get_ident``."""
    task = current_task()
    assert task is not None
    return ident_of(task)


def enumerate_threads() -> list[Any]:
    """``threading.enumerate``: the threads of this stage."""
    scheduler = scheduler_of_task()
    scheduler.commit("read", scheduler)
    if scheduler.trace is not None:
        scheduler.trace.touch(RealThread, "read")
    return [thread_of(task) for task in scheduler.tasks if not task.done]


def active_count() -> int:
    """``threading.active_count``."""
    return len(enumerate_threads())
