"""The lanes picture: one column per task, one line per event, in the order in which things happened."""

from __future__ import annotations

import shutil
from itertools import accumulate
from typing import TYPE_CHECKING

from greenroom.render.abridged import Line, abridged, keep
from greenroom.render.columns import columns, fit, fit_name, pad, printable, wrap
from greenroom.render.words import event_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenroom.history import History

_MOST_LINES = 40
_FEWEST_LINES = 8
_NARROWEST = 14
_WIDEST = 36
_ENDING_LINES = 3
_LEGEND = "▶ chosen against the default order"


def lanes(history: History, *, width: int | None = None, most_lines: int = _MOST_LINES, whole: bool = False) -> str:
    """The history as text; where there are too many tasks for lanes, with the task's name in front of each event.

    Args:
        history: what was recorded.
        width: columns that it may take; None asks the terminal, and takes 110 where there is none.
        most_lines: lines that it may take, 8 at least; of longer histories what is nearest to the failure is shown, or else their end,
            and how much was left out.
        whole: show also the events from which nothing leads to the failure.
    """
    width = width or shutil.get_terminal_size((110, 24)).columns
    lines = abridged(history, whole=whole)
    if not lines:
        return fit("(nothing was recorded)", width)
    most_lines = max(most_lines, _FEWEST_LINES)
    rows: list[str] = []
    for room in range(most_lines - 3, most_lines - 4 - _ENDING_LINES, -1):  # but for two lines of heading, and the end; then the legend
        rows = _rows(history, keep(lines, room), width)
        if len(rows) <= most_lines:
            break
    return "\n".join(fit(row.rstrip(), width) for row in rows)


def _rows(history: History, shown: list[Line], width: int) -> list[str]:
    timed = any(event.time_ns for event in history.events)
    margin = max((len(_stamp(line, timed=timed)) for line in shown), default=0)
    margin = max(margin, len("end")) + 2
    names = _lanes_of(history, shown)
    widths = _lane_widths(history, names, shown, width - margin)
    if widths is None:
        rows = _as_list(history, shown, names, width, timed=timed)
    else:
        rows = _as_lanes(history, shown, dict(zip(names, widths, strict=True)), margin, timed=timed)
    if any(line.event is not None and line.event.deviation for line in shown):
        rows.append(f"  {_LEGEND}")
    return rows


def _text(line: Line) -> str:
    assert line.event is not None
    reply = f"  ↩ {line.reply.detail}" if line.reply is not None else ""
    return printable(("▶ " if line.event.deviation else "") + event_text(line.event) + reply)


def _stamp(line: Line, *, timed: bool) -> str:
    return f"{line.event.time_ns / 1e9:.3f}s" if timed and line.event is not None else ""


# -- lanes -----------------------------------------------------------------------------------------------------------


def _lanes_of(history: History, shown: list[Line]) -> list[str]:
    """The tasks that do something in what is shown, and those that wait in vain, in the order in which they were started."""
    acting = dict.fromkeys(line.event.task for line in shown if line.event is not None)
    waiting = [name for name, ending in history.endings.items() if ending.startswith("✗ waits")]
    wanted = {**acting, **dict.fromkeys(waiting)}
    # What is not in the endings is gone: the task of a machine that set up the scene, before all others.
    return [name for name in acting if name not in history.endings] + [name for name in history.endings if name in wanted]


def _lane_widths(history: History, names: list[str], shown: list[Line], room: int) -> list[int] | None:
    """As wide as what is in them, if there is room for that; None if there is no room for lanes at all."""
    needs = {name: max(columns(name), columns(history.endings.get(name, ""))) + 1 for name in names}
    for line in shown:
        if line.event is not None:
            needs[line.event.task] = max(needs[line.event.task], columns(_text(line)) + 1)
    wide = [min(max(needs[name], _NARROWEST), _WIDEST) for name in names]
    base = wide if sum(wide) <= room else _narrowest(wide, _needed(history, names), room)
    return base and _filled(base, [needs[name] for name in names], wide, room)


