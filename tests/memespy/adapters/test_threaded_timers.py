"""Timers call back in order, once, and end when they are closed."""

import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

import greenroom
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from tests.memespy.fakes import PATIENCE_S


@pytest.fixture
def timers() -> Iterator[ThreadedTimers]:
    timers = ThreadedTimers()
    yield timers
    timers.close()


def test_no_thread_is_started_before_it_is_needed() -> None:
    before = threading.active_count()
    ThreadedTimers().close()
    assert threading.active_count() == before


def test_timers_are_called_in_the_order_in_which_they_are_due(timers: ThreadedTimers, monkeypatch: pytest.MonkeyPatch) -> None:
    called, done = list[int](), threading.Event()
    now_s = time.monotonic()
    with monkeypatch.context() as stopped:
        # All are made at the same moment, however busy the machine is.
        stopped.setattr(time, "monotonic", lambda: now_s)
        timers.call_later(0.06, done.set)
        for number in (3, 1, 2):
            timers.call_later(0.01 * number, lambda number=number: called.append(number))
    assert done.wait(PATIENCE_S)
    assert called == [1, 2, 3]


def test_an_earlier_timer_wakes_a_thread_that_waits_for_a_later_one(timers: ThreadedTimers) -> None:
    done = threading.Event()
    timers.call_later(3600, done.set).cancel()
    timers.call_later(3600, lambda: None)
    timers.call_later(-1, done.set)
    assert done.wait(PATIENCE_S)


def test_a_cancelled_timer_is_not_called(timers: ThreadedTimers) -> None:
    called, done = list[int](), threading.Event()
    timer = timers.call_later(0.01, lambda: called.append(1))
    timer.cancel()
    timer.cancel()
    timers.call_later(0.02, done.set)
    assert done.wait(PATIENCE_S)
    assert called == []


def test_a_callback_that_raises_harms_no_other(timers: ThreadedTimers) -> None:
    done = threading.Event()
    timers.call_later(0, lambda: 1 / 0)
    timers.call_later(0.01, done.set)
    assert done.wait(PATIENCE_S)


def test_cancelled_timers_are_let_go_of_long_before_they_are_due(timers: ThreadedTimers) -> None:
    for _ in range(1000):
        timers.call_later(3600, lambda: None).cancel()
    assert len(timers._heap) < 100


def test_a_callback_may_ask_for_another(timers: ThreadedTimers) -> None:
    done = threading.Event()
    timers.call_later(0, lambda: timers.call_later(0, done.set))
    assert done.wait(PATIENCE_S)


def test_closing_ends_the_thread_and_calls_nothing_more() -> None:
    timers, called = ThreadedTimers(), list[int]()
    timers.call_later(3600, lambda: called.append(1))
    timers.close()
    timers.close()
    timers.call_later(0, lambda: called.append(2))
    assert called == []
    assert "memespy-timers" not in [thread.name for thread in threading.enumerate()]


def test_many_are_called_in_order_although_most_were_cancelled() -> None:
    called: list[float] = []

    def scenario() -> None:
        timers = ThreadedTimers()
        for number in range(600):
            delay_s = 1 + (number * 37 % 101) / 10
            timer = timers.call_later(delay_s, partial(called.append, delay_s))
            if number % 3:
                timer.cancel()
        time.sleep(20)
        timers.close()

    greenroom.run(scenario)
    assert len(called) == 200
    assert called == sorted(called)
