"""Lines over time as SVG, drawn with the colours of the page around them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from greenroom.fuzz.dashboard import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDTH: Final = 560
_HEIGHT: Final = 190
_LEFT: Final = 56
_RIGHT: Final = 14
_TOP: Final = 10
_BOTTOM: Final = 26
_TIMES: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one moment: a dot on the line, with a text that appears under the pointer."""

    t_s: float
    text: str


def chart(  # noqa: PLR0913 - what a chart is made of, each by its name
    title: str,
    points: Sequence[tuple[float, float]],
    *,
    unit: str = "",
    steps: bool = False,
    marks: Sequence[Mark] = (),
    limit: float | None = None,
) -> str:
    """A figure with one line.

    Args:
        title: above it.
        points: (seconds, value), in order of time.
        unit: behind the numbers of the axis.
        steps: the value jumps, and does not grow between two points.
        marks: dots on the line.
        limit: a value that the line is to stay under, drawn as well.
    """
    points = list(points) or [(0.0, 0.0)]
    end = max(points[-1][0], 1.0)
    top = _round_up(max([value for _, value in points] + ([limit] if limit is not None else []) + [2.0]))

    def x_of(t_s: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * t_s / end

    def y_of(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top

    places = [(x_of(t_s), y_of(value)) for t_s, value in points]
    path = _stairs(places) if steps else "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    last = f"{points[-1][1]:,.0f}{unit}"
    parts = [f'<path class="area" d="M{x_of(points[0][0]):.1f} {y_of(0):.1f}L{path}L{places[-1][0]:.1f} {y_of(0):.1f}Z"/>']
    for value in (0.0, top / 2, top):
        y = y_of(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="axis" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_short(value)}{unit}</text>')
    for t_s in _time_ticks(end):
        anchor = "start" if not t_s else "end" if x_of(t_s) > _WIDTH - 2 * _RIGHT else "middle"
        parts.append(f'<text class="axis" x="{x_of(t_s):.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{duration(t_s)}</text>')
    if limit is not None:
        y = y_of(limit)
        parts.append(f'<line class="limit" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
    parts.append(f'<path class="line" d="M{path}"/>')
    for mark in marks:
        y = y_of(_value_at(points, mark.t_s))
        parts.append(
            f'<circle class="mark" cx="{x_of(min(mark.t_s, end)):.1f}" cy="{y:.1f}" r="4"><title>{escape(mark.text)}</title></circle>'
        )
    drawing = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)} over time: {last}">{"".join(parts)}</svg>'
    return f"<figure><figcaption>{escape(title)} <b>{last}</b></figcaption>{drawing}</figure>"


def _stairs(places: Sequence[tuple[float, float]]) -> str:
    corners = [f"{places[0][0]:.1f} {places[0][1]:.1f}"]
    for x, y in places[1:]:
        corners.append(f"{x:.1f} {corners[-1].split()[1]}")
        corners.append(f"{x:.1f} {y:.1f}")
    return "L".join(corners)


def _value_at(points: Sequence[tuple[float, float]], t_s: float) -> float:
    """The value of the first point at that time or later."""
    return next((value for at, value in points if at >= t_s), points[-1][1])


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value - 1e-9)


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _time_ticks(end_s: float) -> list[float]:
    every = next((step for step in _TIMES if end_s / step <= 5), _TIMES[-1] * math.ceil(end_s / _TIMES[-1] / 5))
    return [float(index * every) for index in range(int(end_s / every) + 1)]
