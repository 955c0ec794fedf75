"""A history as the lines of a picture: what needs no line of its own is told in one, and what does not matter is left out."""

from __future__ import annotations

import re
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Final, NamedTuple

from greenroom.causality import STOPS
from greenroom.render.inboxes import inbox_note
from greenroom.render.relevant import Relevant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenroom.history import Event, History

_NUMBERS = re.compile(r"\d+")
_MANY = 8
_NAMED = 3
_OF_FUTURES = ("reply", "answer")
# What is told only where somebody waits in vain for its like: by the operation that they wait in.
_QUIET: Final = {"lock": "lock", "unlock": "lock", "acquire": "acquire", "release": "acquire", "empty": "acquire", "notify": "wait",
                 "notified": "wait", "task_done": "join"}  # fmt: skip


class Line(NamedTuple):
    """One line: an event and the reply that followed at once, or a ``text`` in the place of ``stands_for`` events.

    ``distance`` says how far it is from what the failure is about; None where that is not known.
    """

    event: Event | None = None
    text: str = ""
    stands_for: int = 1
    reply: Event | None = None
    distance: int | None = None


def abridged(history: History, *, whole: bool = False) -> list[Line]:
    """The lines of a history, all of them.

    What the failure does not depend on is left out, and one line says so (not where the ``whole`` history is wanted). Actors that the
    program starts one after another share a line, and so do those that it stops. What it only repeats at the end is shown once.
    Where the scenario's own exception is the failure, how it stopped its actors after that is told in one line.
    """
    relevant = Relevant(history)
    all_loud = [place for place in range(len(history.events)) if not _quiet(history, place)]
    loud = [place for place in all_loud if place not in relevant.stops]
    chosen = loud if whole or relevant.places is None else [place for place in loud if place in relevant.places]
    if len(chosen) == len(loud) - 1:  # the line that says so would take its place
        chosen = loud
    drained = _drained(history)
    events = [history.events[place]._replace(kind="drained") if place in drained else history.events[place] for place in chosen]
    first = _first_starts(events)
    last: list[Line] = []
    if relevant.stops:
        stops = len(all_loud) - len(loud)
        last = [Line(text=f"… then the actors are stopped ({stops} events)", stands_for=stops)]
    elif history.ended_by != "scenario":
        events, last = _repeated_once(events, livelock=history.ended_by == "steps")
    first = first[: len(events)]
    lines = [] if whole else _left_out(history, relevant, len(loud) - len(chosen))
    if len(first) > 1:
        lines.append(Line(text=_starts(first), stands_for=len(first)))
        events, chosen = events[len(first) :], chosen[len(first) :]
    far = relevant.distances() if relevant.places is not None else None
    distances = [None if far is None else far[place] for place in chosen]
    notes = [inbox_note(history, place) for place in chosen[: len(events)]]
    return lines + _told(events, distances, notes, {*history.focus}) + last


def keep(lines: list[Line], room: int) -> list[Line]:
    """``room`` lines at most: those nearest to what the failure is about, or the last ones where that is not known.

    Where some are missing, a line says how many events are left out.
    """
    if len(lines) <= room:
        return lines
    if all(line.distance is None for line in lines):
        return _keep_end(lines, room)
    order = sorted(range(len(lines)), key=lambda place: (_rank(lines[place]), -place))
    for count in range(room, 0, -1):
        shown = _with_gaps(lines, set(order[:count]))
        if len(shown) <= room:
            return shown
    return _keep_end(lines, room)


def _rank(line: Line) -> int:
    return -1 if line.distance is None else line.distance


def _with_gaps(lines: list[Line], kept: set[int]) -> list[Line]:
    shown: list[Line] = []
    for there, group in groupby(range(len(lines)), key=kept.__contains__):
        part = [lines[place] for place in group]
        if there or len(part) == 1:
            shown += part
        else:
            count = sum(line.stands_for for line in part)
            shown.append(Line(text=f"… {count:,} events are left out", stands_for=count))
    return shown


def _keep_end(lines: list[Line], room: int) -> list[Line]:
    cut = len(lines) - room + 1
    left_out = sum(line.stands_for for line in lines[:cut])
    return [Line(text=f"… {left_out:,} earlier events are left out", stands_for=left_out), *lines[cut:]]


def _quiet(history: History, place: int) -> bool:
    """Whether an event needs no line: it is part of an operation that is told already, or nobody waits for its like."""
    event = history.events[place]
    if not event.task:
        return True
    if event.deviation:
        return False
    if event.kind in _QUIET:
        return _QUIET[event.kind] not in history.ended_blocked.values()
    return event.kind == "read" and history.ended_by != "steps"


def _left_out(history: History, relevant: Relevant, count: int) -> list[Line]:
    """The line that says what cannot have led to the failure."""
    if not count:
        return []
    shown = set() if relevant.places is None else {history.events[place].task for place in relevant.places}
    missing = relevant.left_out()
    order = [name for name in history.endings if name in missing]
    gone = [name for name in dict.fromkeys([*order, *missing]) if name not in shown]
    names = ", ".join(gone[:_NAMED]) + (f" and {len(gone) - _NAMED} others" if len(gone) > _NAMED else "")
    whose = f", all of {names} among them" if gone else ""
    return [Line(text=f"… {count:,} events are left out{whose}: nothing leads from there to the failure", stands_for=count)]


