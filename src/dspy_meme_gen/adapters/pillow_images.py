"""Memes as PNGs, drawn with Pillow."""

import hashlib
import zlib

from PIL import Image

from dspy_meme_gen.adapters.captions import Box, Captions
from dspy_meme_gen.adapters.png import png_bytes
from dspy_meme_gen.adapters.scenes import SCENES, TASTES, Scene
from dspy_meme_gen.adapters.sketch import Sketch
from dspy_meme_gen.domain import MemeText, RenderedImage

__all__ = ["PillowImageModel"]


class PillowImageModel:
    """Draws a scene by format and sets the captions on it. The same input gives the same bytes: nothing of machine or hour is in them.

    Width and height in pixels. Raises OSError if a font cannot be read. Any thread may call.
    """

    def __init__(self, width: int = 800, height: int = 600, *, fallback_font: str | None = None) -> None:
        self._width = width
        self._height = height
        self._captions = Captions(fallback_font)
        self._scenes: dict[tuple[str, int], bytes] = {}

    def render(self, text: MemeText, format: str) -> RenderedImage:  # noqa: A002 - the port's name
        """The meme; a format without a scene of its own gets the classic one."""
        scene = SCENES.get(format, SCENES["classic"])
        return self.captioned(self._painted(scene, _taste(text, format) % scene.tastes), text, format)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of every picture, in pixels."""
        return (self._width, self._height)

    def captioned(self, image: Image.Image, text: MemeText, format: str) -> RenderedImage:  # noqa: A002 - the port's name
        """The meme on this picture of our size, in RGB, which is drawn upon."""
        scene = SCENES.get(format, SCENES["classic"])
        for caption, place in ((text.top, scene.top), (text.bottom, scene.bottom)):
            self._captions.draw(image, caption, self._box(place), largest_px=scene.largest * self._height / 3)
        return self._encoded(image)

    def placeholder(self, text: MemeText, format: str) -> RenderedImage:  # noqa: A002, ARG002 - the port's names
        """A plain grey card: nothing on it can fail."""
        return self._encoded(Image.new("RGB", (self._width, self._height), "#5a6274"))

    def _painted(self, scene: Scene, taste: int) -> Image.Image:
        """The scene without captions. All are kept, packed to a fiftieth: painting takes ten times as long as unpacking."""
        known = self._scenes.get((scene.name, taste))
        if known is not None:
            return Image.frombytes("RGB", self.size, zlib.decompress(known))
        sketch = Sketch(self._width, self._height)
        scene.paint(sketch, taste)
        painted = sketch.finished()
        self._scenes[scene.name, taste] = zlib.compress(painted.tobytes(), 1)
        return painted

    def _box(self, place: tuple[float, float, float, float, float]) -> Box:
        left, top, right, bottom, anchor = place
        across, down = self._width / 4, self._height / 3
        return Box(left * across, top * down, (right - left) * across, (bottom - top) * down, anchor)

    def _encoded(self, image: Image.Image) -> RenderedImage:
        return RenderedImage(png_bytes(image), self._width, self._height)


def _taste(text: MemeText, format: str) -> int:  # noqa: A002 - the port's name
    document = f"{format}\x1f{text.top}\x1f{text.bottom}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(document).digest()[:4]) % TASTES
