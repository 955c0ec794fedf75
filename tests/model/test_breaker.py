"""The breaker's rules, for every sequence of a few calls."""

from __future__ import annotations

from itertools import product

from model.breaker import Ask, Breaker, End, admits, step

NEW = Breaker(failures=2, rest_s=5.0, proofs=2)


def after(state, *calls):
    answers = []
    for call in calls:
        ((answer, state),) = step(state, call)
        answers.append(answer)
    return state, answers


def bad(number, now_s=0.0):
    return (Ask(number, now_s), End(number, "bad", now_s))


OPEN = after(NEW, *bad(1), *bad(2))[0]


def test_it_opens_after_failures_in_a_row_and_not_before():
    assert admits(after(NEW, *bad(1))[0], 0.0)
    assert not admits(OPEN, 0.0)
    assert admits(after(NEW, *bad(1), Ask(2, 0.0), End(2, "good", 0.0), *bad(3))[0], 0.0)


def test_a_refused_call_changes_nothing():
    state, answers = after(OPEN, Ask(9, 4.9))
    assert answers == [False]
    assert state == OPEN


def test_after_the_rest_one_at_a_time_is_let_through():
    assert after(OPEN, Ask(3, 5.0), Ask(4, 5.0))[1] == [True, False]


def test_a_probe_that_is_given_up_leaves_its_place_and_proves_nothing():
    state, answers = after(OPEN, Ask(3, 5.0), End(3, "unheard", 6.0), Ask(4, 6.0), End(4, "good", 6.0))
    assert answers == [True, None, True, None]
    assert state.resting_since_s is not None


def test_two_good_probes_close_it_and_a_bad_one_lets_it_rest_again():
    closed = after(OPEN, Ask(3, 5.0), End(3, "good", 5.0), Ask(4, 5.0), End(4, "good", 5.0))[0]
    assert closed == NEW
    assert not admits(after(OPEN, Ask(3, 5.0), End(3, "good", 5.0), *bad(4, 6.0))[0], 10.9)


def test_calls_of_an_earlier_era_say_nothing():
    state = after(NEW, Ask(7, 0.0), Ask(8, 0.0), *bad(1), *bad(2))[0]
    assert after(state, End(7, "bad", 4.0), End(8, "good", 4.0))[0] == state


def test_whatever_happens_it_opens_only_of_failures_and_lets_one_through_while_it_rests():
    """All 4 ** 7 programs of asking and ending, one second apart."""
    for program in product(("ask", "good", "bad", "unheard"), repeat=7):
        state = NEW
        for now_s, what in enumerate(program):
            before = state
            number = min(state.out, default=-1)
            ((answer, state),) = step(state, Ask(100 + now_s, now_s) if what == "ask" else End(number, what, now_s))
            opened = before.resting_since_s is None and state.resting_since_s is not None
            assert what == "bad" or not opened
            if state.resting_since_s is not None:
                assert len(state.out) <= 1
            if answer is False:
                assert state == before
