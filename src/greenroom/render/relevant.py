"""Which events of a history matter to its failure: the causal past of what the failure is about, and little else.

``history.focus`` names the tasks that the failure is about. Their last events, what was chosen against the default order, and what went
wrong on the way (deaths, lost messages) are the anchors; the causal past of the anchors matters. Plain shared memory is in no history:
where the scenario may have looked at that, all of its past counts, stops included (``_end_of_scenario``).
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

from greenroom.causality import STOPS, Causality

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenroom.history import Event, History

_LEARNING: Final = frozenset(
    {"answer", "result", "receive", "callback", "get", "join", "wait", "notified", "read", "dead", "timeout", "busy", "choose"}
)
_RACING: Final = frozenset({"send", "put", "call_soon", "checkpoint", "set", "clear"})
_HANDLED: Final = {"send": "receive", "put": "get", "call_soon": "callback"}
_WRONG: Final = frozenset({"died", "lost", "fault", "dead", "timeout"})
_FEW: Final = 6
_AROUND_DEVIATION: Final = 4
_FAR: Final = 1_000_000


class Relevant:
    """The places in ``history.events`` that matter, and how near each is to an anchor.

    Attributes:
        places: those that matter; None where nothing is known about the failure, and all may matter.
        stops: the places of what only stops the actors after the failure of a scenario; they are none of these.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._events = history.events
        self.stops = final_stops(self._events, next(iter(history.endings), "")) if history.ended_by == "scenario" else set()
        self._causality = Causality(history)
        self._anchors: dict[int, int] = {}
        self.places = self._find()

    def left_out(self) -> dict[str, int]:
        """How many events of each task do not matter."""
        counts: dict[str, int] = {}
        if self.places is not None:
            for place, event in enumerate(self._events):
                if place not in self.places and place not in self.stops:
                    counts[event.task] = counts.get(event.task, 0) + 1
        return counts

    def distances(self) -> list[int]:
        """How far each event is from the failure: the fewest steps of one task between it and an anchor.

        From a message's sending to its handling, its reply and so on it is no step. What went wrong on the way is one step away. What was
        chosen against the default order is at hand where that is little, else two steps away; what is around it comes later.
        """
        events, causes = self._events, self._causality.causes
        found = [_FAR] * len(events)
        around: list[list[int]] = [[*places] for places in causes]
        for place, places in enumerate(causes):
            for cause in places:
                around[cause].append(place)
        todo = [(distance, place) for place, distance in self._anchors.items()]
        heapify(todo)
        while todo:
            distance, place = heappop(todo)
            if distance < found[place]:
                found[place] = distance
                for other in around[place]:
                    further = distance + _step(events[place], events[other])
                    if further < found[other]:
                        heappush(todo, (further, other))
        deviations = [place for place, event in enumerate(events) if event.deviation]
        for place in deviations:
            found[place] = min(found[place], 0 if len(deviations) <= _FEW else 2)
        return found

    def _find(self) -> set[int] | None:
        history, events = self._history, self._events
        if not history.focus:
            return None
        last = {event.task: place for place, event in enumerate(events)}
        scenario = next(iter(history.endings), "") if history.ended_by == "scenario" else ""
        ends = [last[name] for name in history.focus if name in last and name != scenario]
        if history.focus_operations:
            ends = [place for place, event in enumerate(events) if event.kind == "result" and event.number in history.focus_operations]
        elif scenario in last:
            end = self._end_of_scenario(scenario)
            if end is None or events[end].kind == "sleep":  # it waited for time to pass, and looked at what has no events
                return None
            ends.append(end)
        chosen = self._past([*ends, *(place for place, event in enumerate(events) if event.deviation or _went_wrong(event))])
        chosen |= self._past(self._racing(chosen))
        self._anchors = {place: _distance(events[place]) for place in sorted(chosen) if _distance(events[place]) < _FAR}
        self._anchors |= dict.fromkeys(ends, 0)
        return self._without_echoes(chosen - self.stops, set(ends))

    def _end_of_scenario(self, scenario: str) -> int | None:
        """The last event by which it may have learnt of its failure.

        That is the last before it stopped the actors, if that told it something. If it only told others what to do, it must have looked
        at memory that it shares with them, and only its stops say when.
        """
        own = [place for place, event in enumerate(self._events) if event.task == scenario]
        before = [place for place in own if place not in self.stops]
        if before and self._events[before[-1]].kind in _LEARNING:
            return before[-1]
        return own[-1] if own else None

    def _past(self, places: Iterable[int]) -> set[int]:
        """The causal past; and of who let somebody's patience run out, what it did until then."""
        chosen = set(self._causality.cone(*places))
        last: dict[str, int] = {}
        culprits = []
        for place, event in enumerate(self._events):
            if event.kind == "timeout" and event.target in last:
                culprits.append((place, last[event.target]))
            last[event.task] = place
        for place, culprit in reversed(culprits):  # what is found for one lies before it, and so before all later ones
            if place in chosen and culprit not in chosen:
                chosen |= set(self._causality.cone(culprit))
        return chosen

    def _racing(self, chosen: set[int]) -> set[int]:
        """What came next to the same inbox, queue or checkpoint, without being caused by what came before, and its handling.

        In another order it might have come first: the other half of a race.
        """
        events = self._events
        latest: dict[tuple[str, str], int] = {}
        for place in sorted(chosen):
            if events[place].kind in _RACING:
                latest[events[place].kind, events[place].target] = place
        found: set[int] = set()
        handled: set[tuple[str, str, int]] = set()
        for place, event in enumerate(events):
            before = latest.get((event.kind, event.target), place)
            if place > before and event.detail not in STOPS:
                del latest[event.kind, event.target]
                if self._causality.concurrent(before, place):
                    found.add(place)
                    handled.add((_HANDLED.get(event.kind, ""), event.target, event.number))
            elif (event.kind, event.target, event.number) in handled:
                found.add(place)
        return found

    def _without_echoes(self, chosen: set[int], ends: set[int]) -> set[int]:
        """Without the sends to tasks, and the starts of tasks, that do nothing that matters: they influence nobody else."""
        events = self._events
        acting = {events[place].task for place in chosen} | set(self._history.focus)
        done_by_others = {event.task for event in events} - acting
        return {
            place
            for place in chosen
            if place in ends or events[place].kind not in ("send", "start") or events[place].target not in done_by_others
        }


