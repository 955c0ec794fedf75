"""The history of an execution: what happened, in order, with virtual times."""

from __future__ import annotations

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
    - of clients: call, result; of the scenario: choose, checkpoint, sleep, note; line (a task goes on in the middle of a function).

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


class History:
    """The recorded events of one execution, and how it ended.

    ``ended_blocked`` maps each task that did not end to the operation it waited in. ``endings`` says of every task how it ended, in a
    few words ("done", "idle", "✗ waits for Lock-1"), in the order of a picture's lanes: the scenario and the clients, then the others
    as they were started. ``ended_by`` is "scenario" where its own exception is the failure, "steps" where the limit of steps ended
    it, else "". ``focus`` names the tasks that the failure is about; empty where there is none, or where all may matter.

    The stage appends to ``recorded`` what will be an event once somebody looks: the fields of one, with a detail that is a text or
    the call that makes it (a function, then its arguments). Few of all recorded executions are ever looked at.
    """

    __slots__ = ("_events", "deviation", "ended_blocked", "ended_by", "endings", "focus", "recorded")

    def __init__(
        self,
        events: Iterable[Event] = (),
        *,
        ended_blocked: dict[str, str] | None = None,
        endings: dict[str, str] | None = None,
        ended_by: Literal["", "scenario", "steps"] = "",
        focus: tuple[str, ...] = (),
    ) -> None:
        self._events = list(events)
        self.recorded: list[tuple[Any, ...]] = []
        self.deviation = False
        self.ended_blocked = ended_blocked or {}
        self.endings = endings or {}
        self.ended_by: Literal["", "scenario", "steps"] = ended_by
        self.focus = focus

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
