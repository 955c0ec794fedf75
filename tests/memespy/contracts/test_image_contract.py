"""What every image model keeps to: a PNG of the asked size, whatever the text."""

# ruff: noqa: A002 - a format is what it is called everywhere

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from dspy_meme_gen.adapters.openai_images import OpenAIImageModel
from dspy_meme_gen.adapters.pillow_images import PillowImageModel
from dspy_meme_gen.adapters.process_images import ProcessImageModel
from dspy_meme_gen.domain import FORMATS, MemeText
from dspy_meme_gen.errors import ModelAnswerInvalid, ModelUnavailable
from dspy_meme_gen.ports import ImageModel
from tests.memespy.contracts.openai_stub import KEY, OpenAIStub, Reply, png

TEXTS = (MemeText("top", "bottom"), MemeText("", ""), MemeText("x" * 300, "🦄 \ud800 漢字 <b>"))


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ProcessImageModel]:
    model = ProcessImageModel(1, 96, 72)
    model.render(TEXTS[0], "classic")  # its threads are there before a test looks at what it leaves behind
    yield model
    model.close()


@pytest.fixture(params=["drawn", "drawn elsewhere", "OpenAI"])
def images(request: pytest.FixtureRequest, openai_stub: OpenAIStub, elsewhere: ProcessImageModel) -> Iterator[ImageModel]:
    drawing = PillowImageModel(96, 72)
    if request.param == "drawn":
        yield drawing
        return
    if request.param == "drawn elsewhere":
        yield elsewhere
        return
    model = OpenAIImageModel(openai_stub.url, KEY, "dall-e-3", limit_s=10.0, drawing=drawing)
    yield model
    model.close()


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_is_a_png_of_the_asked_size_without_anything_else_in_it(images: ImageModel, format: str) -> None:
    image = images.render(TEXTS[0], format)
    picture = Image.open(io.BytesIO(image.png))
    assert (picture.format, picture.size, image.width, image.height, picture.info) == ("PNG", (96, 72), 96, 72, {})


@pytest.mark.parametrize("text", TEXTS)
def test_the_same_input_gives_the_same_bytes(images: ImageModel, text: MemeText) -> None:
    assert images.render(text, "drake") == images.render(text, "drake")


def test_the_captions_are_in_the_picture(images: ImageModel) -> None:
    assert images.render(TEXTS[0], "classic").png != images.render(MemeText("other", "words"), "classic").png


def test_a_placeholder_is_the_same_for_all_texts_and_asks_nobody(images: ImageModel, openai_stub: OpenAIStub) -> None:
    placeholders = [images.placeholder(text, "classic") for text in TEXTS]
    assert placeholders == [placeholders[0]] * len(TEXTS)
    assert openai_stub.requests == []


class TestFromOpenAI:
    """What comes from outside is looked at first."""

    @pytest.fixture
    def model(self, openai_stub: OpenAIStub) -> Iterator[OpenAIImageModel]:
        model = OpenAIImageModel(openai_stub.url, KEY, "gpt-image-1", limit_s=10.0, drawing=PillowImageModel(96, 72))
        yield model
        model.close()

    @pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
    def test_the_scene_is_the_models(self, model: OpenAIImageModel, openai_stub: OpenAIStub, format: str) -> None:
        openai_stub.next.append(_reply(png((300, 200), "red", format)))
        picture = Image.open(io.BytesIO(model.render(MemeText("", ""), "classic").png)).convert("RGB")
        red, green, blue = picture.getpixel((48, 36))
        assert red > 200
        assert max(green, blue) < 50

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"no picture",
            png()[:60],
            png(format="GIF"),
            png(format="BMP"),
            png((5000, 5000)),
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        ],
        ids=["empty", "text", "cut short", "GIF", "BMP", "too large", "SVG"],
    )
    def test_what_is_no_fit_picture_is_refused(self, model: OpenAIImageModel, openai_stub: OpenAIStub, data: bytes) -> None:
        openai_stub.next.append(_reply(data))
        with pytest.raises(ModelAnswerInvalid):
            model.render(TEXTS[0], "classic")

    @pytest.mark.parametrize(
        "document",
        [{}, {"data": []}, {"data": [{"url": "http://127.0.0.1/x.png"}]}, {"data": [{"b64_json": "%%%"}]}, {"data": [{"b64_json": 7}]}, []],
    )
    def test_an_answer_without_a_picture_in_it_is_refused(self, model: OpenAIImageModel, openai_stub: OpenAIStub, document: Any) -> None:
        openai_stub.next.append(Reply(body=json.dumps(document).encode()))
        with pytest.raises(ModelAnswerInvalid):
            model.render(TEXTS[0], "classic")
        assert len(openai_stub.requests) == 1

    def test_a_picture_in_base64_is_asked_for_where_that_can_be_said(self, model: OpenAIImageModel, openai_stub: OpenAIStub) -> None:
        older = OpenAIImageModel(openai_stub.url, KEY, "dall-e-3", limit_s=10.0, drawing=PillowImageModel(96, 72))
        for each in (model, older):
            each.render(TEXTS[0], "classic")
        older.close()
        assert [request.get("response_format") for request in openai_stub.requests] == [None, "b64_json"]

    def test_an_outage_is_an_error(self, model: OpenAIImageModel, openai_stub: OpenAIStub) -> None:
        openai_stub.next.append(Reply(status=500))
        with pytest.raises(ModelUnavailable):
            model.render(TEXTS[0], "classic")


def _reply(data: bytes) -> Reply:
    return Reply(body=json.dumps({"data": [{"b64_json": base64.b64encode(data).decode()}]}).encode())
