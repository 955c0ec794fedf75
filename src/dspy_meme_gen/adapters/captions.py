"""Captions: text fitted into a box, white with a black outline."""

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter

from dspy_meme_gen.adapters.fonts import MEASURED_PX, Fonts
from dspy_meme_gen.adapters.lettering import lettered

__all__ = ["Box", "Captions"]

_LEADING = 1.12
"""From line to line, in font sizes."""

_SMALLEST_PX = 6
"""Nothing is drawn smaller: it could not be read."""

_TINY_PX = 24
"""Up to this size an outline of one pixel will do."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, and where in it lines go: `anchor` 0 top, 0.5 middle, 1 bottom."""

    left: float
    top: float
    width: float
    height: float
    anchor: float = 0.5


class Captions:
    """Fits, breaks and draws captions in capitals. Raises OSError if a font cannot be read. Any thread may call."""

    def __init__(self, fallback_font: str | None = None) -> None:
        self._fonts = Fonts(fallback_font)
        self._stamps: dict[tuple[str, int, bool], Image.Image] = {}

    def draw(self, image: Image.Image, text: str, box: Box, *, largest_px: float) -> None:
        """Draw the text as large as fits the box, at most `largest_px` pixels a line; nothing for a text without visible characters."""
        words = lettered(text, self._fonts.has).split()
        if not words:
            return
        size_px, lines = self._fitted(words, box, largest_px)
        line_px = size_px * _LEADING
        y = box.top + (box.height - line_px * len(lines)) * box.anchor + line_px / 2
        pen = ImageDraw.Draw(image)
        for line in lines:
            x = box.left + (box.width - self._fonts.width(line, size_px)) / 2
            self._draw_line(pen, line, (round(x), round(y)), size_px)
            y += line_px

    def _draw_line(self, pen: ImageDraw.ImageDraw, line: str, at: tuple[int, int], size_px: int) -> None:
        """The outline first, then the letters on it; a tiny outline is the letters made fatter by a pixel."""
        stroke = 0 if size_px <= _TINY_PX else round(size_px / 14)
        margin = 4 + stroke
        letters = self._line(line, size_px, stroke, margin)
        outline = self._line(line, size_px, stroke, margin, outlined=True) if stroke else letters.filter(ImageFilter.MaxFilter(3))
        inked = outline.getbbox()
        if inked is None:
            return
        # Only where there is ink: half of a mask is empty, and every pixel of it would be looked at twice.
        place = (at[0] - margin + inked[0], at[1] - letters.height // 2 + inked[1])
        pen.bitmap(place, outline.crop(inked), fill="black")
        pen.bitmap(place, letters.crop(inked), fill="white")

    def _line(self, line: str, size_px: int, stroke: int, margin: int, *, outlined: bool = False) -> Image.Image:
        """A line's letters as a mask, `margin` pixels from its edge."""
        letters = Image.new("L", (round(self._fonts.width(line, size_px)) + 2 * margin, 2 * (size_px + stroke)))
        x = float(margin)
        for character in line:
            letters.paste(255, (round(x) - 2 - stroke, 0), self._stamp(character, size_px, stroke, outlined=outlined))
            x += self._fonts.width(character, size_px)
        return letters

    def _stamp(self, character: str, size_px: int, stroke: int, *, outlined: bool) -> Image.Image:
        """One letter in a picture of its own, with room for its outline; to be pasted, which is quicker than drawing it again."""
        key = (character, size_px, outlined)
        stamp = self._stamps.get(key)
        if stamp is None:
            if len(self._stamps) > 2048:
                self._stamps.clear()
            stamp = Image.new("L", (round(self._fonts.width(character, size_px)) + 5 + 2 * stroke, 2 * (size_px + stroke)))
            [(font, _)] = self._fonts.runs(character, size_px)
            at = (2 + stroke, size_px + stroke)
            ImageDraw.Draw(stamp).text(at, character, font=font, fill=255, anchor="lm", stroke_width=stroke if outlined else 0)
            self._stamps[key] = stamp
        return stamp

    def _fitted(self, words: list[str], box: Box, largest_px: float) -> tuple[int, list[str]]:
        """The largest size at which all fits the box, and the lines; long words are broken before everything shrinks for their sake."""
        largest = max(_SMALLEST_PX, int(min(largest_px, box.height / _LEADING)))
        pieces = [word[start : start + 12] for word in words for start in range(0, len(word), 12)]
        fit = self._fitted_between(words, box, largest, largest * 0.4) or self._fitted_between(pieces, box, largest, _SMALLEST_PX)
        return fit or (_SMALLEST_PX, self._crammed(pieces, box))

    def _fitted_between(self, words: list[str], box: Box, largest_px: int, smallest_px: float) -> tuple[int, list[str]] | None:
        widths = {word: self._fonts.width(word) for word in dict.fromkeys([*words, " "])}
        widest = max(widths[word] for word in words)
        size_px = largest_px
        while True:
            room = self._room(box, size_px)
            lines = _wrapped(words, widths, room)
            if len(lines) * size_px * _LEADING <= box.height and widest <= room:
                return size_px, lines
            if size_px <= max(_SMALLEST_PX, smallest_px):
                return None
            size_px = max(_SMALLEST_PX, min(size_px - 1, int(size_px * 0.94)))

    def _crammed(self, words: list[str], box: Box) -> list[str]:
        """At the smallest size: as much as fits, an ellipsis where something is left out."""
        room = self._room(box, _SMALLEST_PX)
        widths = {word: self._fonts.width(word) for word in dict.fromkeys([*words, " "])}
        lines = _greedy(words, widths, room)
        shown = lines[: max(1, int(box.height / (_SMALLEST_PX * _LEADING)))]
        if len(shown) < len(lines):
            shown[-1] += "…"
        return [self._cut(line, room) for line in shown]

    def _cut(self, line: str, room: float) -> str:
        if self._fonts.width(line) <= room:
            return line
        kept = line.rstrip("…")
        while kept and self._fonts.width(f"{kept}…") > room:
            kept = kept[:-1]
        return f"{kept}…"

    def _room(self, box: Box, size_px: int) -> float:
        """How wide a line may be, at the size at which text is measured; the outline takes some."""
        return (box.width - 2 * max(1, size_px / 14)) * MEASURED_PX / size_px


def _wrapped(words: list[str], widths: dict[str, float], most: float) -> list[str]:
    """As few lines as possible, of about the same width: greedy at the narrowest measure that needs no more lines than the full one."""
    lines = _greedy(words, widths, most)
    low, high = max(widths[word] for word in words), most
    for _ in range(6 if len(lines) > 1 else 0):
        middle = (low + high) / 2
        narrower = _greedy(words, widths, middle)
        if middle < most and len(narrower) <= len(lines):
            lines, high = narrower, middle
        else:
            low = middle
    return lines


def _greedy(words: list[str], widths: dict[str, float], most: float) -> list[str]:
    lines: list[str] = []
    room = 0.0
    for word in words:
        needed = widths[word] + widths[" "]
        if lines and needed <= room:
            lines[-1] += f" {word}"
            room -= needed
        else:
            lines.append(word)
            room = most - widths[word]
    return lines
