"""Who is admitted, when, and in which order: buckets, the window, pressure, lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_meme_gen.domain import Priority
from dspy_meme_gen.resilience.bucket import BucketPolicy, Buckets
from dspy_meme_gen.resilience.pressure import Pressure, pressure_of
from dspy_meme_gen.resilience.waiting import MOST_PASSED, Waiting
from dspy_meme_gen.resilience.window import Window, WindowPolicy

PRIORITIES = st.sampled_from(Priority)


# Buckets


def test_a_user_may_send_a_burst_and_then_as_fast_as_tokens_come_back():
    buckets = Buckets(BucketPolicy(rate_per_s=2.0, burst=3))
    assert [buckets.take("ann", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.take("ann", 0.25) == pytest.approx(0.25)
    assert buckets.take("ann", 0.5) == 0.0


def test_users_do_not_share_tokens():
    buckets = Buckets(BucketPolicy(rate_per_s=1.0, burst=1))
    assert buckets.take("ann", 0.0) == 0.0
    assert buckets.take("bob", 0.0) == 0.0
    assert buckets.take("ann", 0.0) == 1.0


@given(st.lists(st.floats(0, 3), max_size=40))
def test_no_user_ever_gets_more_than_burst_and_rate_allow(pauses):
    policy = BucketPolicy(rate_per_s=2.0, burst=3)
    buckets, now_s, taken = Buckets(policy), 0.0, 0
    for pause in pauses:
        now_s += pause
        taken += buckets.take("ann", now_s) == 0.0
        assert taken <= policy.burst + policy.rate_per_s * now_s + 1e-6


@given(st.floats(0, 10), st.integers(1, 5))
def test_the_wait_that_it_names_is_long_enough(rest, burst):
    policy = BucketPolicy(rate_per_s=0.5, burst=burst)
    buckets = Buckets(policy)
    for _ in range(burst):
        buckets.take("ann", rest)
    wait_s = buckets.take("ann", rest)
    assert wait_s > 0
    assert buckets.take("ann", rest + wait_s + 1e-9) == 0.0


def test_users_who_are_gone_are_forgotten():
    buckets = Buckets(BucketPolicy(rate_per_s=10.0, burst=2))
    for number in range(5000):
        buckets.take(f"user {number}", float(number))
    assert len(buckets) <= Buckets.SWEEP_EVERY + 1


# The window

POLICY = WindowPolicy(first=100, least=10, most=1000, step=0.1, period_s=5.0, target_s=1.0)


def after(window, latency_s, now_s):
    return window.finished(POLICY, latency_s, now_s)


def test_slow_answers_make_it_smaller_down_to_the_least():
    window = Window.new(POLICY, 0.0)
    assert after(window, 3.0, 5.0).size == 90
    now_s = 0.0
    for _ in range(60):
        now_s += 5.0
        window = after(window, 3.0, now_s)
    assert window.size == 10


def test_it_grows_up_to_the_most_and_only_where_it_was_the_limit():
    window = Window.new(POLICY, 0.0)
    assert after(window, 0.5, 5.0).size == 100
    now_s = 0.0
    for _ in range(60):
        now_s += 5.0
        window = after(window.refused(), 0.5, now_s)
    assert window.size == 1000


def test_it_changes_once_a_period_by_the_mean_of_that_period():
    window = Window.new(POLICY, 0.0)
    window = after(window, 5.0, 1.0)
    assert window.size == 100
    assert after(window.refused(), 0.1, 4.9).size == 100
    assert after(after(window, 0.1, 2.0), 0.1, 5.0).size == 90
    assert after(window.refused(), 0.1, 5.0).size == 90


def test_it_admits_up_to_its_size():
    window = Window(3, 0.0)
    assert [window.admits(in_flight) for in_flight in (0, 2, 3, 4)] == [True, True, False, False]


# Pressure


@pytest.mark.parametrize(
    ("used", "band"), [(0, 0), (49, 0), (50, 1), (69, 1), (70, 2), (84, 2), (85, 3), (94, 3), (95, 4), (100, 4), (130, 4)]
)
def test_the_bands_of_pressure(used, band):
    assert pressure_of(used, 100) == band


def test_nothing_fits_into_nothing():
    assert pressure_of(0, 0) is Pressure.FULL


@given(PRIORITIES, st.sampled_from(Pressure))
def test_who_is_shed_first(priority, band):
    shed_from = {Priority.LOW: Pressure.HIGH, Priority.NORMAL: Pressure.SEVERE, Priority.HIGH: Pressure.FULL}[priority]
    assert band.admits(priority) is (band < shed_from)


# Lines


def test_high_goes_before_normal_before_low_and_each_in_order():
    waiting = Waiting()
    for number, priority in enumerate((Priority.LOW, Priority.HIGH, Priority.NORMAL, Priority.HIGH)):
        waiting.add(priority, number)
    assert [waiting.take() for _ in range(5)] == [1, 3, 2, 0, None]


@given(st.lists(st.one_of(PRIORITIES, st.none()), max_size=120))
def test_nobody_is_lost_and_nobody_is_passed_over_too_often(steps):
    waiting, expected, passed = Waiting(), {priority: [] for priority in Priority}, dict.fromkeys(Priority, 0)
    for number, step in enumerate(steps):
        if step is not None:
            waiting.add(step, number)
            expected[step].append(number)
            continue
        lines = [priority for priority in Priority if expected[priority]]
        taken = waiting.take()
        assert (taken is None) is (not lines)
        assert len(waiting) == sum(map(len, expected.values())) - bool(lines)
        for priority in lines:
            if expected[priority][0] == taken:
                expected[priority].pop(0)
                passed[priority] = 0
            else:
                passed[priority] += 1
                assert passed[priority] <= MOST_PASSED + len(Priority)


def test_who_gives_up_leaves_the_line():
    waiting = Waiting()
    waiting.add(Priority.LOW, "a")
    assert waiting.remove("a")
    assert not waiting.remove("a")
    assert waiting.take() is None


def test_whoever_comes_after_one_that_gave_up_has_not_waited_yet():
    waiting = Waiting()
    waiting.add(Priority.LOW, "gives up")
    for number in range(MOST_PASSED):
        waiting.add(Priority.HIGH, number)
        assert waiting.take() == number
    waiting.remove("gives up")
    waiting.add(Priority.LOW, "has just come")
    waiting.add(Priority.HIGH, "urgent")
    assert waiting.take() == "urgent"
