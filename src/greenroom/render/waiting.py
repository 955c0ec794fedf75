"""Who waits for whom when an execution has come to rest, in words and as a drawing."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from greenroom.render.columns import columns
from greenroom.render.markup import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenroom.history import History

# As ``history.endings`` says it.
_ENDINGS: Final = (
    (re.compile(r"✗ waits for (?P<whom>.+) to answer #(?P<what>\d+)", re.DOTALL), "answer #{what}"),
    (re.compile(r"✗ waits for (?P<what>.+), held by (?P<whom>.+)", re.DOTALL), "{what}"),
    (re.compile(r"✗ waits for (?P<whom>.+)(?P<what>) to end", re.DOTALL), "its end"),
)
_MOST_DRAWN: Final = 12
_LETTER: Final = 7.4  # units of the drawing
_BOX_HEIGHT: Final = 30


class Wait(NamedTuple):
    """``who`` waits for ``what`` of ``whom``."""

    who: str
    whom: str
    what: str


class Node(NamedTuple):
    """A task of the drawing: its middle, and half of its width."""

    x: float
    y: float
    half: float


def waits(history: History) -> list[Wait]:
    """Who waits in vain for a task that is known, in the order of the lanes."""
    found = []
    for who, ending in history.endings.items():
        for pattern, words in _ENDINGS:
            match = pattern.fullmatch(ending)
            if match is not None and match["whom"] in history.endings:
                found.append(Wait(who, match["whom"], words.format(what=match["what"])))
                break
    return found


def cycle(waiting: list[Wait]) -> list[str]:
    """The first circle of waiting, from the first of its tasks in the order of the lanes; empty where there is none."""
    for_whom = {wait.who: wait.whom for wait in waiting}
    for start in for_whom:
        path = [start]
        while (following := for_whom.get(path[-1])) is not None and following not in path:
            path.append(following)
        if following == start:
            return path
    return []


def waiting_figure(history: History) -> str:
    """A figure of who waits for whom, with the same in words as its caption; empty where nobody waits for a task."""
    waiting = waits(history)
    if not waiting:
        return ""
    ring = cycle(waiting)
    told = "".join(f"<li{_mark(wait.who in ring)}>{_sentence(wait)}" for wait in waiting)
    title = "A circle: each waits for the next" if len(ring) > 1 else "It waits for itself" if ring else "Who waits for whom"
    names = list(dict.fromkeys(name for wait in waiting for name in wait[:2]))
    drawing = _drawing(names, waiting, ring) if len(names) <= _MOST_DRAWN else ""
    # Where there is a drawing, the list is for those who cannot see it.
    return f'<figure class="waiting"><figcaption><h2>{title}</h2><ul{_hide(bool(drawing))}>{told}</ul></figcaption>{drawing}</figure>'


def _sentence(wait: Wait) -> str:
    return f"<b>{shown(wait.who)}</b> waits for <b>{shown(wait.whom)}</b> <span>{shown(wait.what)}</span>"


def _hide(there: bool) -> str:  # noqa: FBT001 - as _mark
    return ' class="unseen"' if there else ""


def _mark(there: bool) -> str:  # noqa: FBT001 - a clause: mark this if it is so
    return ' class="ring"' if there else ""


# -- the drawing -----------------------------------------------------------------------------------------------------


def _drawing(names: list[str], waiting: list[Wait], ring: list[str]) -> str:
    """The circle of waiting as a circle; whoever waits outside of it stands beside it, on the side of whom it waits for."""
    nodes = _placed(names, waiting, ring)
    arrows, reach = [], [*_corners(nodes)]
    for wait in waiting:
        arrow, around = _arrow(nodes[wait.who], nodes[wait.whom], wait, ring=wait.who in ring)
        arrows.append(arrow)
        reach += around
    left, top = min(x for x, _ in reach) - 4, min(y for _, y in reach) - 4
    width, height = max(x for x, _ in reach) + 4 - left, max(y for _, y in reach) + 4 - top
    boxes = "".join(_box(name, node, ring=name in ring) for name, node in nodes.items())
    shape = '<path d="M0 0L8 4L0 8z"/></marker>'
    heads = "".join(
        f'<marker id="waits-{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse"'
        f' orient="auto">{shape}'
        for kind in ("ring", "other")
    )
    size = f'viewBox="{left:.0f} {top:.0f} {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return f'<svg {size} aria-hidden="true"><defs>{heads}</defs>{"".join(arrows)}{boxes}</svg>'


def _placed(names: list[str], waiting: list[Wait], ring: list[str]) -> dict[str, Node]:
    half = {name: columns(name) * _LETTER / 2 + 14 for name in names}
    nodes = _on_a_circle(ring, half)
    for_whom = {wait.who: wait.whom for wait in waiting}
    if not ring:  # whom the others wait for, and who waits for nobody
        root = next(name for name in names if name not in for_whom)
        nodes[root] = Node(0.0, 0.0, half[root])
    # How far each stands from the circle, and at which of its members its waiting ends.
    beside: dict[tuple[int, int], list[str]] = {}
    for name in names:
        path = [name]
        while path[-1] not in nodes and path[-1] in for_whom and for_whom[path[-1]] not in path:
            path.append(for_whom[path[-1]])
        if len(path) > 1:
            side = 1 if path[-1] in nodes and nodes[path[-1]].x > 1 else -1
            beside.setdefault((side, len(path) - 1), []).append(name)
    edge = {side: max((abs(node.x) + node.half for node in nodes.values() if node.x * side >= -1), default=0.0) for side in (-1, 1)}
    for side, depth in sorted(beside, key=lambda key: key[1]):
        column = beside[side, depth]
        widest = max(half[name] for name in column)
        for place, name in enumerate(column):
            nodes[name] = Node(side * (edge[side] + 106 + widest), 54 * (place - (len(column) - 1) / 2), half[name])
        edge[side] += 106 + 2 * widest
    for name in names:  # another group, which has nothing to do with the first
        if name not in nodes:
            nodes[name] = Node(half[name], max(node.y for node in nodes.values()) + 60, half[name])
    return nodes


def _on_a_circle(ring: list[str], half: dict[str, float]) -> dict[str, Node]:
    """Two stand side by side; more of them on a circle that leaves room for what they wait for between them."""
    widest = max((half[name] for name in ring), default=0.0)
    across = {0: 0.0, 1: 0.0, 2: widest + 52}.get(len(ring), max(widest + 40, 28.0 * len(ring)))
    down = 0.0 if len(ring) < 3 else max(64.0, 24.0 * len(ring))
    first = math.pi if len(ring) == 2 else -math.pi / 2
    angles = [first + 2 * math.pi * place / len(ring) for place in range(len(ring))]
    return {name: Node(across * math.cos(angle), down * math.sin(angle), half[name]) for name, angle in zip(ring, angles, strict=True)}


def _corners(nodes: dict[str, Node]) -> Iterable[tuple[float, float]]:
    for node in nodes.values():
        yield node.x - node.half, node.y - _BOX_HEIGHT / 2
        yield node.x + node.half, node.y + _BOX_HEIGHT / 2


def _arrow(one: Node, other: Node, wait: Wait, *, ring: bool) -> tuple[str, list[tuple[float, float]]]:
    """An arrow with its words, and the corners of those."""
    kind = "ring" if ring else "other"
    if one == other:
        x, y = one.x, one.y - _BOX_HEIGHT / 2
        path = f"M{x - 16:.1f} {y:.1f}C{x - 34:.1f} {y - 40:.1f} {x + 34:.1f} {y - 40:.1f} {x + 17:.1f} {y - 3:.1f}"
        middle = x, y - 31
    else:
        bend = 46.0 if ring else 0.0
        x, y = other.x - one.x, other.y - one.y
        length = math.hypot(x, y) or 1.0
        turn = (one.x + other.x) / 2 + y / length * bend, (one.y + other.y) / 2 - x / length * bend
        start, end = _edge(one, *turn), _edge(other, *turn)
        path = f"M{start[0]:.1f} {start[1]:.1f}Q{turn[0]:.1f} {turn[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
        middle = (start[0] + 2 * turn[0] + end[0]) / 4, (start[1] + 2 * turn[1] + end[1]) / 4
    label = f'<text x="{middle[0]:.1f}" y="{middle[1] + 4:.1f}" class="what">{shown(wait.what)}</text>'
    half = columns(wait.what) * _LETTER / 2
    around = [(middle[0] - half, middle[1] - 9), (middle[0] + half, middle[1] + 9)]
    return f'<path class="{kind}" d="{path}" marker-end="url(#waits-{kind})"/>{label}', around


def _edge(node: Node, x: float, y: float) -> tuple[float, float]:
    """Where the line from the middle of ``node`` to a point leaves its box, and a little further."""
    across, down = x - node.x, y - node.y
    scale = min((node.half + 4) / abs(across) if across else math.inf, (_BOX_HEIGHT / 2 + 4) / abs(down) if down else math.inf)
    return node.x + across * scale, node.y + down * scale


def _box(name: str, node: Node, *, ring: bool) -> str:
    size = f'x="{node.x - node.half:.1f}" y="{node.y - _BOX_HEIGHT / 2:.1f}" width="{2 * node.half:.1f}" height="{_BOX_HEIGHT}" rx="7"'
    return f'<g{_mark(ring)}><rect {size}/><text x="{node.x:.1f}" y="{node.y + 4.5:.1f}">{shown(name)}</text></g>'
