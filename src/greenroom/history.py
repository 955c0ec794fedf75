"""The history of an execution: what happened, in order, with virtual times."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Detail: TypeAlias = str | tuple[Any, ...]  # a text, or a function that makes it and what it is made of


class Event(NamedTuple):
    """Something that a task did or that befell it.

    ``kind`` is one of

    - of actors: start, send, lost (a message put where nobody will look), receive, reply (sets a future), answer (gets a future's value),
      timeout (of whatever was waited for), died, dead (an actor or thread was found to have ended);
    - of locks: lock, unlock, busy (it could not be had); of semaphores: acquire, release, empty; of conditions: notify, notified; of
      events: set, clear, wait (it was set), read; of queues: put, get, read, task_done; of threads: start; of threads and queues: join;
    - of event loops of asyncio: call_soon (another task gives it a callback), callback (it calls that);
    - of clients: call, result; of the scenario: choose, checkpoint, sleep, note; line (a task goes on in the middle of a function); held
      (back, by the schedule);
    - of a machine: fault (something that it has injected strikes the task; ``target`` is the port, if it is one's).

    ``number`` tells which message of the inbox ``target`` is meant, or which item of a queue (counted from 1), or is 0. ``deviation``
    marks the first thing that a task did after it was chosen against the default order.
    """

    time_ns: int
    task: str
    kind: str
    target: str = ""
    number: int = 0
    detail: str = ""
    deviation: bool = False

    def __str__(self) -> str:
        where = f" {self.target}" if self.target else ""
        which = f"#{self.number}" if self.number else ""
        what = f" {self.detail}" if self.detail else ""
        return f"{self.time_ns / 1e9:.6f} {'*' if self.deviation else ' '} {self.task}: {self.kind}{where}{which}{what}"


@dataclass(slots=True, eq=False)
class Operation:
    """One call of a client and what became of it: what linearizability is about.

    ``invoked`` and ``answered`` are stamps of one counter: an operation comes before another in real time where its ``answered`` is less
    than the other's ``invoked``; ``answered`` is None while the call is pending. ``invoked_ns`` and ``answered_ns`` are nanoseconds of
    virtual time, ``invoked_step`` and ``answered_step`` count scheduling points of the stage (on real threads both are 0, and times
    are real). An operation has a result, or an error that its call raised. Where that is a timeout of the wait, it is ``done`` but
    ``answered`` stays None: the call may still take effect. ``asked`` and ``gave`` are its arguments and its answer as short texts, as
    they were at that time (empty where only operations are recorded), and ``task`` is who made the call.
    """

    client: str
    name: str
    arguments: tuple[Any, ...]
    serial: int
    invoked: int | None = None
    answered: int | None = None
    invoked_ns: int | None = None
    answered_ns: int | None = None
    invoked_step: int = 0
    answered_step: int = 0
    result: Any = None
    error: BaseException | None = None
    asked: str = ""
    gave: str = ""
    task: str = ""

    @property
    def call(self) -> Any:
        """What a ``Spec`` takes a step with: the message of an ask or a tell, else a tuple of the name and the arguments."""
        return self.arguments[0] if self.name in ("ask", "tell") and len(self.arguments) == 1 else (self.name, *self.arguments)

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
        asked = self.asked or ", ".join(map(repr, self.arguments))
        answer = self.gave or repr(self.result if self.error is None else self.error)
        outcome = "pending" if not self.done else answer if self.error is None else f"raised {answer}"
        return f"{self.client}.{self.name}({asked}) -> {outcome}"


class History:
    """The recorded events of one execution, the operations of its clients, and how it ended.

    ``ended_blocked`` maps each task that did not end to the operation it waited in. ``endings`` says of every task how it ended, in a
    few words ("done", "idle", "✗ waits for Lock-1"), in the order of a picture's lanes: the scenario and the clients, then the others
    as they were started. ``ended_by`` is "scenario" where its own exception is the failure, "steps" where the limit of steps ended
    it, else "". ``focus`` names the tasks that the failure is about; empty where there is none, or where all may matter.
    ``focus_operations`` holds the serial numbers of the operations that it is about, where a claim about operations is broken.

    The stage appends to ``recorded`` what will be an event once somebody looks: the fields of one, with a detail that is a text or
    the call that makes it (a function, then its arguments). Few of all recorded executions are ever looked at.
    """

    __slots__ = (
        "_events",
        "_stamps",
        "deviation",
        "ended_blocked",
        "ended_by",
        "endings",
        "focus",
        "focus_operations",
        "operations",
        "recorded",
    )

    def __init__(  # noqa: PLR0913 - what a test of a checker writes down, each by its name
        self,
        events: Iterable[Event] = (),
        *,
        operations: Iterable[Operation] = (),
        ended_blocked: dict[str, str] | None = None,
        endings: dict[str, str] | None = None,
        ended_by: Literal["", "scenario", "steps"] = "",
        focus: tuple[str, ...] = (),
    ) -> None:
        self._events = list(events)
        self._stamps = count(1)
        self.operations = list(operations)
        self.recorded: list[tuple[Any, ...]] = []
        self.deviation = False
        self.ended_blocked = ended_blocked or {}
        self.endings = endings or {}
        self.ended_by: Literal["", "scenario", "steps"] = ended_by
        self.focus = focus
        self.focus_operations: tuple[int, ...] = ()

    @property
    def events(self) -> list[Event]:
        """What happened, in order."""
        if self.recorded:
            self._events += map(_event, self.recorded)
            self.recorded.clear()
        return self._events

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in ("events", "ended_blocked", "endings", "ended_by", "focus"))

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"<History of {len(self)} events>"

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self._events) + len(self.recorded)

    def __str__(self) -> str:
        return "\n".join(str(event) for event in self.events)

    def stamp(self) -> int:
        """The next moment in the order of invocations and answers; safe to call from several threads."""
        return next(self._stamps)

    def of(self, *kinds: str) -> list[Event]:
        """The events of these kinds, in order."""
        return [event for event in self.events if event.kind in kinds]

    def tasks(self) -> list[str]:
        """The names of the tasks that did something, in the order of their first event."""
        return list(dict.fromkeys(event.task for event in self.events if event.task))


def _event(recorded: tuple[Any, ...]) -> Event:
    time_ns, task, kind, target, number, detail, deviation = recorded
    if type(detail) is not str:
        make, *arguments = detail
        detail = make(*arguments)
    return Event(time_ns, task, kind, target, number, detail, deviation)
