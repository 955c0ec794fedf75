"""How a client's call becomes an operation with a beginning and an end: on a stage, and on real threads."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pykka

from greenroom.describe import describe
from greenroom.elsewhere import here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from greenroom.history import History, Operation
    from greenroom.scheduler import Scheduler


class RealTime:
    """The order of operations in time, as a thing that their beginnings and ends touch: what ``exhaust`` has to turn round."""

    greenroom_name = "the order of operations"


class OnStage:
    """Performs operations in the running task of a stage.

    A call begins together with the first visible thing that it does, and ends together with the last: between two calls others may make
    one of their own, before or after that it is not the call. ``history`` is None where nobody wants the operations; the scheduling
    points are the same, so that a schedule means the same with a check and without.
    """

    def __init__(self, scheduler: Scheduler, history: History | None) -> None:
        self._scheduler = scheduler
        self._history = history

    def perform(self, operation: Operation, function: Callable[..., Any], target: Any) -> None:
        """Make the call; ``target`` is what it touches first. Its result or error is the operation's."""
        scheduler = self._scheduler
        task = scheduler.current
        if task is not None and task.committed:
            scheduler.point("call", target)
            task.committed = False
        self._begin(operation)
        try:
            operation.result = function(*operation.arguments)
        except Exception as error:  # noqa: BLE001 - an answer like any other: whoever asked, or a checker, judges it
            operation.error = error
        self._end(operation)
        if task is not None:
            task.committed = True

    def _begin(self, operation: Operation) -> None:
        scheduler, history = self._scheduler, self._history
        if scheduler.trace is not None and scheduler.real_time:
            scheduler.trace.touch(scheduler.real_time, "invoke")
        if history is None:
            return
        if not operation.serial:
            operation.serial = len(history.operations) + 1
            history.operations.append(operation)
        task = scheduler.current
        operation.task = "" if task is None else task.name
        operation.invoked = history.stamp()
        operation.invoked_ns, operation.invoked_step = scheduler.clock.now_ns, scheduler.steps
        if scheduler.history is not None:
            operation.asked = operation.asked or arguments_text(operation.arguments)
            scheduler.record("call", _shown(operation), operation.serial, operation.asked)

    def _end(self, operation: Operation) -> None:
        scheduler, history = self._scheduler, self._history
        late = isinstance(operation.error, pykka.Timeout)
        if scheduler.trace is not None and scheduler.real_time and not late:
            scheduler.trace.touch(scheduler.real_time, "respond")
        if history is None or scheduler.closing:
            return
        operation.answered = None if late else history.stamp()
        operation.answered_ns, operation.answered_step = scheduler.clock.now_ns, scheduler.steps
        if scheduler.history is not None:
            operation.gave = answer_text(operation)
            raises = "" if operation.error is None else "raises "
            scheduler.record("result", _shown(operation), operation.serial, raises + operation.gave)


class OnThreads:
    """Performs operations on real threads; times are those of ``now_ns``."""

    def __init__(self, history: History, now_ns: Callable[[], int]) -> None:
        self._history = history
        self._now_ns = now_ns
        self._appending = threading.Lock()

    def perform(self, operation: Operation, function: Callable[..., Any]) -> None:
        """Make the call in the running thread."""
        history = self._history
        player = here()
        if player is not None:
            player.pass_by("call")
        if not operation.serial:
            with self._appending:
                operation.serial = len(history.operations) + 1
                history.operations.append(operation)
        operation.task = threading.current_thread().name
        operation.asked = operation.asked or arguments_text(operation.arguments)
        operation.invoked, operation.invoked_ns = history.stamp(), self._now_ns()
        try:
            operation.result = function(*operation.arguments)
        except Exception as error:  # noqa: BLE001 - as on a stage
            operation.error = error
        operation.gave = answer_text(operation)
        operation.answered = None if isinstance(operation.error, pykka.Timeout) else history.stamp()
        operation.answered_ns = self._now_ns()


_recorder: OnThreads | None = None


def recorder_off_stage() -> OnThreads | None:
    """What records off stage now, if anything does."""
    return _recorder


@contextmanager
def recording_into(history: History, *, now_ns: Callable[[], int] = time.perf_counter_ns) -> Iterator[History]:
    """Off stage, the clients of ``greenroom.client`` record into ``history``, in every thread, until this is left."""
    global _recorder  # noqa: PLW0603 - threads that the program starts do not inherit a context
    before, _recorder = _recorder, OnThreads(history, now_ns)
    try:
        yield history
    finally:
        _recorder = before


def arguments_text(arguments: tuple[Any, ...]) -> str:
    """Arguments as short text."""
    return ", ".join(describe(part, 40) for part in arguments)


def answer_text(operation: Operation) -> str:
    """A result or an error as short text."""
    return describe(operation.result if operation.error is None else operation.error)


def _shown(operation: Operation) -> str:
    """A client that has a lane of its own is not named in it."""
    return operation.name if operation.client == operation.task else f"{operation.client}.{operation.name}"