def _distance(event: Event) -> int:
    if event.kind in _WRONG and event.detail not in STOPS:
        return 1
    return _AROUND_DEVIATION if event.deviation else _FAR


def _step(one: Event, other: Event) -> int:
    same_message = one.number and (one.target, one.number) == (other.target, other.number)
    return int(one.task == other.task and not same_message)


def final_stops(events: list[Event], scenario: str) -> set[int]:
    """The places of what does nothing but stop actors: the last that the scenario did, and what the stopped ones stop in their turn."""
    own = [place for place, event in enumerate(events) if event.task == scenario]
    sent = {(events[place].target, events[place].number) for place in own if _is_stop(events[place])}
    tail: list[int] = []
    for place in reversed(own):
        event = events[place]
        told = event.kind in ("send", "answer") and (event.target, event.number) in sent
        if event.deviation or not (told or event.kind in _SILENT or _meets_the_stopped(event)):
            break
        tail.append(place)
    while tail and events[tail[-1]].kind != "send":  # a stop is told whole, or not at all
        tail.pop()
    found = set(tail)
    messages = {(events[place].target, events[place].number) for place in tail if _is_stop(events[place])}
    stopping: set[str] = set()
    for place in range(min(tail, default=len(events)), len(events)):
        event = events[place]
        message = (event.target, event.number)
        if event.kind == "receive" and message in messages:
            stopping.add(event.task)
        elif _is_stop(event) and event.task in stopping:
            messages.add(message)
        if event.kind in ("send", "receive", "reply", "answer") and message in messages and not event.deviation:
            found.add(place)
    return found


def _is_stop(event: Event) -> bool:
    return event.kind == "send" and event.detail in STOPS


_SILENT: Final = frozenset({"lock", "unlock", "acquire", "release", "notify", "notified"})


def _meets_the_stopped(event: Event) -> bool:
    return event.kind == "dead" or (event.kind in ("reply", "answer") and not event.number and "ActorDeadError" in event.detail)


def _went_wrong(event: Event) -> bool:
    return event.kind in ("died", "lost", "fault") and event.detail not in STOPS
