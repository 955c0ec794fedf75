"""Pictures are PNGs of the asked size, the same every time, whatever the text."""

# ruff: noqa: A001, A002 - a format is what it is called everywhere

import io
import threading

import pytest
from PIL import Image

from dspy_meme_gen.adapters.lettering import lettered
from dspy_meme_gen.adapters.pillow_images import PillowImageModel
from dspy_meme_gen.adapters.png import png_bytes
from dspy_meme_gen.adapters.scenes import SCENES, TASTES, Scene
from dspy_meme_gen.adapters.sketch import Sketch
from dspy_meme_gen.domain import FORMATS, MemeText

ODD = (
    MemeText("", ""),
    MemeText(" \n\t ", "\u200b\u202e\ufeff"),
    MemeText("x" * 100, "W" * 1000),
    MemeText("a b " * 250, "supercalifragilisticexpialidocious " * 20),
    MemeText("привет мир", "漢字 テスト 한국어"),
    MemeText("שלום مرحبا हिन्दी", "🦄❤️🇩🇪👩‍👩‍👧"),
    MemeText("a\x00b\ud800c", "\U0010ffff\ufffe"),
    MemeText("Z̸̢͔a̵l̶g̷o̵" * 20, "ﷺ" * 20),
    MemeText("{topic} %s <b>&amp;</b>", "../../etc/passwd"),
)


@pytest.fixture(scope="module")
def small() -> PillowImageModel:
    return PillowImageModel(96, 72)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_drawn_in_the_asked_size(format: str) -> None:
    image = PillowImageModel(400, 300).render(MemeText("top text", "bottom text"), format)
    picture = Image.open(io.BytesIO(image.png))
    assert (picture.format, picture.size, image.width, image.height) == ("PNG", (400, 300), 400, 300)
    assert len(picture.convert("RGB").getcolors(400 * 300) or ()) > 50
    assert picture.info == {}


def test_formats_look_different(small: PillowImageModel) -> None:
    assert len({small.render(MemeText("a", "b"), format).png for format in (*FORMATS, "classic")}) == len(FORMATS)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("number", range(len(ODD)))
def test_no_text_is_too_odd(small: PillowImageModel, number: int, format: str) -> None:
    first = small.render(ODD[number], format)
    assert first == small.render(ODD[number], format)
    assert first == PillowImageModel(96, 72).render(ODD[number], format)


@pytest.mark.parametrize("size", [(16, 16), (17, 300), (300, 17), (800, 600)])
def test_no_size_is_too_odd(size: tuple[int, int]) -> None:
    image = PillowImageModel(*size).render(MemeText("a caption of some length", "and another one"), "two-buttons")
    assert Image.open(io.BytesIO(image.png)).size == size


def test_the_text_is_part_of_the_picture(small: PillowImageModel) -> None:
    assert small.render(MemeText("a", "b"), "drake").png != small.render(MemeText("a", "c"), "drake").png


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (64, 48)])
def test_a_png_holds_the_pixels_that_were_drawn(size: tuple[int, int]) -> None:
    image = Image.effect_noise(size, 90).convert("RGB")
    again = Image.open(io.BytesIO(png_bytes(image)))
    again.verify()
    assert Image.open(io.BytesIO(png_bytes(image))).tobytes() == image.tobytes()
    assert (again.format, again.mode, again.size, again.info) == ("PNG", "RGB", size, {})


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_a_scene_has_as_many_looks_as_it_says_and_then_repeats(scene: Scene) -> None:
    looks = []
    for taste in range(TASTES):
        sketch = Sketch(80, 60)
        scene.paint(sketch, taste)
        looks.append(sketch.finished().tobytes())
    assert looks == [looks[taste % scene.tastes] for taste in range(TASTES)]
    assert len(set(looks)) == scene.tastes


def test_a_scene_that_is_kept_is_the_one_that_was_painted() -> None:
    first, again = PillowImageModel(400, 300), PillowImageModel(400, 300)
    again.render(MemeText("a", "b"), "drake")
    assert first.render(MemeText("a", "b"), "drake") == again.render(MemeText("a", "b"), "drake")


def test_an_unknown_format_is_drawn_as_a_classic(small: PillowImageModel) -> None:
    assert Image.open(io.BytesIO(small.render(MemeText("a", "b"), "unknown").png)).size == (96, 72)


def test_a_placeholder_is_the_same_for_all(small: PillowImageModel) -> None:
    placeholders = [small.placeholder(text, "drake") for text in ODD]
    assert placeholders == [placeholders[0]] * len(ODD)


def test_threads_may_draw_at_once(small: PillowImageModel) -> None:
    expected = [small.render(text, "classic") for text in ODD]
    drawn: list[object] = []
    threads = [threading.Thread(target=lambda: drawn.append([small.render(text, "classic") for text in ODD])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [expected] * 4


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("straße  und\nmehr", "STRASSE UND MEHR"),
        ("привет", "PRIVET"),
        ("ελληνικά", "ELLINIKA"),
        ("こんにちは", "KONNITIHA"),
        ("한국어", "HANGUGEO"),
        ("i 🐱 u", "I *CAT FACE* U"),
        ("❤️", "<3"),
        ("🇩🇪", "DE"),
        ("e\u0301", "É"),
        ("字", "字"),
        ("a\u200bb\ud800", "AB"),
    ],
)
def test_what_a_font_cannot_draw_is_said_otherwise(text: str, letters: str) -> None:
    assert lettered(text, lambda character: character.isascii() or character == "É") == letters
