"""Recorded clients: each makes its calls one after another, and every call is an operation with a beginning and an end."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from greenroom.describe import describe
from greenroom.history import Operation

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.history import History
    from greenroom.scheduler import Scheduler
    from greenroom.stage import Stage
    from greenroom.task import Task


class _Client:
    """What both kinds of client share."""

    def __init__(self, name: str, history: History) -> None:
        self.name = name
        self._history = history

    def call(self, name: str, function: Callable[..., Any], *arguments: Any) -> Operation:
        """Have this client call ``function(*arguments)``, after the calls it has been given before.

        Returns:
            the operation, pending until the machine runs.
        """
        operations = self._history.operations
        asked = ", ".join(describe(part, 40) for part in arguments)
        operation = Operation(self.name, name, arguments, len(operations) + 1, asked=asked)
        operations.append(operation)
        self._submit(operation, function)
        return operation

    def ask(self, ref: Any, message: Any, *, timeout: float | None = None) -> Operation:
        """Have this client ask an actor, and wait for its reply."""
        return self.call("ask", lambda _: ref.ask(message, timeout=timeout), message)

    def tell(self, ref: Any, message: Any) -> Operation:
        """Have this client tell an actor."""
        return self.call("tell", lambda _: ref.tell(message), message)

    def _submit(self, operation: Operation, function: Callable[..., Any]) -> None:
        raise NotImplementedError


class StageClient(_Client):
    """A client that is a task of a stage."""

    greenroom_name = "its next call"

    def __init__(self, name: str, history: History, stage: Stage) -> None:
        super().__init__(name, history)
        self._scheduler: Scheduler = stage.scheduler
        self._todo: deque[tuple[Operation, Callable[..., Any]]] = deque()
        self._sleepers: list[Task] = []
        self.task = stage.spawn(name, self._work)

    def _submit(self, operation: Operation, function: Callable[..., Any]) -> None:
        self._todo.append((operation, function))
        self._scheduler.wake_all(self._sleepers)

    def _work(self) -> None:
        scheduler = self._scheduler
        while True:
            while not self._todo:
                scheduler.wait("idle", self, self._sleepers)
            operation, function = self._todo.popleft()
            operation.invoked = self._history.stamp()
            operation.invoked_ns, operation.invoked_step = scheduler.clock.now_ns, scheduler.steps
            if scheduler.history is not None:
                scheduler.record("call", operation.name, operation.serial, operation.asked)
            try:
                operation.result = function(*operation.arguments)
            except Exception as error:  # noqa: BLE001 - an answer like any other: the machine judges it
                operation.error = error
            operation.gave = describe(operation.result if operation.error is None else operation.error)
            operation.answered = self._history.stamp()
            operation.answered_ns, operation.answered_step = scheduler.clock.now_ns, scheduler.steps
            del function  # it may hold what the program has let go of
            if scheduler.history is not None:
                scheduler.record("result", operation.name, operation.serial, operation.gave)


class ThreadClient(_Client):
    """A client that is a thread of its own, for machines that run on Pykka's threads."""

    def __init__(self, name: str, history: History, now_ns: Callable[[], int]) -> None:
        super().__init__(name, history)
        self._now_ns = now_ns
        self._todo: deque[tuple[Operation, Callable[..., Any]] | None] = deque()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def _submit(self, operation: Operation, function: Callable[..., Any]) -> None:
        with self._changed:
            self._todo.append((operation, function))
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait until all calls are answered; False if some are not after ``timeout_s`` real seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._todo, timeout_s)

    def close(self) -> None:
        """End the thread once its calls are done."""
        with self._changed:
            self._todo.append(None)
            self._changed.notify_all()
        self._thread.join(5.0)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._todo))
                todo = self._todo[0]
            if todo is None:
                return
            operation, function = todo
            operation.invoked, operation.invoked_ns = self._history.stamp(), self._now_ns()
            try:
                operation.result = function(*operation.arguments)
            except Exception as error:  # noqa: BLE001 - an answer like any other: the machine judges it
                operation.error = error
            operation.gave = describe(operation.result if operation.error is None else operation.error)
            with self._changed:
                del function, todo  # it may hold what the program has let go of
                operation.answered, operation.answered_ns = self._history.stamp(), self._now_ns()
                self._todo.popleft()
                self._changed.notify_all()


Client = StageClient | ThreadClient
