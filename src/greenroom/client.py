"""Recorded clients: each makes its calls one after another, and every call is an operation with a beginning and an end."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from greenroom.history import Operation
from greenroom.operations import OnStage, OnThreads, arguments_text, recorder_off_stage
from greenroom.task import current_task

if TYPE_CHECKING:
    from collections.abc import Callable

    import pykka

    from greenroom.history import History
    from greenroom.scheduler import Scheduler
    from greenroom.stage import Stage
    from greenroom.task import Task


T = TypeVar("T")


def client(name: str) -> RecordedClient:
    """A client of that name, for a scenario: it makes calls at once, in the task that uses it, and records each as an operation.

    Use one client for each flow of control: its calls follow one another. On a stage operations go to the history of the execution, on
    real threads to the history that ``recording_into`` named; where there is none, calls are made and nothing is recorded.
    """
    return RecordedClient(name)


class RecordedClient:
    """Makes calls and records them; made by ``greenroom.client``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<client {self.name}>"

    @property
    def greenroom_name(self) -> str:
        """What a scheduling point before one of its calls is about."""
        return self.name

    def call(self, name: str, function: Callable[..., T], *arguments: Any) -> T:
        """Call ``function(*arguments)``, as the operation ``name`` with these arguments.

        Returns:
            what it returns.

        Raises:
            Exception: what it raises; that is the operation's error.
        """
        result: T = self._record(name, function, arguments, self)
        return result

    def ask(self, ref: pykka.ActorRef[Any], message: Any, *, timeout: float | None = None) -> Any:
        """Ask an actor, and return its reply; the operation's call is the message.

        Raises:
            pykka.Timeout: no reply came in time; the operation may still take effect.
            Exception: what the actor raised.
        """
        return self._record("ask", lambda _: ref.ask(message, timeout=timeout), (message,), getattr(ref, "actor_inbox", self))

    def tell(self, ref: pykka.ActorRef[Any], message: Any) -> None:
        """Tell an actor; the operation's call is the message, and it is answered once the message is sent."""
        self._record("tell", lambda _: ref.tell(message), (message,), getattr(ref, "actor_inbox", self))

    def _record(self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...], target: Any) -> Any:
        task = current_task()
        operation = Operation(self.name, name, arguments, 0)
        if task is not None:
            OnStage(task.scheduler, task.scheduler.operations).perform(operation, function, target)
        else:
            recorder = recorder_off_stage()
            if recorder is None:
                return function(*arguments)
            recorder.perform(operation, function)
        if operation.error is not None:
            raise operation.error
        return operation.result


class _Client:
    """What both kinds of client of a machine share."""

    def __init__(self, name: str, history: History) -> None:
        self.name = name
        self._history = history
        self.kept: list[tuple[Callable[..., Any], tuple[Any, ...]]] | None = None  # the calls, where somebody wants to repeat them

    def call(self, name: str, function: Callable[..., Any], *arguments: Any) -> Operation:
        """Have this client call ``function(*arguments)``, after the calls it has been given before.

        Returns:
            the operation, pending until the machine runs.
        """
        operations = self._history.operations
        operation = Operation(self.name, name, arguments, len(operations) + 1, asked=arguments_text(arguments))
        operations.append(operation)
        if self.kept is not None:
            self.kept.append((function, arguments))
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
        self._recorder = OnStage(stage.scheduler, history)
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
            self._recorder.perform(operation, function, self)
            del function  # it may hold what the program has let go of


class ThreadClient(_Client):
    """A client that is a thread of its own, for machines that run on Pykka's threads."""

    def __init__(self, name: str, history: History, now_ns: Callable[[], int]) -> None:
        super().__init__(name, history)
        self._recorder = OnThreads(history, now_ns)
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
            self._recorder.perform(operation, function)
            with self._changed:
                del function, todo  # it may hold what the program has let go of
                self._todo.popleft()
                self._changed.notify_all()


Client = StageClient | ThreadClient