def _told(events: list[Event], distances: list[int | None], notes: list[str], focus: set[str]) -> list[Line]:
    """The lines of these events: a stop of several actors is one line, a reply joins the message that it answers, a note has a line."""
    lines: list[Line] = []
    place = 0
    while place < len(events):
        event, distance = events[place], distances[place]
        stops = _run_of_stops(events, place, focus)
        count = 1
        if stops is not None:
            count, names = stops
            lines.append(Line(text=f"{event.task} stops {', '.join(names)}", stands_for=count, distance=distance))
        elif event.kind == "dead":
            count += len([*takewhile(_tells_of_death(event.task), events[place + 1 : place + 3])])
            lines.append(Line(event, stands_for=count, distance=distance))
        elif event.kind == "receive" and place + 1 < len(events) and _answers(events[place + 1], event):
            count = 2
            lines.append(Line(event, stands_for=2, reply=events[place + 1], distance=distance))
        else:
            lines.append(Line(event, distance=distance))
            if notes[place]:
                lines.append(Line(text=f"  ({notes[place]})", stands_for=0, distance=distance))
        place += count
    return lines


def _drained(history: History) -> set[int]:
    """The places of messages that an actor took out of its inbox after its end: Pykka empties it then, and handles none of them."""
    found: set[int] = set()
    ended: set[str] = set()
    for place, event in enumerate(history.events):
        if event.kind == "start":
            ended.discard(event.target)  # a name that was free again
        elif event.kind == "receive" and event.task in ended:
            found.add(place)
        elif event.kind == "died" or (event.kind == "receive" and event.detail in STOPS):
            ended.add(event.task)
    return found


def _answers(reply: Event, received: Event) -> bool:
    same = (reply.kind, reply.task, reply.target, reply.number) == ("reply", received.task, received.target, received.number)
    return same and not reply.deviation and reply.time_ns == received.time_ns


def _tells_of_death(task: str) -> Callable[[Event], bool]:
    """Whether it is how Pykka tells ``task`` that the actor which it asks has ended: by a future that it sets itself."""
    return lambda event: (
        (event.task, event.number, event.deviation) == (task, 0, False) and event.kind in _OF_FUTURES and "ActorDeadError" in event.detail
    )


def _run_of_stops(events: list[Event], start: int, focus: set[str]) -> tuple[int, list[str]] | None:
    """How many events from ``start`` on do nothing but stop actors, each of them whole, and which; None for fewer than two."""
    names: list[str] = []
    open_for: set[tuple[str, int]] = set()
    whole = 0
    for place in range(start, len(events)):
        event = events[place]
        message = (event.target, event.number)
        if event.deviation or (event.task != events[start].task and message not in open_for):
            break
        if event.kind == "send" and event.detail == "ask stop()" and event.target not in focus:
            open_for.add(message)
            names.append(event.target)
        elif event.kind == "answer" and message in open_for:
            open_for.remove(message)
            if not open_for:
                whole = place + 1 - start
        elif message not in open_for or event.kind not in ("receive", "reply"):
            break
    names = names[: len(names) - len(open_for)]
    return (whole, names) if len(names) > 1 else None


def _first_starts(events: list[Event]) -> list[Event]:
    begun_ns = events[0].time_ns if events else 0
    return list(takewhile(lambda event: event.kind == "start" and not event.deviation and event.time_ns == begun_ns, events))


def _starts(events: Sequence[Event]) -> str:
    return "; ".join(
        f"{task} starts {', '.join(event.target for event in group)}" for task, group in groupby(events, key=lambda event: event.task)
    )


def _repeated_once(events: list[Event], *, livelock: bool) -> tuple[list[Event], list[Line]]:
    """The events up to the end of the first repetition, and a line about the others, if there are many of them."""
    keys = [(event.task, event.kind, event.target, event.detail, "▶" * event.deviation) for event in reversed(events)]
    period, repeated = _period(keys)
    if not period and livelock:  # it may count its rounds, and who is started again and again has a new name each time
        period, repeated = _period([tuple(_NUMBERS.sub("0", part) for part in key) for key in keys])
    if repeated - period < _MANY:
        return events, []
    what = "this last event repeats" if period == 1 else f"these last {period:,} events repeat"
    limit = " up to the limit of steps" if livelock else ""
    text = f"↻ {what}, {repeated // period:,} times{limit}"
    return events[: len(events) - repeated + period], [Line(text=text, stands_for=repeated - period)]


def _period(keys: Sequence[object]) -> tuple[int, int]:
    """After how many keys those at the beginning repeat, three times at least, and how many do so; 0 and 0 if they do not."""
    matches = _matches_with_the_beginning(keys)
    for period in range(1, len(keys) // 3 + 1):
        if matches[period] >= 2 * period:
            return period, period + matches[period]
    return 0, 0


def _matches_with_the_beginning(keys: Sequence[object]) -> list[int]:
    """For each place how many keys from there on equal those from the beginning on.

    The Z algorithm (Gusfield, "Algorithms on Strings, Trees, and Sequences", 1997, section 1.4): linear, for histories are long.
    """
    matches = [0] * len(keys)
    left = right = 0
    for place in range(1, len(keys)):
        length = min(right - place, matches[place - left]) if place < right else 0
        while place + length < len(keys) and keys[length] == keys[place + length]:
            length += 1
        matches[place] = length
        if place + length > right:
            left, right = place, place + length
    return matches
