"""The lanes picture: one column per task, one line per event, in the order in which things happened."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenroom.history import Event, History

_MOST_LINES = 60
_NARROWEST = 14


def lanes(history: History, *, width: int | None = None, most_lines: int = _MOST_LINES) -> str:
    """The history as text.

    Args:
        history: what was recorded.
        width: columns of the terminal; None asks for it, and takes 100 where there is none.
        most_lines: longer histories show their end, and say how much was left out.
    """
    locks_matter = "lock" in history.ended_blocked.values()
    events = [event for event in history.events if event.task and (locks_matter or event.kind not in ("lock", "unlock"))]
    if not events:
        return "(nothing was recorded)"
    skipped = max(0, len(events) - most_lines)
    events = events[skipped:]
    tasks = list(dict.fromkeys(event.task for event in events))
    columns = (width or shutil.get_terminal_size((110, 24)).columns) - 12
    lane = max(_NARROWEST, min(34, columns // max(1, len(tasks))))
    lines = [_row("time", tasks, lane, tasks), _row("", ["─" * (lane - 1)] * len(tasks), lane, tasks)]
    if skipped:
        lines.append(f"   … {skipped} earlier events are not shown")
    for event in events:
        lines += _event_rows(event, tasks, lane)
    lines += _still_waiting(history, tasks, lane)
    if any(event.deviation for event in events):
        lines.append("  ▶ chosen against the default order")
    return "\n".join(line.rstrip() for line in lines)


def _row(stamp: str, cells: list[str], lane: int, tasks: list[str]) -> str:
    return f"{stamp:>9}  " + "".join(_fit(cell, lane - 1).ljust(lane) for cell in cells[: len(tasks)])


def _fit(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _event_rows(event: Event, tasks: list[str], lane: int) -> list[str]:
    place = tasks.index(event.task)
    text = ("▶ " if event.deviation else "") + event_text(event)
    before = "·".ljust(lane) * place
    room = lane * (len(tasks) - place) - 1
    after = "".join("·".ljust(lane) for _ in tasks[place + 1 :])
    stamp = f"{event.time_ns / 1e9:.3f}s"
    if len(text) < lane:
        return [f"{stamp:>9}  {before}{text.ljust(lane)}{after}"]
    # A long text runs on over the empty lanes to its right, and is cut at the edge.
    return [f"{stamp:>9}  {before}{_fit(text, max(room, lane - 1))}"]


def event_text(event: Event) -> str:  # noqa: PLR0911 - one line for each kind of event
    """What a task did, in a few words."""
    number = f" #{event.number}" if event.number else ""
    match event.kind:
        case "send":
            return f"→ {event.target}{number} {event.detail}"
        case "lost":
            return f"→ {event.target}{number} {event.detail} ✗ nobody will read it"
        case "receive":
            return f"●{number} {event.detail}"
        case "reply":
            return f"↩ reply{number} {event.detail}" if event.target else f"sets a future: {event.detail}"
        case "answer":
            return f"✓ {event.target}{number} answers {event.detail}" if event.target else f"✓ gets {event.detail}"
        case "call":
            return f"call {event.number}: {event.target}({event.detail})"
        case "result":
            return f"call {event.number} gives {event.detail}"
        case "start":
            return f"starts {event.target}"
        case "died":
            return f"✗ dies: {event.detail}"
        case "timeout":
            return f"✗ times out waiting for {event.target} {event.detail}"
        case "sleep":
            return f"sleeps {event.detail}"
        case _:
            return " ".join(part for part in (event.kind, event.target, event.detail) if part)


def _still_waiting(history: History, tasks: list[str], lane: int) -> list[str]:
    waiting = history.ended_blocked
    if not any(name in waiting for name in tasks):
        return []
    cells = []
    for name in tasks:
        operation = waiting.get(name)
        cells.append("" if operation is None else ("idle" if operation == "receive" else f"✗ waits ({operation})"))
    return [_row("end", cells, lane, tasks)]
