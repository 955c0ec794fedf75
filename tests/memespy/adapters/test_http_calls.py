"""Calls to a model end in time, take no more than they should, and give no key away."""

import logging
from collections.abc import Iterator

import pytest

from dspy_meme_gen.adapters.http_calls import JsonCalls
from dspy_meme_gen.errors import ModelAnswerInvalid, ModelRateLimited, ModelRefused, ModelTimeout
from tests.memespy.contracts.openai_stub import KEY, OpenAIStub, Reply


@pytest.fixture
def calls(openai_stub: OpenAIStub) -> Iterator[JsonCalls]:
    calls = JsonCalls(openai_stub.url + "/", KEY, limit_s=0.3, most_bytes=1000)
    yield calls
    calls.close()


def post(calls: JsonCalls) -> object:
    return calls.post("/chat/completions", {"model": "m", "messages": []})


def test_an_answer_that_drips_for_ever_ends_in_time(calls: JsonCalls, openai_stub: OpenAIStub) -> None:
    openai_stub.next.append(Reply(drip=True))
    with pytest.raises(ModelTimeout, match="did not finish"):
        post(calls)
    openai_stub.released.set()


def test_an_answer_that_is_too_long_is_refused(calls: JsonCalls, openai_stub: OpenAIStub) -> None:
    openai_stub.next.append(Reply(body=b" " * 1001))
    with pytest.raises(ModelAnswerInvalid, match="more than 1,000 bytes"):
        post(calls)


def test_json_that_is_nested_too_deeply_is_refused(openai_stub: OpenAIStub) -> None:
    calls = JsonCalls(openai_stub.url, KEY, limit_s=10, most_bytes=1_000_000)
    openai_stub.next.append(Reply(body=b"[" * 200_000 + b"]" * 200_000))
    with pytest.raises(ModelAnswerInvalid, match="no JSON"):
        post(calls)
    calls.close()


def test_a_redirect_does_not_carry_the_key_away(calls: JsonCalls, openai_stub: OpenAIStub) -> None:
    openai_stub.next.append(Reply(status=307, headers={"Location": f"{openai_stub.url}/elsewhere"}))
    with pytest.raises(ModelRefused, match="307"):
        post(calls)
    assert len(openai_stub.keys) == 1


@pytest.mark.parametrize(("header", "wait_s"), [("7", 7.0), ("0.5", 0.5), ("soon", None), ("-1", None), ("nan", None), ("1e9", None)])
def test_a_model_may_say_when_to_come_again(calls: JsonCalls, openai_stub: OpenAIStub, header: str, wait_s: float | None) -> None:
    openai_stub.next.append(Reply(status=429, headers={"Retry-After": header}))
    with pytest.raises(ModelRateLimited) as raised:
        post(calls)
    assert raised.value.retry_after_s == wait_s


def test_no_log_shows_the_key(calls: JsonCalls, openai_stub: OpenAIStub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    openai_stub.next.append(Reply(body=b"{}"))
    post(calls)
    assert caplog.records
    assert KEY not in caplog.text


def test_without_a_key_none_is_sent(openai_stub: OpenAIStub) -> None:
    calls = JsonCalls(openai_stub.url, None, limit_s=5, most_bytes=10_000)
    post(calls)
    calls.close()
    assert openai_stub.keys == [None]
