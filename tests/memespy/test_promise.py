"""A promise is kept once."""

import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest

import greenroom
from dspy_meme_gen.promise import Promise


def test_the_first_set_wins() -> None:
    promise: Promise[int] = Promise()
    assert [promise.set(1), promise.set(2), promise.set_exception(KeyError())] == [True, False, False]
    assert promise.future.get(timeout=0) == 1


def test_an_error_is_raised_to_whoever_waits() -> None:
    promise: Promise[int] = Promise()
    assert promise.set_exception(KeyError("gone"))
    assert not promise.set(1)
    with pytest.raises(KeyError, match="gone"):
        promise.future.get(timeout=0)


def test_a_promise_that_is_not_kept_times_out() -> None:
    with pytest.raises(pykka.Timeout):
        Promise().future.get(timeout=0)


def test_of_many_threads_one_wins(in_threads: Callable[[int, Callable[[int], Any]], list[Any]]) -> None:
    for _ in range(50):
        promise: Promise[int] = Promise()
        won = in_threads(4, promise.set)
        assert won.count(True) == 1
        assert promise.future.get(timeout=0) == won.index(True)


def test_whoever_asks_as_it_is_kept_hears_of_it_once() -> None:
    def scenario() -> None:
        promise: Promise[int] = Promise()
        heard: list[int] = []
        keeper = threading.Thread(target=promise.set, args=(1,))
        keeper.start()
        promise.when_set(heard.append)
        keeper.join()
        assert heard == [1]

    report = greenroom.exhaust(scenario)
    report.raise_failure()
    assert report.exhausted
