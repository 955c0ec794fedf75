"""A history as the lines of a picture: what needs no line of its own is told in one, and what is too much is left out."""

from __future__ import annotations

import re
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.history import Event, History

_NUMBERS = re.compile(r"\d+")
_STOPS = ("stop()", "ask stop()")
_MANY = 8


class Line(NamedTuple):
    """One line: an event, or a ``text`` in the place of ``stands_for`` events."""

    event: Event | None = None
    text: str = ""
    stands_for: int = 1


def abridged(history: History) -> list[Line]:
    """The lines of a history, all of them.

    Actors that the program starts one after another share a line. What it only repeats at the end is shown once. Where the scenario's own
    exception is the failure, how it stopped its actors after that is told in one line.
    """
    locks_matter = "lock" in history.ended_blocked.values()
    events = [event for event in history.events if event.task and (locks_matter or event.kind not in ("lock", "unlock"))]
    first = _first_starts(events)
    last: list[Line] = []
    if history.ended_by == "scenario":
        stops = _trailing_stops(events, next(iter(history.endings), ""))
        if stops:
            events = events[:-stops]
            last = [Line(text=f"… then the actors are stopped ({stops} events)", stands_for=stops)]
    else:
        events, last = _repeated_once(events, livelock=history.ended_by == "steps")
    first = first[: len(events)]
    folded = [Line(text=_starts(first), stands_for=len(first))] if len(first) > 1 else []
    return folded + [Line(event) for event in events[len(first) if folded else 0 :]] + last


def keep_end(lines: list[Line], room: int) -> list[Line]:
    """The last of ``lines``, ``room`` at most; the first of them says how many events are left out."""
    if len(lines) <= room:
        return lines
    cut = len(lines) - room + 1
    left_out = sum(line.stands_for for line in lines[:cut])
    return [Line(text=f"… {left_out:,} earlier events are left out", stands_for=left_out), *lines[cut:]]


def _first_starts(events: list[Event]) -> list[Event]:
    begun_ns = events[0].time_ns if events else 0
    return list(takewhile(lambda event: event.kind == "start" and not event.deviation and event.time_ns == begun_ns, events))


def _starts(events: Sequence[Event]) -> str:
    return "; ".join(
        f"{task} starts {', '.join(event.target for event in group)}" for task, group in groupby(events, key=lambda event: event.task)
    )


def _trailing_stops(events: list[Event], scenario: str) -> int:
    """How many of the last events only stop actors, by the scenario's will."""
    stops: set[tuple[str, int]] = set()
    stopping = {scenario}
    for event in events:
        message = (event.target, event.number)
        if event.kind == "send" and event.detail in _STOPS and event.task in stopping:
            stops.add(message)
        elif event.kind == "receive" and message in stops:
            stopping.add(event.task)
    plain = ("send", "receive", "reply", "answer")
    run = list(
        takewhile(lambda event: event.kind in plain and (event.target, event.number) in stops and not event.deviation, reversed(events))
    )
    while run and run[-1].kind != "send":  # a stop is told whole, or not at all
        run.pop()
    return len(run)


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
