"""Pykka as a simulated task sees it: the inbox, the future, and the life of an actor.

Pykka is entered through its own three hooks (``_create_actor_inbox``, ``_create_future``, ``_start_actor_loop``) and
through the registry; ``shims.install`` puts these in place and takes them away again.
"""

from __future__ import annotations

import queue
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

import pykka
from pykka import messages

from greenroom.describe import describe, message_detail, value_detail
from greenroom.errors import OutsideStage, StageClosed
from greenroom.shims.gates import deadline_of, scheduler_of_task
from greenroom.task import Task, current_task

if TYPE_CHECKING:
    from greenroom.scheduler import Scheduler

RealFuture: Final = pykka.ThreadingFuture


class Trouble(Protocol):
    """What befalls an actor when it reads its inbox."""

    def before(self, inbox: Inbox) -> None:
        """It is about to take a message, and one is there."""

    def taken(self, inbox: Inbox, envelope: Any) -> None:
        """It has taken one, and will handle it next."""


class Inbox:
    """An actor's inbox; messages are numbered from 1 in the order in which they were put.

    ``owner`` is the actor's task, and ``greenroom_name`` its name. ``trouble`` is what a test has in store for the actor, if anything.
    ``draining`` is true once the actor has ended: what it then takes out is answered or dropped, not handled.
    """

    __slots__ = (
        "_items",
        "_lasting",
        "_scheduler",
        "_takers",
        "deepest",
        "draining",
        "greenroom_name",
        "owner",
        "put_count",
        "taken_count",
        "trouble",
    )

    def __init__(self) -> None:
        self._scheduler: Scheduler = scheduler_of_task()
        self._items: deque[Any] = deque()
        self._lasting: dict[int, tuple[Any, Any]] = {}  # by envelope, with its detail: what lasts is looked at once
        self._takers: list[Task] = []
        self.owner: Task | None = None
        self.greenroom_name = "an actor that was never started"
        self.put_count = 0
        self.taken_count = 0
        self.deepest = 0
        self.draining = False
        self.trouble: Trouble | None = None
        if self._scheduler.trace is not None:
            self._scheduler.trace.born(self)

    def __repr__(self) -> str:
        return f"<inbox of {self.greenroom_name}>"

    def put(self, envelope: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002, FBT001, FBT002 - as queue.Queue has it
        scheduler = self._scheduler
        task = scheduler.current
        if task is not None:
            if task.committed:
                scheduler.point("send", self)
            task.committed = True
        elif scheduler.closing and current_task() is not None:
            raise StageClosed(
                f"{self.greenroom_name} was started in an earlier execution, which is over: the reference to it outlived that "
                "(a global, a cache, a fixture of a wider scope); let each execution start its own"
            )
        self.put_count += 1
        items = self._items
        items.append(envelope)
        if len(items) > self.deepest:  # noqa: PLR1730 - max() costs a call on the hot path
            self.deepest = len(items)
        reply_to = envelope.reply_to
        if reply_to is not None and type(reply_to) is Future:
            reply_to.asked = (self, self.put_count, envelope)
        if scheduler.trace is not None:
            scheduler.trace.send(self, envelope.message, self.put_count)
            scheduler.trace.handed.append(envelope.message)
        if scheduler.history is not None:
            kind = "lost" if self.owner is not None and self.owner.done else "send"
            detail = message_detail(envelope.message, "" if reply_to is None else "ask ")
            if type(detail) is tuple:
                self._lasting[id(envelope)] = (envelope, detail)
            scheduler.record(kind, self.greenroom_name, self.put_count, detail)
        if self._takers:
            scheduler.wake_all(self._takers)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - as queue.Queue has it
        scheduler = self._scheduler
        task = scheduler.current
        if task is not None and task is self.owner:
            if task.fresh:
                task.fresh = task.committed = False
            elif self._items:
                task.handling = None
                scheduler.point("receive", self)
            task.handling = None
        if not self._items:
            self._wait(timeout if block else 0)
        trouble = None if self.draining else self.trouble
        if trouble is not None:
            trouble.before(self)
        envelope = self._items.popleft()
        self.taken_count += 1
        if scheduler.trace is not None:
            scheduler.trace.order((id(self), self.taken_count))
            scheduler.trace.taken.append(envelope.message)
        if task is not None and not self.draining:
            task.handling = envelope
            task.handling_number = self.taken_count
        if scheduler.history is not None:
            lasting = self._lasting.pop(id(envelope), None)
            detail = message_detail(envelope.message, "ask " if envelope.reply_to is not None else "") if lasting is None else lasting[1]
            scheduler.record("receive", self.greenroom_name, self.taken_count, detail)
        if trouble is not None and not isinstance(envelope.message, messages._ActorStop):
            trouble.taken(self, envelope)
        return envelope

    def _wait(self, timeout: float | None) -> None:
        """Wait for a message, ``timeout`` seconds at most; ``queue.Empty`` if none came."""
        scheduler = self._scheduler
        trace = scheduler.trace
        deadline = deadline_of(scheduler, timeout)
        in_time = timeout is None or timeout > 0
        while in_time and not self._items:
            in_time = scheduler.wait("receive", self, self._takers, deadline)
        if trace is not None and deadline is not None:
            trace.passed(self, "read", timed=True)
        if not in_time:
            raise queue.Empty

    def crash(self, envelope: Any, exception: Any) -> None:
        """Let the handling of ``envelope``, just taken, raise: Pykka is led to call ``greenroom_raise`` instead of the handler."""
        envelope.message = messages.ProxyCall(("actor_inbox", "greenroom_raise"), (exception,), {})

    def greenroom_raise(self, exception: Any) -> None:
        """Raise ``exception`` in the place of a handler."""
        raise exception

    def empty(self) -> bool:
        # The owner only looks when it has stopped: then a message comes either before that step or too late for it.
        if self._scheduler.current is not self.owner:
            self._scheduler.commit("read", self)
        elif self.owner is not None:
            self.draining = getattr(self.owner.actor.actor_stopped, "_flag", False)
        if self._scheduler.trace is not None:
            self._scheduler.trace.touch(self, "read")
        return not self._items

    def qsize(self) -> int:
        self._scheduler.commit("read", self)
        if self._scheduler.trace is not None:
            self._scheduler.trace.touch(self, "read")
        return len(self._items)

    def full(self) -> bool:
        return False

    def put_nowait(self, envelope: Any) -> None:
        self.put(envelope)

    def get_nowait(self) -> Any:
        return self.get(block=False)

    def waiting(self) -> list[Any]:
        """The messages that have not been taken yet; for pictures and checks, no scheduling point."""
        return [envelope.message for envelope in self._items]

    def holds(self, envelope: Any) -> int:
        """The place of ``envelope`` in the inbox, counted from 1, or 0."""
        return next((place for place, item in enumerate(self._items, 1) if item is envelope), 0)


class Future(pykka.ThreadingFuture[Any]):
    """A simulated ``pykka.ThreadingFuture``. ``asked`` says for which message of which inbox it is the reply, if for any."""

    _result: Any = None  # what most futures never change stays in the class: many are made
    _hook_runs_in: Task | None = None
    asked: tuple[Any, int, Any] | None = None
    _name = ""

    def __init__(self) -> None:
        pykka.Future.__init__(self)
        self._scheduler: Scheduler = scheduler_of_task()
        self._sleepers: list[Task] = []
        if self._scheduler.trace is not None:
            self._scheduler.trace.born(self)

    def __repr__(self) -> str:
        return "<pykka.Future>"

    @property
    def greenroom_label(self) -> str:
        """The name of a future that is nobody's reply, given when it is first told of; the program never sees it."""
        if not self._name:
            self._name = self._scheduler.numbered_name("Future")
        return self._name

    def _told_as(self) -> tuple[str, int]:
        """The target and number of events about it."""
        return (self.greenroom_label, 0) if self.asked is None else (self.asked[0].greenroom_name, self.asked[1])

    @property
    def greenroom_name(self) -> str:
        """What is awaited, in words."""
        if self.asked is None:
            return "a future"
        inbox, number, _ = self.asked
        return f"the reply of {inbox.greenroom_name} to message #{number}"

    @property
    def is_set(self) -> bool:
        """Whether a value or an exception is there; for checks, no scheduling point."""
        return self._result is not None

    def get(self, *, timeout: float | None = None) -> Any:
        if self._get_hook is not None:
            return self._get_by_hook(timeout)
        if self._result is None:
            self._wait(timeout)
        elif timeout is not None and self._scheduler.explored_timers and self._scheduler.trace is not None:
            self._scheduler.trace.touch(self, "read")  # had it come sooner, it might have waited in vain
        result = self._result
        assert result is not None
        if self._scheduler.trace is not None:
            self._scheduler.trace.order(self)
            self._scheduler.trace.taken.append(result[1])
        if self._scheduler.history is not None and self._scheduler.current is not None:
            self._record_answer(result)
        kind, value = result
        if kind is None:
            return value
        exception_type, exception, trace = value
        if exception is None:
            exception = exception_type()
        raise exception.with_traceback(trace)

    def _wait(self, timeout: float | None) -> None:
        scheduler = self._scheduler
        if timeout is not None and timeout <= 0:
            scheduler.commit("read", self)
            if scheduler.trace is not None:
                scheduler.trace.touch(self, "read")
            if self._result is None:
                if scheduler.history is not None:
                    scheduler.record("timeout", *self._told_as(), f"after {timeout:g} s")
                raise pykka.Timeout(f"{timeout} seconds")
            return
        if scheduler.current is None and not scheduler.closing:
            raise OutsideStage(
                "a simulated future has no value yet, and no task is running that could give it one; "
                "call get() inside the scenario (or through a client of the machine)"
            )
        deadline = None if timeout is None else deadline_of(scheduler, timeout)
        in_time = scheduler.wait("wait", self, self._sleepers, deadline)
        if scheduler.trace is not None and timeout is not None:
            scheduler.trace.passed(self, "read", timed=True)
        if not in_time:
            if scheduler.history is not None:
                scheduler.record("timeout", *self._told_as(), f"after {timeout:g} s")
            raise pykka.Timeout(f"{timeout} seconds")

    def _get_by_hook(self, timeout: float | None) -> Any:
        # Pykka holds the future's lock while the hook runs: a second reader waits for the first, however long that takes.
        scheduler = self._scheduler
        task = scheduler.current
        while self._hook_runs_in is not None and self._hook_runs_in is not task:
            scheduler.wait("wait", self, self._sleepers)
        if scheduler.trace is not None:
            scheduler.trace.touch(self, "write")
        before, self._hook_runs_in = self._hook_runs_in, task
        try:
            return pykka.Future.get(self, timeout=timeout)
        finally:
            self._hook_runs_in = before
            if before is None:
                scheduler.wake_all(self._sleepers)

    def _record_answer(self, result: Any) -> None:
        kind, value = result
        text = value_detail(value) if kind is None else f"raises {describe(value[1]) if value[1] is not None else value[0].__name__}"
        asked = self.asked
        if asked is not None:
            self._scheduler.record("answer", asked[0].greenroom_name, asked[1], text)
        else:
            self._scheduler.record("answer", self.greenroom_label, 0, text)

    def set(self, value: Any = None) -> None:
        self._fulfil((None, value))

    def set_exception(self, exc_info: Any = None) -> None:
        assert exc_info is None or len(exc_info) == 3
        exc_info = exc_info or sys.exc_info()
        self._fulfil(("exception", exc_info))

    def _fulfil(self, result: tuple[str | None, Any]) -> None:
        scheduler = self._scheduler
        if self.asked is None or not isinstance(self.asked[2].message, messages._ActorStop):
            scheduler.commit("set", self)  # the answer to a stop belongs to the stop: whoever looks for it waits
        if scheduler.trace is not None:
            scheduler.trace.touch(self, "write")
            scheduler.trace.publish(self)
            scheduler.trace.handed.append(result[1])
        if self._result is not None or self._get_hook is not None:
            raise queue.Full
        self._result = result
        if scheduler.history is not None:
            kind, value = result
            text = value_detail(value) if kind is None else f"raises {describe(value[1])}"
            asked = self.asked
            if asked is not None:
                scheduler.record("reply", asked[0].greenroom_name, asked[1], text)
            else:
                scheduler.record("reply", self.greenroom_label, 0, text)
        if self._sleepers:
            scheduler.wake_all(self._sleepers)

    def set_get_hook(self, func: Any) -> None:
        if self._result is not None:
            raise queue.Full
        self._get_hook = func


def start_actor_loop(actor: Any) -> None:
    """Pykka's third hook: the loop of ``actor`` becomes a task."""
    scheduler = scheduler_of_task()
    class_name = type(actor).__name__
    scheduler.actor_count += 1
    name = scheduler.unique_name(f"{class_name}-{scheduler.actor_count}")
    inbox = actor.actor_inbox
    # An actor without a setup of its own does nothing visible before its first message: it starts by waiting for that.
    kind = type(actor)
    plain = kind.on_start is pykka.Actor.on_start and kind._actor_loop is pykka.Actor._actor_loop
    idle = isinstance(inbox, Inbox) and plain and not inbox._items
    task = scheduler.spawn(name, "actor", actor._actor_loop, daemon=actor.use_daemon_thread, idle_in=inbox._takers if idle else None)
    task.target = inbox
    task.actor = actor
    task.inbox = inbox
    if isinstance(inbox, Inbox):
        inbox.owner = task
        inbox.greenroom_name = name
    if hasattr(actor.actor_stopped, "owner"):
        actor.actor_stopped.owner = task
    if scheduler.history is not None:
        scheduler.record("start", name)


def actor_failed(actor: Any, exception: BaseException | None) -> None:
    """Pykka is about to end ``actor`` for an exception that no asker will see."""
    task = current_task()
    if task is None or task.actor is not actor:
        return
    task.died_of = exception
    task.died_handling = task.handling  # what Pykka takes out of the inbox from here on is answered or dropped, not handled
    during_message = task.handling is not None and not isinstance(task.handling.message, messages._ActorStop)
    task.seen_failure = during_message and type(actor).on_failure is not pykka.Actor.on_failure
    scheduler = task.scheduler
    if scheduler.history is not None:
        scheduler.record("died", task.name, 0, describe(exception))
