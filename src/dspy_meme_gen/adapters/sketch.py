"""A drawing surface of 4 by 3 units, whatever the picture's size in pixels, with smooth edges."""

import math
from collections.abc import Sequence

from PIL import Image, ImageColor, ImageDraw

__all__ = ["Sketch"]

_FINER = 2
"""Shapes are drawn so much larger and then scaled down: Pillow's own shapes have no smooth edges."""

Point = tuple[float, float]


class Sketch:
    """Shapes in units: x from 0 to 4, y from 0 to 3, colours as CSS names or #rrggbb. Line widths in units too."""

    def __init__(self, width_px: int, height_px: int) -> None:
        self._image = Image.new("RGB", (width_px * _FINER, height_px * _FINER))
        self._draw = ImageDraw.Draw(self._image)
        self._x = width_px * _FINER / 4
        self._y = height_px * _FINER / 3

    def finished(self) -> Image.Image:
        """The picture in its true size."""
        return self._image.reduce(_FINER)

    def gradient(self, box: tuple[float, float, float, float], above: str, below: str) -> None:
        """A rectangle that goes from one colour to another, downwards."""
        left, top, right, bottom = round(box[0] * self._x), round(box[1] * self._y), round(box[2] * self._x), round(box[3] * self._y)
        height = max(1, bottom - top)
        first, last = ImageColor.getrgb(above)[:3], ImageColor.getrgb(below)[:3]
        mixed = (round(a + (b - a) * y / height) for y in range(height) for a, b in zip(first, last, strict=True))
        column = Image.frombytes("RGB", (1, height), bytes(mixed))
        # To the nearest: all columns are alike, and anything finer takes twenty times as long to find that out.
        self._image.paste(column.resize((max(1, right - left), column.height), Image.Resampling.NEAREST), (left, top))

    def rays(self, centre: Point, count: int, colour: str, *, turn: float = 0.0) -> None:
        """Rays from a point to beyond the edges."""
        for number in range(count):
            begin, end = ((2 * math.pi * (number + part) / count) + turn for part in (0.0, 0.5))
            far = [(centre[0] + 6 * math.cos(angle), centre[1] + 6 * math.sin(angle)) for angle in (begin, end)]
            self.polygon([centre, *far], colour)

    def ellipse(self, centre: Point, radii: Point, colour: str, *, edge: str | None = None, edge_width: float = 0.04) -> None:
        """An ellipse, with an edge if that has a colour."""
        self._draw.ellipse(self._bounds(centre, radii), fill=colour, outline=edge, width=self._pixels(edge_width) if edge else 0)

    def arc(self, centre: Point, radii: Point, degrees: Point, colour: str, *, width: float = 0.05) -> None:
        """A part of an ellipse's edge, clockwise from the first angle to the second; 0 is on the right."""
        self._draw.arc(self._bounds(centre, radii), degrees[0], degrees[1], fill=colour, width=self._pixels(width))

    def polygon(self, points: Sequence[Point], colour: str) -> None:
        """A filled shape."""
        self._draw.polygon([(x * self._x, y * self._y) for x, y in points], fill=colour)

    def line(self, points: Sequence[Point], colour: str, *, width: float = 0.05) -> None:
        """A line with round joints and ends."""
        self._draw.line([(x * self._x, y * self._y) for x, y in points], fill=colour, width=self._pixels(width), joint="curve")
        for point in (points[0], points[-1]):
            self._draw.ellipse(self._bounds(point, (width / 2, width / 2)), fill=colour)

    def panel(self, box: tuple[float, float, float, float], colour: str, *, edge: str = "#101014", radius: float = 0.0) -> None:
        """A rectangle with a dark edge, its corners rounded by `radius`."""
        corners = (box[0] * self._x, box[1] * self._y, box[2] * self._x, box[3] * self._y)
        self._draw.rounded_rectangle(corners, radius * self._y, fill=colour, outline=edge, width=self._pixels(0.035))

    def _bounds(self, centre: Point, radii: Point) -> tuple[float, float, float, float]:
        (x, y), (rx, ry) = centre, radii
        return ((x - rx) * self._x, (y - ry) * self._y, (x + rx) * self._x, (y + ry) * self._y)

    def _pixels(self, width: float) -> int:
        return max(1, round(width * (self._x + self._y) / 2))