def _needed(history: History, names: list[str]) -> list[int]:
    """What each lane takes so that neither its name nor a word of its ending is cut."""
    words = [history.endings.get(name, "").replace("✗ ", "✗_").split() for name in names]
    return [max(columns(word) for word in (name, *ending)) + 1 for name, ending in zip(names, words, strict=True)]


def _narrowest(wide: list[int], needed: list[int], room: int) -> list[int] | None:
    narrow = [max(_NARROWEST, min(width, need)) for width, need in zip(wide, needed, strict=True)]
    if sum(narrow) > room:
        narrow = [_NARROWEST] * len(wide)
    return narrow if sum(narrow) <= room else None


def _filled(base: list[int], needs: list[int], wide: list[int], room: int) -> list[int]:
    """What room is left goes to the last lanes first: a text runs on over the lanes to its right. Then to the narrowest."""
    widths = [*base]
    spare = room - sum(widths)
    for lane in reversed(range(len(widths))):
        more = min(spare, max(0, needs[lane] - sum(widths[lane:])))
        widths[lane] += more
        spare -= more
    while spare > 0 and (wanting := [lane for lane in range(len(widths)) if widths[lane] < wide[lane]]):
        widths[min(wanting, key=widths.__getitem__)] += 1
        spare -= 1
    return widths


def _as_lanes(history: History, shown: list[Line], widths: dict[str, int], margin: int, *, timed: bool) -> list[str]:
    beginnings = dict(zip(widths, accumulate(widths.values(), initial=0), strict=False))
    empty = "".join(pad("·", width) for width in widths.values())
    rows = [_row("time" if timed else "", [fit_name(name, width - 1) for name, width in widths.items()], widths, margin)] if widths else []
    rows += [_row("", ["─" * (width - 1) for width in widths.values()], widths, margin)] if widths else []
    for line in shown:
        if line.event is None:
            rows.append(f"  {printable(line.text)}")
            continue
        beginning = beginnings[line.event.task]
        # A long text runs on over the empty lanes to its right, and is cut at the edge.
        text = fit(_text(line), len(empty) - beginning)
        after = beginning + columns(text) + 1
        rows.append(f"{_stamp(line, timed=timed):>{margin - 2}}  {empty[:beginning]}{text} {empty[after:]}")
    return rows + _ends(history, widths, margin)


def _row(stamp: str, cells: Iterable[str], widths: dict[str, int], margin: int) -> str:
    return f"{stamp:>{margin - 2}}  " + "".join(pad(cell, width) for cell, width in zip(cells, widths.values(), strict=True))


def _ends(history: History, widths: dict[str, int], margin: int) -> list[str]:
    """How each task ended, in its lane."""
    cells = [wrap(printable(history.endings.get(name, "")), width - 1, _ENDING_LINES) for name, width in widths.items()]
    depth = max(map(len, cells), default=0)
    return [_row("" if row else "end", [cell[row] if row < len(cell) else "" for cell in cells], widths, margin) for row in range(depth)]


# -- too many tasks for lanes ------------------------------------------------------------------------------------------


def _as_list(history: History, shown: list[Line], names: list[str], width: int, *, timed: bool) -> list[str]:
    room = min(max(map(columns, names)), max(width // 3, 1))
    rows = []
    for line in shown:
        if line.event is None:
            rows.append(f"  {printable(line.text)}")
            continue
        stamp = f"{_stamp(line, timed=timed):>9}  " if timed else "  "
        rows.append(f"{stamp}{pad(fit_name(line.event.task, room), room)}  {_text(line)}")
    together: dict[str, list[str]] = {}
    for name in names:
        together.setdefault(history.endings.get(name, ""), []).append(name)
    together.pop("", None)
    text = printable("; ".join(f"{', '.join(like)}: {ending}" for ending, like in sorted(together.items(), key=_stuck_first)))
    return rows + [("  end  " if not row else "       ") + part for row, part in enumerate(wrap(text, width - 7, _ENDING_LINES))]


def _stuck_first(entry: tuple[str, list[str]]) -> bool:
    return not entry[0].startswith("✗")
