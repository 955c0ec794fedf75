"""Recorded clients: each makes its calls one after another, and every call is an operation with a beginning and an end."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenroom.describe import describe

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.scheduler import Scheduler
    from greenroom.stage import Stage
    from greenroom.task import Task


@dataclass(slots=True, eq=False)
class Operation:
    """One call of a client and what became of it.

    ``invoked_ns`` and ``answered_ns`` are nanoseconds of virtual time, ``invoked_step`` and ``answered_step`` count scheduling points of
    the stage (on real threads both are 0, and times are real). ``answered_ns`` is None while the call is pending.
    """

    client: str
    name: str
    arguments: tuple[Any, ...]
    serial: int
    invoked_ns: int | None = None
    answered_ns: int | None = None
    invoked_step: int = 0
    answered_step: int = 0
    result: Any = None
    error: BaseException | None = None
    function: Callable[..., Any] | None = field(default=None, repr=False)

    @property
    def done(self) -> bool:
        """Whether it was answered, by a result or an error."""
        return self.answered_ns is not None

    @property
    def latency_s(self) -> float:
        """Seconds from invocation to answer; 0 while pending."""
        if self.answered_ns is None or self.invoked_ns is None:
            return 0.0
        return (self.answered_ns - self.invoked_ns) / 1e9

    @property
    def latency_steps(self) -> int:
        """Scheduling points from invocation to answer; 0 while pending."""
        return self.answered_step - self.invoked_step if self.done else 0

    def __str__(self) -> str:
        arguments = ", ".join(describe(argument, 40) for argument in self.arguments)
        if not self.done:
            outcome = "pending"
        elif self.error is not None:
            outcome = f"raised {describe(self.error)}"
        else:
            outcome = describe(self.result)
        return f"{self.client}.{self.name}({arguments}) -> {outcome}"


class _Client:
    """What both kinds of client share."""

    def __init__(self, name: str, operations: list[Operation]) -> None:
        self.name = name
        self._operations = operations

    def call(self, name: str, function: Callable[..., Any], *arguments: Any) -> Operation:
        """Have this client call ``function(*arguments)``, after the calls it has been given before.

        Returns:
            the operation, pending until the machine runs.
        """
        operation = Operation(self.name, name, arguments, len(self._operations) + 1, function=function)
        self._operations.append(operation)
        self._submit(operation)
        return operation

    def ask(self, ref: Any, message: Any, *, timeout: float | None = None) -> Operation:
        """Have this client ask an actor, and wait for its reply."""
        return self.call("ask", lambda _: ref.ask(message, timeout=timeout), message)

    def tell(self, ref: Any, message: Any) -> Operation:
        """Have this client tell an actor."""
        return self.call("tell", lambda _: ref.tell(message), message)

    def _submit(self, operation: Operation) -> None:
        raise NotImplementedError


class StageClient(_Client):
    """A client that is a task of a stage."""

    greenroom_name = "its next call"

    def __init__(self, name: str, operations: list[Operation], stage: Stage) -> None:
        super().__init__(name, operations)
        self._scheduler: Scheduler = stage.scheduler
        self._todo: deque[Operation] = deque()
        self._sleepers: list[Task] = []
        self.task = stage.spawn(name, self._work)

    def _submit(self, operation: Operation) -> None:
        self._todo.append(operation)
        self._scheduler.wake_all(self._sleepers)

    def _work(self) -> None:
        scheduler = self._scheduler
        while True:
            while not self._todo:
                scheduler.wait("idle", self, self._sleepers)
            operation = self._todo.popleft()
            assert operation.function is not None
            operation.invoked_ns, operation.invoked_step = scheduler.clock.now_ns, scheduler.steps
            if scheduler.history is not None:
                scheduler.record("call", operation.name, operation.serial, ", ".join(describe(part, 40) for part in operation.arguments))
            try:
                operation.result = operation.function(*operation.arguments)
            except Exception as error:  # noqa: BLE001 - an answer like any other: the machine judges it
                operation.error = error
            operation.answered_ns, operation.answered_step = scheduler.clock.now_ns, scheduler.steps
            operation.function = None
            if scheduler.history is not None:
                answer = operation.result if operation.error is None else operation.error
                scheduler.record("result", operation.name, operation.serial, describe(answer, 40))


class ThreadClient(_Client):
    """A client that is a thread of its own, for machines that run on Pykka's threads."""

    def __init__(self, name: str, operations: list[Operation], now_ns: Callable[[], int]) -> None:
        super().__init__(name, operations)
        self._now_ns = now_ns
        self._todo: deque[Operation | None] = deque()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def _submit(self, operation: Operation) -> None:
        with self._changed:
            self._todo.append(operation)
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
                operation = self._todo[0]
            if operation is None:
                return
            assert operation.function is not None
            operation.invoked_ns = self._now_ns()
            try:
                operation.result = operation.function(*operation.arguments)
            except Exception as error:  # noqa: BLE001 - an answer like any other: the machine judges it
                operation.error = error
            with self._changed:
                operation.function = None
                operation.answered_ns = self._now_ns()
                self._todo.popleft()
                self._changed.notify_all()


Client = StageClient | ThreadClient
