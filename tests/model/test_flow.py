"""The rules of flow: who is taken, who is next, who has a place."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from model import flow
from model.flow import Limits

LIMITS = Limits(most_waiting=20, burst=3, rate_per_s=1.0, first=2, least=1, most=3, period_s=2.0, target_s=1.0)


def arrivals(*moments_s):
    state, verdicts = flow.init(LIMITS, 0.0), []
    for number, now_s in enumerate(moments_s):
        ((verdict, state),) = flow.arrive(state, str(number), "ann", "high", now_s)
        verdicts.append(verdict)
    return verdicts


def test_a_user_may_send_a_burst_and_then_one_at_a_time():
    words = [word for word, _ in arrivals(0.0, 0.0, 0.0, 0.0, 1.5, 1.5)]
    assert words == ["accepted"] * 3 + ["rate limited", "accepted", "rate limited"]


def test_who_comes_too_early_is_told_how_much():
    assert arrivals(0.0, 0.0, 0.0, 0.25)[-1] == ("rate limited", 0.75)


@pytest.mark.parametrize(("priority", "room"), [("low", 14), ("normal", 17), ("high", 19)])
def test_the_line_is_too_long_for_low_priority_first(priority, room):
    state = flow.Flow(LIMITS, 2, flow.Period(0.0), waiting=tuple(map(str, range(room - 1))))
    ((verdict, longer),) = flow.arrive(state, "new", "ann", priority, 0.0)
    assert verdict[0] == "accepted"
    ((verdict, same),) = flow.arrive(longer, "another", "ann", priority, 0.0)
    assert verdict[0] == "overloaded"
    assert same == longer


@pytest.mark.parametrize(("inbox", "word"), [(0, "accepted"), (999, "accepted"), (1000, "overloaded"), (1001, "overloaded")])
def test_nobody_is_taken_while_the_routers_inbox_is_full(inbox, word):
    state = flow.looked_in(flow.init(replace(LIMITS, inbox=1000), 0.0), inbox)
    ((verdict, after),) = flow.arrive(state, "new", "ann", "high", 0.0)
    assert verdict[0] == word
    assert (after == state) == (word == "overloaded"), "whoever is refused has not used up anything"


def test_high_goes_first_and_low_is_passed_over_eight_times_at_most():
    state = flow.join(flow.init(LIMITS, 0.0), "slow", "low")
    turns = []
    for number in range(10):
        state = flow.join(state, str(number), "high")
        turn, state = flow.take(state)
        turns.append(turn)
    assert turns == [*map(str, range(8)), "slow", "8"]


def test_nobody_who_waits_is_passed_over_for_ever():
    """All programs of six arrivals, in any priorities, each followed by a turn or not: whoever joined gets a turn."""
    for program in product(flow.PRIORITIES, repeat=4):
        state = flow.init(LIMITS, 0.0)
        for number, priority in enumerate(program):
            state = flow.join(state, str(number), priority)
        turns = []
        for _ in program:
            turn, state = flow.take(state)
            turns.append(turn)
        assert sorted(turns) == ["0", "1", "2", "3"]
        assert flow.take(state) == (None, state)


def test_a_priority_that_nobody_waits_with_is_not_passed_over():
    state = flow.join(flow.join(flow.init(LIMITS, 0.0), "a", "low"), "b", "high")
    _, state = flow.take(state)
    assert state.passed == {"low": 1}
    assert flow.leave(state, "a").passed == {}


def test_a_place_is_taken_with_the_turn_and_free_with_the_end():
    state = flow.Flow(LIMITS, 1, flow.Period(0.0), waiting=("a", "b"), line=(("low", "b"),))
    working = flow.begin(state, "a", 0.0)
    assert flow.begin(working, "b", 0.0) is None
    assert flow.complaint(working) is None
    assert flow.complaint(flow.end(working, "a")) == "1 wait, and only 0 of 1 places are taken"


@pytest.mark.parametrize(("latency_s", "full", "size"), [(2.0, True, 1), (0.5, True, 3), (0.5, False, 2)])
def test_the_window_goes_by_latency_once_a_period(latency_s, full, size):
    state = flow.Flow(LIMITS, 2, flow.Period(0.0, full=full))
    assert flow.finished(state, latency_s, 1.9).size == 2
    assert flow.finished(state, latency_s, 2.0).size == size
