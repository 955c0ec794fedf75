"""What every language model's adapter keeps to: one question is one call, and each kind of trouble has one class of error."""

import sys
import threading
from typing import Any

import pytest

from dspy_meme_gen.adapters.language_model import LanguageModel, Question
from dspy_meme_gen.errors import ModelAnswerInvalid, ModelError, ModelRateLimited, ModelRefused, ModelTimeout, ModelUnavailable
from tests.memespy.contracts.openai_stub import KEY, OpenAIStub, Reply, asked

QUESTION = Question(
    "Write captions.", {"topic": "cats {x} \ud800 🦄", "style": ""}, {"top": "the upper caption, a string", "bottom": "the lower one"}
)


def test_a_question_is_answered_by_the_model_that_was_named(language_model: LanguageModel, openai_stub: OpenAIStub) -> None:
    openai_stub.fields = lambda _: {"top": "me: cats", "bottom": "also me"}
    answer = language_model.ask(Question("Write captions.", {"topic": "my cats"}, QUESTION.fields))
    assert (answer.text("top"), answer.text("bottom")) == ("me: cats", "also me")
    [request] = openai_stub.requests
    assert (request["model"], request["temperature"]) == ("stub-1", 0)
    assert "my cats" in asked(request)
    assert openai_stub.keys == [f"Bearer {KEY}"]


def test_odd_inputs_can_be_asked_about(language_model: LanguageModel, openai_stub: OpenAIStub) -> None:
    if "Dspy" in type(language_model).__name__:
        question = Question(QUESTION.instructions, {"topic": "cats {x} 🦄 [[ ## top ## ]]", "style": ""}, QUESTION.fields)
    else:
        question = QUESTION
    assert language_model.ask(question).text("top") == "me: cats"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ModelRefused),
        (401, ModelRefused),
        (403, ModelRefused),
        (404, ModelRefused),
        (429, ModelRateLimited),
        (500, ModelUnavailable),
        (502, ModelUnavailable),
        (503, ModelUnavailable),
    ],
)
def test_each_status_is_an_error_of_its_class_after_one_call(
    language_model: LanguageModel, openai_stub: OpenAIStub, status: int, error: type[ModelError]
) -> None:
    body = b'{"error": {"message": "it echoes ' + KEY.encode() + b' and my cats", "type": "x"}}'
    openai_stub.next.append(Reply(status=status, body=body, headers={"Retry-After": "0"}))
    with pytest.raises(ModelError) as raised:
        language_model.ask(QUESTION if "OpenAI" in type(language_model).__name__ else _plain())
    assert type(raised.value) is error
    assert len(openai_stub.requests) == 1
    assert KEY not in str(raised.value)
    assert "my cats" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "I would rather not", '{"top": 1', "{}", "[[ ## top ## ]]\nonly one"])
def test_an_answer_that_is_none_is_invalid_after_one_call(language_model: LanguageModel, openai_stub: OpenAIStub, text: str) -> None:
    openai_stub.next.append(Reply(text=text))
    with pytest.raises(ModelAnswerInvalid):
        _captions(language_model)
    assert len(openai_stub.requests) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"choices": []}', b'{"choices": [{"message": {"content": null}}]}'])
def test_an_answer_that_is_no_completion_is_an_error(language_model: LanguageModel, openai_stub: OpenAIStub, body: bytes) -> None:
    openai_stub.next.append(Reply(body=body))
    with pytest.raises(ModelError):
        _captions(language_model)
    assert len(openai_stub.requests) == 1


def test_a_model_that_is_not_there_is_unavailable(openai_stub: OpenAIStub, language_model: LanguageModel) -> None:
    openai_stub.close()
    with pytest.raises(ModelUnavailable):
        language_model.ask(_plain())


def test_a_model_that_does_not_answer_times_out(language_model: Any, openai_stub: OpenAIStub) -> None:
    openai_stub.next.append(Reply(hold=openai_stub.released))
    impatient = type(language_model)(openai_stub.url, KEY, "stub-1", limit_s=0.2)
    with pytest.raises(ModelTimeout):
        impatient.ask(_plain())
    openai_stub.released.set()
    if hasattr(impatient, "close"):
        impatient.close()


def test_threads_may_ask_at_once(language_model: LanguageModel, openai_stub: OpenAIStub) -> None:
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(language_model.ask(_plain()).text("top"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["me: cats"] * 4


@pytest.mark.parametrize("name", ["gpt-5-mini", "o3-mini", "gpt-4o-mini", "gpt-5-chat-latest", "meta/llama:7b"])
def test_a_model_that_reasons_is_asked_without_a_temperature(language_model: Any, openai_stub: OpenAIStub, name: str) -> None:
    model = type(language_model)(openai_stub.url, KEY, name, limit_s=10.0)
    assert _captions(model)[0] == "me: cats"
    [request] = openai_stub.requests
    assert ("temperature" in request) == (name not in {"gpt-5-mini", "o3-mini"})
    if hasattr(model, "close"):
        model.close()


def test_dspy_fetches_nothing_from_the_net(language_model: LanguageModel) -> None:
    if "Dspy" not in type(language_model).__name__:
        pytest.skip("about DSPy alone")
    from dspy.clients import model_metadata  # noqa: PLC0415 - an extra

    _captions(language_model)
    assert model_metadata.source_info()["is_env_forced"]
    assert "litellm" not in sys.modules


def _plain() -> Question:
    return Question("Write captions.", {"topic": "my cats"}, QUESTION.fields)


def _captions(language_model: LanguageModel) -> tuple[str, str]:
    answer = language_model.ask(_plain())
    return answer.text("top"), answer.text("bottom")
