"""A history as what a page draws it from: its lanes, its events with their direct causes, and a table of them that needs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from greenroom.causality import Causality
from greenroom.render.abridged import Line, abridged
from greenroom.render.markup import shown, visible
from greenroom.render.relevant import Relevant
from greenroom.render.waiting import waits
from greenroom.render.words import event_text

if TYPE_CHECKING:
    from greenroom.history import Event, History

OUTSIDE: Final = "(outside)"  # what belongs to no task has a lane of its own

# In the chart an arrow says whom a message is for, and its end who handles it: less is left to tell in words.
_LABELS: Final = {
    "send": "#{number} {detail}",
    "lost": "#{number} {detail} ✗",
    "receive": "#{number} {detail}",
    "reply": "{detail}",
    "answer": "✓ #{number} {detail}",
    "timeout": "✗ no answer to #{number} {detail}",
    "died": "✗ dies: {detail}",
    "start": "starts",
    "lock": "locks {target}",
    "unlock": "unlocks {target}",
}


def lane_names(history: History) -> list[str]:
    """The tasks in the order of the lanes: those that are gone at the end, then the others as ``history.endings`` has them."""
    acting = dict.fromkeys(event.task or OUTSIDE for event in history.events)
    return [name for name in acting if name not in history.endings] + list(history.endings)


def chart_data(history: History) -> dict[str, Any]:
    """What the page's script reads. Texts stand once, in ``texts``; events and lanes are named by their places, counted from 0.

    An event is ``[time_ns, lane, kind, target, number, detail, deviation, label, causes]``; of its direct causes those are listed that are
    no events of the same task: the one before it in its lane always is one.
    """
    lanes = {name: place for place, name in enumerate(lane_names(history))}
    texts: dict[str, int] = {}
    kinds: dict[str, int] = {}
    relevant = Relevant(history)
    events = history.events

    def text(value: str) -> int:
        return texts.setdefault(visible(value), len(texts))

    rows = [
        [
            event.time_ns,
            lanes[event.task or OUTSIDE],
            kinds.setdefault(event.kind, len(kinds)),
            text(event.target),
            event.number,
            text(event.detail),
            int(event.deviation),
            text(_label(event)),
            [cause for cause in causes if events[cause].task != event.task],
        ]
        for event, causes in zip(events, Causality(history).causes, strict=True)
    ]
    return {
        "lanes": [visible(name) for name in lanes],
        "endings": [visible(history.endings.get(name, "")) for name in lanes],
        "focus": [lanes[name] for name in history.focus if name in lanes],
        "waits": [[lanes.get(wait.who), lanes.get(wait.whom), visible(wait.what)] for wait in waits(history)],
        "matters": None if relevant.places is None else sorted(relevant.places),
        "stops": sorted(relevant.stops),
        "repeats": _repeats(history),
        "kinds": list(kinds),
        "texts": list(texts),
        "events": rows,
    }


def event_rows(history: History) -> str:
    """The rows of the table of all events; the script reads their words from here."""
    return "\n".join(_row(place, event) for place, event in enumerate(history.events, 1))


def seconds(time_ns: int) -> str:
    """A time as a page shows it: ``60 s``, ``0.25 s``."""
    return f"{time_ns / 1e9:.9f}".rstrip("0").rstrip(".") + " s"


def _repeats(history: History) -> list[Any] | None:
    """The last event before what only repeats, up to the limit of steps, and the words for all of that; None where nothing does."""
    *lines, last = abridged(history) or [Line()]
    if not last.text.startswith("↻") or not lines or lines[-1].event is None:
        return None
    end = lines[-1].reply or lines[-1].event
    return [next(place for place in range(len(history.events) - 1, -1, -1) if history.events[place] is end), last.text]


def _row(number: int, event: Event) -> str:
    mark = "▶ " if event.deviation else ""
    cells = f'<td><a href="#view=chart&amp;step={number}">{number}</a><td>{seconds(event.time_ns)}<td>{shown(event.task or OUTSIDE)}'
    return f'<tr id="event-{number}">{cells}<td>{mark}{shown(event_text(event))}'


def _label(event: Event) -> str:
    words = _LABELS.get(event.kind)
    if words is None or (not event.number and "{number}" in words):
        return event_text(event)
    return words.format(target=event.target, number=event.number, detail=event.detail)
