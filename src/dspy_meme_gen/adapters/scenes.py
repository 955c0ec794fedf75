"""The scenes behind the captions: one a format, drawn by hand from simple shapes. None is a copy of anybody's picture."""

from collections.abc import Callable
from dataclasses import dataclass

from dspy_meme_gen.adapters.sketch import Point, Sketch

__all__ = ["SCENES", "TASTES", "Scene"]

TASTES = 80
"""A scene is painted to one of so many tastes, a whole number from 0 that picks colours and moods, and nothing that matters."""

_INK = "#17141f"
_SKINS = ("#f2c9a1", "#d99f6c", "#8d5a3b", "#f7d9bd")
_BURSTS = (("#f9b233", "#f7931e"), ("#5ec4e8", "#3aa3d0"), ("#8bd17c", "#63b35a"), ("#ef7fa7", "#db5f8d"), ("#b296e8", "#9676d6"))
_FURS = (("#f3a84a", "#fbe3c0"), ("#8f8f9c", "#e8e8ee"), ("#3d3a46", "#b9b4c4"), ("#d9b48f", "#fff3e2"))


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture, and where its captions go: (left, top, right, bottom, anchor) in a Sketch's units, and the largest line's height.

    Only the first `tastes` look different; those after them repeat.
    """

    name: str
    paint: Callable[[Sketch, int], None]
    top: tuple[float, float, float, float, float]
    bottom: tuple[float, float, float, float, float]
    largest: float
    tastes: int


def _classic(sketch: Sketch, taste: int) -> None:
    light, dark = _BURSTS[taste % len(_BURSTS)]
    fur, muzzle = _FURS[taste // 5 % len(_FURS)]
    sketch.gradient((0, 0, 4, 3), light, light)
    sketch.rays((2, 1.6), 14, dark, turn=0.1)
    sketch.ellipse((2, 3.15), (0.95, 1.0), fur, edge=_INK)
    sketch.ellipse((2, 3.2), (0.5, 0.75), muzzle)
    for side in (-1, 1):
        sketch.polygon([(2 + side * 0.78, 0.66), (2 + side * 0.2, 0.98), (2 + side * 0.76, 1.5)], _INK)
        sketch.polygon([(2 + side * 0.73, 0.78), (2 + side * 0.28, 1.02), (2 + side * 0.71, 1.4)], fur)
        sketch.polygon([(2 + side * 0.68, 0.92), (2 + side * 0.42, 1.05), (2 + side * 0.67, 1.3)], "#f29a9a")
    sketch.ellipse((2, 1.6), (0.86, 0.72), fur, edge=_INK)
    sketch.ellipse((2, 1.84), (0.42, 0.32), muzzle)
    _cat_face(sketch, taste // 20 % 4)


def _cat_face(sketch: Sketch, mood: int) -> None:
    """Deadpan, smug, shocked or pleased."""
    for side in (-1, 1):
        eye = (2 + side * 0.38, 1.47)
        if mood == 3:
            sketch.arc(eye, (0.17, 0.16), (180, 360), _INK, width=0.07)
        else:
            sketch.ellipse(eye, (0.19, 0.2), "white", edge=_INK)
            sketch.ellipse((eye[0] + (0.06 if mood == 1 else 0), eye[1] + 0.02), (0.06, 0.07) if mood == 2 else (0.1, 0.13), _INK)
            sketch.ellipse((eye[0] + 0.04, eye[1] - 0.04), (0.03, 0.04), "white")
        if mood in {0, 1}:
            sketch.line([(eye[0] - 0.2, 1.34), (eye[0] + 0.2, 1.34)], _INK, width=0.08)
        for lift in (-0.07, 0.04):
            sketch.line([(2 + side * 0.5, 1.8 + lift), (2 + side * 1.08, 1.76 + 2.4 * lift)], _INK, width=0.02)
    sketch.polygon([(1.91, 1.7), (2.09, 1.7), (2, 1.8)], "#e0717c")
    if mood == 2:
        sketch.ellipse((2, 1.98), (0.12, 0.14), "#7a2333", edge=_INK, edge_width=0.03)
    else:
        rise = {0: 0.0, 1: 0.05, 3: 0.0}[mood]
        sketch.arc((1.88, 1.84), (0.13, 0.1), (10, 170), _INK, width=0.04)
        sketch.arc((2.12, 1.84 - rise), (0.13, 0.1), (10, 170), _INK, width=0.04)


def _drake(sketch: Sketch, taste: int) -> None:
    skin = _SKINS[taste % len(_SKINS)]
    coat, shade = (("#e2572b", "#b43f1c"), ("#2b6fe2", "#1c4cb4"), ("#2f9e58", "#1f7340"))[taste // 4 % 3]
    sketch.gradient((0, 0, 1.75, 1.5), "#f3d36b", "#e9b23f")
    sketch.gradient((0, 1.5, 1.75, 3), "#f3d36b", "#e9b23f")
    sketch.gradient((1.75, 0, 4, 1.5), "#c7636b", "#a5434f")
    sketch.gradient((1.75, 1.5, 4, 3), "#6db884", "#458f61")
    for row, pleased in ((0.0, False), (1.5, True)):
        sketch.polygon([(0.2, row + 1.5), (0.42, row + 1.0), (1.22, row + 1.0), (1.45, row + 1.5)], coat)
        sketch.polygon([(0.66, row + 1.0), (0.98, row + 1.0), (0.82, row + 1.24)], shade)
        _head(sketch, (0.82, row + 0.64), skin, look=0.07 if pleased else -0.08, mouth="smile" if pleased else "frown", hair="#2b1d16")
        if pleased:
            sketch.line([(1.2, row + 1.36), (1.36, row + 1.12)], coat, width=0.2)
            sketch.ellipse((1.39, row + 1.0), (0.11, 0.11), skin, edge=_INK, edge_width=0.02)
            sketch.line([(1.4, row + 0.96), (1.62, row + 0.86)], skin, width=0.075)
        else:
            sketch.line([(1.2, row + 1.36), (1.42, row + 0.86)], coat, width=0.2)
            sketch.ellipse((1.45, row + 0.68), (0.12, 0.14), skin, edge=_INK, edge_width=0.02)
            for lean in (-0.08, -0.02, 0.04, 0.1):
                sketch.line([(1.45 + lean * 0.7, row + 0.6), (1.45 + lean * 1.3, row + 0.44)], skin, width=0.05)
    sketch.line([(1.75, 0), (1.75, 3)], _INK, width=0.04)
    sketch.line([(0, 1.5), (4, 1.5)], _INK, width=0.04)


def _head(  # noqa: PLR0913 - a face has as many features
    sketch: Sketch, at: Point, skin: str, *, look: float, mouth: str, hair: str
) -> None:
    """A head; `look` shifts the face to a side, `mouth` is smile, frown or gasp."""
    x, y = at
    sketch.polygon([(x - 0.1, y + 0.2), (x + 0.1, y + 0.2), (x + 0.13, y + 0.44), (x - 0.13, y + 0.44)], skin)
    sketch.ellipse((x, y - 0.05), (0.31, 0.36), hair)
    sketch.ellipse((x + look * 0.4, y + 0.02), (0.27, 0.31), skin, edge=_INK, edge_width=0.02)
    sketch.polygon([(x - 0.27, y - 0.05), (x - 0.2, y - 0.32), (x + 0.2, y - 0.32), (x + 0.27, y - 0.05), (x + look, y - 0.15)], hair)
    for side in (-1, 1):
        eye = (x + look + side * 0.1, y + 0.02)
        if mouth == "frown":
            sketch.line([(eye[0] - 0.05, eye[1]), (eye[0] + 0.05, eye[1])], _INK, width=0.025)
            sketch.line([(eye[0] - 0.06, eye[1] - 0.07 + side * 0.02), (eye[0] + 0.06, eye[1] - 0.07 - side * 0.02)], _INK, width=0.03)
        else:
            sketch.ellipse(eye, (0.05, 0.055), "white", edge=_INK, edge_width=0.015)
            sketch.ellipse((eye[0] + look * 0.25, eye[1]), (0.025, 0.03), _INK)
    if mouth == "smile":
        sketch.arc((x + look, y + 0.12), (0.12, 0.09), (10, 170), _INK, width=0.035)
    elif mouth == "frown":
        sketch.arc((x + look, y + 0.22), (0.1, 0.07), (200, 340), _INK, width=0.035)
    else:
        sketch.ellipse((x + look, y + 0.17), (0.05, 0.065), "#7a2333", edge=_INK, edge_width=0.02)


def _two_buttons(sketch: Sketch, taste: int) -> None:
    skin = _SKINS[taste % len(_SKINS)]
    sketch.gradient((0, 0, 4, 1.62), "#aebccb", "#8797aa")
    sketch.panel((0.1, 0.08, 3.9, 1.56), "#6d7d92", radius=0.1)
    for x in (1.05, 2.95):
        sketch.panel((x - 0.88, 0.16, x + 0.88, 0.98), "#47566b", radius=0.06)
        sketch.ellipse((x, 1.29), (0.52, 0.2), "#3a3f4a")
        sketch.ellipse((x, 1.25), (0.44, 0.17), "#a3161f", edge=_INK)
        sketch.ellipse((x, 1.19), (0.42, 0.15), "#ea2f38", edge=_INK, edge_width=0.02)
        sketch.ellipse((x - 0.12, 1.15), (0.14, 0.04), "#ff8d92")
    sketch.gradient((0, 1.64, 4, 3), "#4d76a8", "#2c4a72")
    sketch.line([(0, 1.63), (4, 1.63)], _INK, width=0.05)
    sketch.polygon([(0.9, 3), (1.25, 2.74), (2.75, 2.74), (3.1, 3)], "#e8e4da")
    sketch.ellipse((2, 2.32), (0.56, 0.62), skin, edge=_INK)
    sketch.polygon([(1.44, 2.26), (1.5, 1.84), (2.0, 1.68), (2.5, 1.84), (2.56, 2.26), (2.36, 1.98), (1.64, 1.98)], "#3b2a1e")
    for side in (-1, 1):
        sketch.ellipse((2 + side * 0.22, 2.24), (0.13, 0.14), "white", edge=_INK, edge_width=0.025)
        sketch.ellipse((2 + side * 0.22, 2.18), (0.05, 0.06), _INK)
        sketch.line([(2 + side * 0.1, 2.0), (2 + side * 0.34, 2.09)], _INK, width=0.045)
    sketch.line([(1.78, 2.62), (1.87, 2.56), (1.96, 2.63), (2.05, 2.56), (2.14, 2.63), (2.22, 2.57)], _INK, width=0.045)
    for x, y in ((1.36, 2.0), (2.66, 2.06), (1.3, 2.4), (2.73, 2.46), (1.62, 1.86)):
        sketch.polygon([(x, y - 0.13), (x + 0.055, y + 0.02), (x - 0.055, y + 0.02)], "#bfe9ff")
        sketch.ellipse((x, y + 0.03), (0.056, 0.06), "#bfe9ff")
    sketch.line([(2.95, 3), (2.74, 2.5), (2.5, 2.06)], skin, width=0.17)


def _distracted(sketch: Sketch, taste: int) -> None:
    skins = [_SKINS[(taste + shift) % len(_SKINS)] for shift in range(3)]
    sketch.gradient((0, 0, 4, 2.2), "#9fd3ef", "#e9f3ea")
    for number, (left, top) in enumerate(((0.0, 0.5), (0.7, 0.9), (1.35, 0.35), (2.2, 0.75), (2.75, 0.3), (3.45, 0.65))):
        sketch.panel((left, top, left + 0.72, 2.3), ("#c9b7a2", "#b5a69a", "#d7c9b2")[number % 3], edge="#8c7f74")
        for row in range(3):
            for column in range(2):
                x, y = left + 0.16 + 0.26 * column, top + 0.14 + 0.32 * row
                sketch.panel((x, y, x + 0.14, y + 0.18), "#7c8fa3", edge="#5f6d7d")
    sketch.gradient((0, 2.1, 4, 3), "#b9b2aa", "#8f8880")
    people = (
        (0.75, "#d8324a", "#5b2f16", 0.06, "smile"),
        (2.05, "#3f6fb5", "#2b1d16", -0.13, "gasp"),
        (3.25, "#5aa9a0", "#8a5a2b", -0.1, "frown"),
    )
    for skin, (x, clothes, hair, look, mouth) in zip(skins, people, strict=True):
        y = 1.32 if mouth == "gasp" else 1.42
        if mouth != "gasp":
            sketch.polygon(
                [
                    (x - 0.38, y - 0.1),
                    (x - 0.24, y - 0.36),
                    (x + 0.24, y - 0.36),
                    (x + 0.38, y - 0.1),
                    (x + 0.36, y + 0.6),
                    (x - 0.36, y + 0.6),
                ],
                hair,
            )
        sketch.polygon(
            [(x - 0.56, 3), (x - 0.48, y + 0.56), (x - 0.16, y + 0.4), (x + 0.16, y + 0.4), (x + 0.48, y + 0.56), (x + 0.56, 3)], clothes
        )
        _head(sketch, (x, y), skin, look=look, mouth=mouth, hair=hair)


def _expanding_brain(sketch: Sketch, taste: int) -> None:
    glow = ("#7d5cff", "#ff5cc8", "#39b8ff")[taste % 3]
    sketch.gradient((0, 0, 4, 1.5), "#5a6274", "#3d4352")
    sketch.gradient((0, 1.5, 4, 3), "#1b1038", "#3a1c66")
    sketch.gradient((2.25, 0, 4, 1.5), "#2e3a4c", "#1c2431")
    # Only the rays of the lower panel are wanted: the upper half of the fan is painted over again.
    sketch.rays((3.12, 2.1), 18, glow)
    sketch.gradient((0, 0, 2.25, 1.5), "#5a6274", "#3d4352")
    sketch.gradient((2.25, 0, 4, 1.5), "#2e3a4c", "#1c2431")
    sketch.gradient((0, 1.5, 2.25, 3), "#2a1850", "#4b2580")
    for radius, colour in ((0.66, "#c9b4ff"), (0.58, "#e6dcff"), (0.5, "#ffffff")):
        sketch.ellipse((3.12, 2.1), (radius, radius * 0.82), colour)
    _brain_head(sketch, (3.12, 0.72), "#8fa3b8", brain=0.13, bright="#e29aa6")
    _brain_head(sketch, (3.12, 2.2), "#cfd9ff", brain=0.3, bright="#fff3b0")
    for x, y in ((2.45, 1.7), (2.6, 2.6), (3.8, 1.75), (3.7, 2.7), (2.42, 2.2), (3.86, 2.3)):
        for reach in ((0.09, 0.02), (0.02, 0.09)):
            sketch.ellipse((x, y), reach, "white")
    sketch.line([(2.25, 0), (2.25, 3)], _INK, width=0.04)
    sketch.line([(0, 1.5), (4, 1.5)], _INK, width=0.04)


def _brain_head(sketch: Sketch, at: Point, colour: str, *, brain: float, bright: str) -> None:
    """A head from the side, with as much brain as it has."""
    x, y = at
    profile = [
        (x - 0.3, y + 0.78),
        (x - 0.26, y + 0.36),
        (x - 0.42, y + 0.1),
        (x - 0.42, y - 0.28),
        (x - 0.2, y - 0.5),
        (x + 0.14, y - 0.5),
    ]
    profile += [
        (x + 0.38, y - 0.3),
        (x + 0.38, y - 0.06),
        (x + 0.5, y + 0.14),
        (x + 0.4, y + 0.18),
        (x + 0.4, y + 0.38),
        (x + 0.12, y + 0.42),
        (x + 0.16, y + 0.78),
    ]
    sketch.polygon(profile, colour)
    sketch.line([*profile, profile[0]], _INK, width=0.025)
    centre = (x - 0.04, y - 0.18)
    for dx, dy in ((-0.55, 0.1), (0.0, -0.35), (0.5, 0.1), (0.0, 0.3), (-0.3, -0.25), (0.3, -0.25)):
        sketch.ellipse(
            (centre[0] + dx * brain, centre[1] + dy * brain), (brain * 0.62, brain * 0.5), bright, edge="#8b4a5c", edge_width=0.018
        )
    sketch.line([(x + 0.24, y + 0.03), (x + 0.33, y + 0.03)], _INK, width=0.03)


SCENES = {
    "classic": Scene("classic", _classic, (0.1, 0.06, 3.9, 0.98, 0.0), (0.1, 2.02, 3.9, 2.95, 1.0), 0.46, 80),
    "drake": Scene("drake", _drake, (1.84, 0.08, 3.94, 1.42, 0.5), (1.84, 1.58, 3.94, 2.92, 0.5), 0.36, 12),
    "two-buttons": Scene("two-buttons", _two_buttons, (0.22, 0.18, 1.88, 0.96, 0.5), (2.12, 0.18, 3.78, 0.96, 0.5), 0.28, 4),
    "distracted": Scene("distracted", _distracted, (0.08, 1.95, 1.5, 2.92, 0.5), (2.52, 1.95, 3.94, 2.92, 0.5), 0.3, 4),
    "expanding-brain": Scene("expanding-brain", _expanding_brain, (0.08, 0.08, 2.18, 1.42, 0.5), (0.08, 1.58, 2.18, 2.92, 0.5), 0.36, 3),
}
"""A scene for each format."""
