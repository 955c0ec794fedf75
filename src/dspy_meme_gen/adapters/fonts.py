"""The fonts of captions: Anton, and perhaps another for what Anton has no letters for."""

import importlib.resources
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import ImageFont

__all__ = ["MEASURED_PX", "Fonts"]

MEASURED_PX = 64
"""The size at which text is measured; widths at other sizes follow in proportion, near enough to fit by."""

_UNKNOWN = "\U0010ffff"
"""A character that no font has: what is drawn for it is the font's picture of a missing character."""


@dataclass(frozen=True, slots=True)
class _Glyph:
    """The number of the font that has the character (None: Anton draws an empty box), and how far it moves the pen at MEASURED_PX."""

    font: int | None
    advance: float


class Fonts:
    """Holds the fonts' bytes, so the disk is touched once, and remembers what it found out. Raises OSError if a font cannot be read.

    Any thread may call: what is remembered is only ever added to, or emptied.
    """

    def __init__(self, fallback_font: str | None = None) -> None:
        anton = importlib.resources.files("fontpkg_anton").joinpath("files", "Anton-Regular.ttf")
        self._files = [anton.read_bytes()] + ([Path(fallback_font).read_bytes()] if fallback_font is not None else [])
        self._opened: dict[int, list[ImageFont.FreeTypeFont]] = {}
        self._glyphs: dict[str, _Glyph] = {}
        self._missing = [_picture(font, _UNKNOWN) for font in self.opened(MEASURED_PX)]

    def opened(self, size_px: int) -> list[ImageFont.FreeTypeFont]:
        """The fonts at a size. The basic layout engine is always there, and gives the same picture whether or not Raqm is installed."""
        opened = self._opened.get(size_px)
        if opened is None:
            if len(self._opened) > 256:
                self._opened.clear()
            opened = [ImageFont.truetype(io.BytesIO(file), size_px, layout_engine=ImageFont.Layout.BASIC) for file in self._files]
            self._opened[size_px] = opened
        return opened

    def has(self, character: str) -> bool:
        """Whether any font has a picture of the character."""
        return self._glyph(character).font is not None

    def width(self, text: str, size_px: float = MEASURED_PX) -> float:
        """How wide the text is at a size, kerning aside."""
        return sum(self._glyph(character).advance for character in text) * size_px / MEASURED_PX

    def runs(self, text: str, size_px: int) -> list[tuple[ImageFont.FreeTypeFont, str]]:
        """The text in pieces, each with the font to draw it with."""
        opened = self.opened(size_px)
        runs: list[tuple[ImageFont.FreeTypeFont, str]] = []
        for character in text:
            font = opened[self._glyph(character).font or 0]
            if runs and runs[-1][0] is font:
                runs[-1] = (font, runs[-1][1] + character)
            else:
                runs.append((font, character))
        return runs

    def _glyph(self, character: str) -> _Glyph:
        glyph = self._glyphs.get(character)
        if glyph is None:
            if len(self._glyphs) > 4096:
                self._glyphs.clear()  # hostile text has many characters; a few thousand are worth remembering
            measured = self.opened(MEASURED_PX)
            able = (number for number, font in enumerate(measured) if _picture(font, character) != self._missing[number])
            font = next(able, None)
            glyph = self._glyphs[character] = _Glyph(font, measured[font or 0].getlength(character))
        return glyph


def _picture(font: ImageFont.FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)
