"""Supervision and backoff as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_meme_gen.resilience.backoff import BackoffPolicy, backoff_s
from dspy_meme_gen.resilience.restarts import RestartPolicy, Restarts, Strategy, affected

CHILDREN = ("store", "cache", "text", "router")


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.ONE_FOR_ONE, ("cache",)),
        (Strategy.ONE_FOR_ALL, CHILDREN),
        (Strategy.REST_FOR_ONE, ("cache", "text", "router")),
        (Strategy.ESCALATE, ()),
    ],
)
def test_whom_a_failure_takes_with_it(strategy, expected):
    assert affected(strategy, CHILDREN, "cache") == expected


def test_a_stranger_cannot_fail():
    with pytest.raises(ValueError, match="nobody"):
        affected(Strategy.ONE_FOR_ALL, CHILDREN, "nobody")


@given(st.lists(st.floats(0, 40), max_size=40))
def test_the_window_slides(pauses):
    policy = RestartPolicy(most=3, window_s=60.0)
    restarts, now_s, counted = Restarts(policy), 0.0, []
    for pause in pauses:
        now_s += pause
        again = restarts.again(now_s)
        recent = [at_s for at_s in counted if now_s - at_s < 60.0]
        assert (again is None) is (len(recent) >= 3)
        if again is not None:
            restarts = again
            counted.append(now_s)


def test_backoff_doubles_up_to_its_limit_and_jitters_by_a_fifth():
    policy = BackoffPolicy(first_s=1.0, factor=2.0, most_s=60.0, jitter=0.2)
    for attempt, plain in enumerate((1, 2, 4, 8, 16, 32, 60, 60), start=1):
        waits = {backoff_s(policy, attempt, f"seed {number}") for number in range(200)}
        assert min(waits) >= plain * 0.8
        assert max(waits) <= plain * 1.2
        assert len(waits) > 100
    assert backoff_s(policy, 10_000, "s") <= 72.0


def test_the_same_try_of_the_same_request_waits_as_long_every_time():
    assert backoff_s(BackoffPolicy(), 3, "r1") == backoff_s(BackoffPolicy(), 3, "r1")
    assert backoff_s(BackoffPolicy(), 3, "r1") != backoff_s(BackoffPolicy(), 3, "r2")
