"""The history of an execution: what happened, in order, with virtual times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Event(NamedTuple):
    """Something that a task did or that befell it.

    ``kind`` is one of: start, send, receive, reply, answer, wait, lock, unlock, set, sleep, stop, died, end, choose, checkpoint,
    lost (a message put where nobody will look), line (a task goes on in the middle of a function), note. ``number`` tells which
    message of the inbox ``target`` is meant (counted from 1) or is 0. ``deviation`` marks the first thing that a task did after it
    was chosen against the default order.
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


@dataclass(slots=True)
class History:
    """The recorded events of one execution, and how it ended.

    ``ended_blocked`` maps each task that did not end to the operation it waited in. ``endings`` says of every task how it ended, in a
    few words ("done", "idle", "✗ waits for Lock-1"), in the order of a picture's lanes: the scenario and the clients, then the others
    as they were started. ``ended_by`` is "scenario" where its own exception is the failure, "steps" where the limit of steps ended
    it, else "".
    """

    events: list[Event] = field(default_factory=list)
    deviation: bool = field(default=False, compare=False)
    ended_blocked: dict[str, str] = field(default_factory=dict)
    endings: dict[str, str] = field(default_factory=dict)
    ended_by: Literal["", "scenario", "steps"] = ""

    def add(self, time_ns: int, task: str, kind: str, target: str, number: int, detail: str) -> None:  # noqa: PLR0913, PLR0917 - the hot path: no keywords
        """Record one event; called by the stage only."""
        self.events.append(Event(time_ns, task, kind, target, number, detail, self.deviation))
        self.deviation = False

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def __str__(self) -> str:
        return "\n".join(str(event) for event in self.events)

    def of(self, *kinds: str) -> list[Event]:
        """The events of these kinds, in order."""
        return [event for event in self.events if event.kind in kinds]

    def tasks(self) -> list[str]:
        """The names of the tasks that did something, in the order of their first event."""
        return list(dict.fromkeys(event.task for event in self.events if event.task))
