"""A stage: where actors run on a controlled schedule, in virtual time, and what is torn down behind them."""

from __future__ import annotations

import contextvars
import signal
import threading
from typing import TYPE_CHECKING, Any, Final, Self

from greenroom.clock import FOREVER, to_ns
from greenroom.errors import StageClosed, StageError
from greenroom.scheduler import Scheduler
from greenroom.shims.install import install, uninstall
from greenroom.shims.per_thread import begin_under_a_loop
from greenroom.task import Kind, Task, current_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType, TracebackType

    from greenroom.history import History
    from greenroom.policy import Policy

_real_main_thread = threading.main_thread
_real_ident = threading.get_ident  # a thread object would be made up inside a task, where the idents are the stage's


class Stage:
    """Runs tasks under one policy; a context manager that leaves nothing behind, whatever ends it.

    Args:
        policy: who runs next.
        history: where to record events; None records nothing and is faster.
        max_steps: scheduling points after which an execution counts as a livelock.
        timers: "lazy" lets virtual time pass only when no task can run; "explored" makes each expiry a choice.
    """

    def __init__(self, policy: Policy, *, history: History | None = None, max_steps: int = 20_000, timers: str = "lazy") -> None:
        self.scheduler = Scheduler(policy, history=history, max_steps=max_steps, explored_timers=timers == "explored")
        self._open = False

    def __enter__(self) -> Self:
        if current_task() is not None:
            raise StageError("a stage was opened inside a task of another stage: run one exploration at a time")
        install()
        self._open = True
        begin_under_a_loop(self.scheduler)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def tasks(self) -> list[Task]:
        """Every task that was started, in order; those that are done included."""
        return self.scheduler.tasks

    @property
    def now_s(self) -> float:
        """Virtual seconds since the stage opened."""
        return self.scheduler.clock.now_ns / 1e9

    def spawn(self, name: str, function: Callable[[], Any], *, kind: Kind = "client") -> Task:
        """A new task that calls ``function``; it runs with the next ``run``.

        Raises:
            StageClosed: the stage is closed.
        """
        if not self._open:
            raise StageClosed("this stage is closed; open a new one")
        context = contextvars.copy_context()
        return self.scheduler.spawn(self.scheduler.unique_name(name), kind, lambda: context.run(function))

    def run(self, *, until_s: float | None = None) -> None:
        """Run until no task can go on, or an execution-wide verdict stops it.

        Args:
            until_s: virtual seconds (since opening) up to which timers may expire; None is without end.

        Raises:
            StageClosed: the stage is closed.
            KeyboardInterrupt: Ctrl-C was pressed; the stage is closed by then.
            BaseException: what the policy raised; the stage is closed by then.
        """
        if not self._open:
            raise StageClosed("this stage is closed; open a new one")
        scheduler = self.scheduler
        horizon = FOREVER if until_s is None else to_ns(until_s)
        with listening:
            scheduler.run(horizon)
        if scheduler.verdict == "interrupt":
            self.close()
            raise KeyboardInterrupt
        if isinstance(scheduler.verdict, BaseException):
            self.close()
            raise scheduler.verdict

    def advance_to(self, instant_s: float) -> None:
        """Let virtual time pass up to ``instant_s``, running whatever its timers wake."""
        self.run(until_s=instant_s)
        self.scheduler.clock.jump(to_ns(instant_s))

    def alive(self) -> Iterator[Task]:
        """The tasks that are not done."""
        return (task for task in self.tasks if not task.done)

    def close(self) -> None:
        """End all tasks and put every replaced name back; harmless when repeated."""
        if not self._open:
            return
        self._open = False
        try:
            self.scheduler.close()
        finally:
            uninstall()


class _Listening:
    """While it is entered, Ctrl-C inside a task goes to the task's stage: Pykka would swallow it, and stop all actors instead.

    It nests; setting a handler of signals takes as long as several steps, so who runs many stages enters it once around all.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._previous: Any = None

    def __enter__(self) -> None:
        if _real_ident() != _real_main_thread().ident:
            return
        self._depth += 1
        if self._depth > 1:
            return
        previous = signal.getsignal(signal.SIGINT)
        if callable(previous):
            self._previous = previous
            signal.signal(signal.SIGINT, self._interrupted)

    def __exit__(self, *exception: object) -> None:
        if _real_ident() != _real_main_thread().ident:
            return
        self._depth -= 1
        if self._depth == 0 and self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        task = current_task()
        if task is None:
            self._previous(number, frame)
        else:
            task.scheduler.interrupt()


listening: Final = _Listening()
