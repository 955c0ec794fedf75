"""What an execution did, abstracted so far that new behaviour is rare: pairs of operations that depend on each other.

Two operations are a pair where one comes right after the other at the same inbox, lock, queue or other shared thing. An operation is
abstracted to who did what: the class of the sender and the kind of the message, not its content. Pairs of dependent operations are the
coverage of Wang, Said and Gupta's history-aware predecessor sets ("Coverage guided systematic concurrency testing", ICSE 2011, section
4): schedules that show no new pair rarely show a new bug.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenroom.history import Event, History

MOST_KINDS: Final = 40  # kinds of message told apart for each receiver: texts that a test makes up are no behaviour
_NUMBER: Final = re.compile(r"(?:-\d+)+$")
_MESSAGE: Final = re.compile(r"(?:ask )?(?:\(?'([A-Za-z_][\w.-]{0,23})'|([A-Za-z_][\w.]*))")
_SENDS: Final = frozenset({"send", "put", "call_soon"})
_APART: Final = _SENDS | {"lost", "note", "line", "sleep", "call", "result", "start", "choose", "answer", "dead"}


class Behaviours:
    """Every behaviour seen so far in one process, as one short line each."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, str]] = set()
        self._kinds: dict[str, set[str]] = {}
        self._classes: dict[str, str] = {}

    def new_in(self, history: History) -> list[str]:
        """The behaviours of ``history`` that were never seen before."""
        new = []
        for pair in self._pairs(history):
            if pair not in self._seen:
                self._seen.add(pair)
                target, before, after = pair
                new.append(f"{target}: {after}" + (f" after {before}" if before else " first"))
        return new

    def _pairs(self, history: History) -> Iterator[tuple[str, str, str]]:
        senders: dict[tuple[str, int], str] = {}
        last: dict[str, str] = {}
        for event in history.events:
            kind = event.kind
            if kind in _SENDS:
                senders[event.target, event.number] = event.task
            if kind in _APART or not event.target:
                continue
            done = self._operation(event, senders)
            yield self._class_of(event.target), last.get(event.target, ""), done
            last[event.target] = done

    def _operation(self, event: Event, senders: dict[tuple[str, int], str]) -> str:
        if event.kind == "receive":
            sender = self._class_of(senders.get((event.target, event.number), ""))
            return f"{self._message(self._class_of(event.target), event.detail)} from {sender or 'outside'}"
        if event.kind == "reply":
            return "raises" if event.detail.startswith("raises") else "reply"
        return f"{event.kind} by {self._class_of(event.task) or 'outside'}"

    def _message(self, receiver: str, detail: str) -> str:
        match = _MESSAGE.match(detail)
        kind = "a value" if match is None else f"'{match[1]}'" if match[1] else match[2]
        known = self._kinds.setdefault(receiver, set())
        if kind not in known:
            if len(known) >= MOST_KINDS:
                return "another message"
            known.add(kind)
        return kind

    def _class_of(self, name: str) -> str:
        known = self._classes.get(name)
        if known is None:
            known = _NUMBER.sub("", name)
            if len(self._classes) < 10_000:
                self._classes[name] = known
        return known
