"""Charts as inline SVG: lines over whole numbers, and bars on a logarithmic scale. Plain text, no script, readable in light and dark."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH: Final = 460
HEIGHT: Final = 250
LEFT, RIGHT, TOP, BOTTOM = 58, 118, 16, 40
BAR_PX: Final = 24
NAMES_PX: Final = 150
VALUES_PX: Final = 80


@dataclass(frozen=True, slots=True)
class Limit:
    """A value that figures are held against, and what the line says."""

    value: float
    label: str


def shown(value: float) -> str:
    """A figure with three digits that count."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}"


def ticks(most: float) -> list[float]:
    """Round numbers from 0 to beyond `most`, three to seven of them."""
    if most <= 0:
        return [0.0, 1.0]
    raw = most / 5
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * (1 - 1e-9))
    return [step * number for number in range(math.ceil(most / step - 1e-9) + 1)]


def lines(title: str, x_title: str, xs: Sequence[int], series: Mapping[str, Sequence[float]], limit: Limit | None = None) -> str:
    """A line for each series, which has one figure for each of `xs`; these stand at equal distances. A `limit` is shown where it is near.

    Raises ValueError where a series does not fit `xs`.
    """
    most = max((value for values in series.values() for value in values), default=0.0)
    near = limit is not None and (most == 0 or limit.value <= 2 * most)
    marks = ticks(max(most, limit.value if limit is not None and near else 0.0))

    def x(index: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (index + 0.5) / len(xs)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / marks[-1]

    drawn = [f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(mark):.1f}" y2="{y(mark):.1f}"/>' for mark in marks]
    drawn += [_tick(LEFT - 6, y(mark) + 4, f"{mark:,g}", "end") for mark in marks]
    drawn += [
        f'<text class="tick" text-anchor="middle" x="{x(n):.1f}" y="{HEIGHT - BOTTOM + 16}">{each}</text>' for n, each in enumerate(xs)
    ]
    drawn.append(_tick((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x_title))
    if limit is not None and near:
        drawn.append(f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(limit.value):.1f}" y2="{y(limit.value):.1f}"/>')
    ends = []
    for number, (name, values) in enumerate(series.items()):
        points = [(x(index), y(value)) for index, (_, value) in enumerate(zip(xs, values, strict=True))]
        drawn.append(f'<polyline class="line s{number}" points="{" ".join(f"{px:.1f},{py:.1f}" for px, py in points)}"/>')
        for (px, py), value in zip(points, values, strict=True):
            drawn.append(f'<circle class="dot s{number}" cx="{px:.1f}" cy="{py:.1f}" r="3"><title>{shown(value)}</title></circle>')
        ends.append((points[-1][1], number, name))
    if limit is not None and near:
        ends.append((y(limit.value), -1, limit.label))
    for end_px, number, name in _apart(ends):
        style = "limit-label" if number < 0 else f"label s{number}"
        drawn.append(f'<text class="{style}" x="{WIDTH - RIGHT + 6}" y="{end_px + 4:.1f}">{escape(name)}</text>')
    return _figure(title, WIDTH, HEIGHT, drawn)


def bars(title: str, unit: str, values: Mapping[str, float]) -> str:
    """A bar for each value, all above 0, on a logarithmic scale from the power of ten below the least to the one above the greatest.

    Raises ValueError for a value that has no place on such a scale.
    """
    if not values or min(values.values()) <= 0:
        raise ValueError(f"{title} has the values {dict(values)!r}; expected at least one, and all above 0")
    least = math.floor(math.log10(min(values.values())))
    most = max(least + 1, math.ceil(math.log10(max(values.values()))))
    space_px = WIDTH * 2 - NAMES_PX - VALUES_PX
    height = BAR_PX * len(values) + 34

    def length_px(value: float) -> float:
        return space_px * (math.log10(value) - least) / (most - least)

    drawn = []
    for power in range(least, most + 1):
        at_px = NAMES_PX + length_px(10.0**power)
        drawn.append(f'<line class="grid" x1="{at_px:.1f}" x2="{at_px:.1f}" y1="4" y2="{height - 28}"/>')
        drawn.append(_tick(at_px, height - 12, f"{10.0**power:g} {unit}"))
    for number, (name, value) in enumerate(values.items()):
        top_px, long_px = 6 + BAR_PX * number, max(1.0, length_px(value))
        drawn.append(_tick(NAMES_PX - 8, top_px + 13, name, "end"))
        drawn.append(f'<rect class="bar" x="{NAMES_PX}" y="{top_px}" width="{long_px:.1f}" height="{BAR_PX - 6}"/>')
        drawn.append(_tick(NAMES_PX + long_px + 6, top_px + 13, shown(value), "start"))
    return _figure(title, WIDTH * 2, height, drawn)


def _tick(x_px: float, y_px: float, text: str, anchor: str = "middle") -> str:
    return f'<text text-anchor="{anchor}" x="{x_px:.1f}" y="{y_px:.1f}">{escape(text)}</text>'


def _apart(ends: list[tuple[float, int, str]], least_px: float = 14.0) -> list[tuple[float, int, str]]:
    """Labels pushed down until none stands on another."""
    placed: list[tuple[float, int, str]] = []
    for end_px, number, name in sorted(ends):
        placed.append((max(end_px, placed[-1][0] + least_px) if placed else end_px, number, name))
    return placed


def _figure(title: str, width: int, height: int, drawn: list[str]) -> str:
    picture = f'<svg role="img" aria-label="{escape(title)}" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return f"<figure><figcaption>{escape(title)}</figcaption>{picture}{''.join(drawn)}</svg></figure>"
