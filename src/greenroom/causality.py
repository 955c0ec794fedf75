"""What could have caused what: the happens-before order of a history.

Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", CACM 1978, gives the order; Fidge, "Timestamps in
Message-Passing Systems That Preserve the Partial Ordering", ACSC 1988, and Mattern, "Virtual Time and Global States of Distributed
Systems", 1989, the vector clocks that decide it. Departure: locks, flags, queues, event loops and checkpoints order events as well as
messages do, each by a rule of its own (``_Edges``). What tasks tell one another through plain shared memory is in no history, and so not in
the order.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenroom.history import Event, History

STOPS = ("stop()", "ask stop()")


class Causality:
    """The happens-before order of a history. An event is named by its place in ``history.events``, counted from 0.

    The direct causes of all events are found in one pass; vector clocks, in O(events * tasks), when first asked for.
    """

    def __init__(self, history: History) -> None:
        self._events = history.events
        edges = _Edges()
        self.causes: list[tuple[int, ...]] = [edges.of(place, event) for place, event in enumerate(history.events)]

    def happens_before(self, one: int, other: int) -> bool:
        """Whether the event at ``one`` could have influenced the one at ``other``; no event happens before itself.

        Raises:
            IndexError: there is no event at one of these places.
        """
        self._check(one, other)
        if one >= other:  # a history lists every cause before its effect
            return False
        lane = self._lanes[self._events[one].task]
        clock = self.clocks[other]
        return lane < len(clock) and clock[lane] >= self.clocks[one][lane]

    def concurrent(self, one: int, other: int) -> bool:
        """Whether neither of two different events could have influenced the other: another schedule may have them in the other order."""
        self._check(one, other)
        return one != other and not self.happens_before(one, other) and not self.happens_before(other, one)

    def cone(self, *places: int) -> list[int]:
        """The causal past of these events, themselves included, in the order of the history."""
        self._check(*places)
        seen, todo = set(places), list(places)
        while todo:
            for cause in self.causes[todo.pop()]:
                if cause not in seen:
                    seen.add(cause)
                    todo.append(cause)
        return sorted(seen)

    @cached_property
    def clocks(self) -> list[tuple[int, ...]]:
        """The vector clock of each event: how many events of each task are in its past, itself included.

        Tasks are in the order of their first event; a clock ends with the last task that it knows of, what is behind that is 0.
        """
        clocks: list[tuple[int, ...]] = []
        for event, causes in zip(self._events, self.causes, strict=True):
            lane = self._lanes[event.task]
            clock: list[int] = []
            for cause in causes:
                _join(clock, clocks[cause])
            clock.extend([0] * (lane + 1 - len(clock)))
            clock[lane] += 1
            clocks.append(tuple(clock))
        return clocks

    @cached_property
    def _lanes(self) -> dict[str, int]:
        return {task: lane for lane, task in enumerate(dict.fromkeys(event.task for event in self._events))}

    def _check(self, *places: int) -> None:
        for place in places:
            if not 0 <= place < len(self._events):
                raise IndexError(f"there is no event {place}: the history has {len(self._events)}, counted from 0")


def _join(clock: list[int], other: tuple[int, ...]) -> None:
    clock.extend([0] * (len(other) - len(clock)))
    for lane, count in enumerate(other):
        if count > clock[lane]:  # noqa: PLR1730 - max() costs a call in the inner loop
            clock[lane] = count


class _Edges:
    """One pass over a history: for each event the latest events that it directly depends on."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}  # of each task
        self._started: dict[str, int] = {}
        self._stopping: dict[str, int] = {}
        self._sent: dict[tuple[str, int], int] = {}  # of an inbox, a queue or an event loop
        self._replied: dict[tuple[str, int], int] = {}
        self._unlocked: dict[str, int] = {}
        self._locked: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._taken: dict[str, int] = {}
        self._unseen_puts: dict[str, list[int]] = {}  # since somebody looked at the queue, and that look
        rules: dict[str, Callable[[int, Event], Iterable[int | None]]] = {
            "start": self._start,
            "send": self._send,
            "lost": self._lost,
            "receive": self._receive,
            "reply": self._reply,
            "answer": lambda _, event: (self._replied.get((event.target, event.number)),),
            "died": self._died,
            "dead": self._dead,
            "join": lambda _, event: (self._last.get(event.target), self._written.get(event.target)),
            "lock": self._lock,
            "unlock": self._unlock,
            "busy": lambda _, event: (self._locked.get(event.target),),
            "empty": lambda _, event: (self._taken.get(event.target),),
            "put": self._put,
            "call_soon": self._send,
            "callback": lambda _, event: (self._sent.get((event.target, event.number)),),
            "get": self._get,
            "acquire": self._acquire,
            **dict.fromkeys(("set", "clear", "release", "notify", "task_done", "checkpoint"), self._write),
            **dict.fromkeys(("wait", "notified"), lambda _, event: (self._written.get(event.target),)),
            "read": self._read,
        }
        self._rules = defaultdict(lambda: lambda _, __: (), rules)

    def of(self, place: int, event: Event) -> tuple[int, ...]:
        """The direct causes of the event at ``place``; it becomes the latest of its task."""
        before = self._last.get(event.task), self._started.pop(event.task, None)
        causes = {cause for cause in (*before, *self._rules[event.kind](place, event)) if cause is not None}
        self._last[event.task] = place
        return tuple(sorted(causes))

    def _start(self, place: int, event: Event) -> Iterable[int | None]:
        self._started[event.target] = place
        return ()

    def _send(self, place: int, event: Event) -> Iterable[int | None]:
        self._sent[event.target, event.number] = place
        return ()

    def _lost(self, place: int, event: Event) -> Iterable[int | None]:
        self._sent[event.target, event.number] = place
        return (self._last.get(event.target),)

    def _receive(self, place: int, event: Event) -> Iterable[int | None]:
        if event.detail in STOPS:  # the first of them; those that a stopped actor finds in its inbox change nothing
            self._stopping.setdefault(event.task, place)
        return (self._sent.get((event.target, event.number)),)

    def _died(self, place: int, event: Event) -> Iterable[int | None]:
        self._stopping.setdefault(event.task, place)
        return ()

    def _dead(self, _: int, event: Event) -> Iterable[int | None]:
        return (self._stopping.get(event.target, self._last.get(event.target)),)

    def _reply(self, place: int, event: Event) -> Iterable[int | None]:
        self._replied[event.target, event.number] = place
        return ()

    def _lock(self, place: int, event: Event) -> Iterable[int | None]:
        self._locked[event.target] = place
        return (self._unlocked.get(event.target),)

    def _unlock(self, place: int, event: Event) -> Iterable[int | None]:
        self._unlocked[event.target] = place
        return ()

    def _put(self, place: int, event: Event) -> Iterable[int | None]:
        if event.number:  # first in, first out: puts do not order one another, as sends do not
            self._sent[event.target, event.number] = place
            self._unseen_puts.setdefault(event.target, []).append(place)
            return (self._taken.get(event.target),) if event.detail else ()
        return (*self._write(place, event), self._taken.get(event.target) if event.detail else None)

    def _get(self, place: int, event: Event) -> Iterable[int | None]:
        before = self._taken.get(event.target)
        self._taken[event.target] = place
        return (before, self._sent.get((event.target, event.number)) if event.number else self._written.get(event.target))

    def _read(self, place: int, event: Event) -> Iterable[int | None]:
        puts = self._unseen_puts.get(event.target, ())
        if puts:
            self._unseen_puts[event.target] = [place]
        return (self._written.get(event.target), self._taken.get(event.target), *puts)

    def _acquire(self, place: int, event: Event) -> Iterable[int | None]:
        self._taken[event.target] = place
        return (self._written.get(event.target),)

    def _write(self, place: int, event: Event) -> Iterable[int | None]:
        before = self._written.get(event.target)
        self._written[event.target] = place
        return (before,)
