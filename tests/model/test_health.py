"""What is known of the outside world: when it is looked at, and what may be told of it."""

from __future__ import annotations

import pytest

from model.health import Known, begins, finds, is_done, looks, rests, takes, tells

FIRST = begins(Known(1.0), 1, 0.0)
NEITHER = {"store": {""}, "memory": {""}, "monitor": {""}}


def looked(known, at_s, store=1.0, memory=0.1, monitor=1):
    """What is known after a look that takes no time."""
    known = looks(known, monitor, at_s)
    assert isinstance(known, Known), known
    return is_done(finds(finds(known, "memory", memory), "store", store), monitor, at_s)


def test_nothing_is_told_before_the_first_look():
    assert tells(FIRST, 0.5) == NEITHER
    assert takes(FIRST) == {True}


def test_what_was_found_last_is_told():
    known = looked(looked(FIRST, 1.0, store=0.0, memory=1.0), 2.0)
    assert tells(known, 2.0) == {"store": {"ok"}, "memory": {"ok"}, "monitor": {""}}
    assert tells(looked(known, 3.0, store=0.0), 3.0)["store"] == {"degraded"}
    assert tells(looked(known, 3.0, memory=1.0), 3.0)["memory"] == {"degraded"}


def test_until_a_look_is_over_what_it_has_found_may_be_told_or_not():
    known = finds(looks(looked(FIRST, 1.0), 1, 2.0), "memory", 1.5)
    assert tells(known, 2.0)["memory"] == {"ok", "degraded"}
    assert tells(known, 2.0)["store"] == {"ok"}
    assert takes(known) == {True, False}


@pytest.mark.parametrize(("share", "taken"), [(0.0, True), (0.84, True), (0.85, False), (2.0, False)])
def test_requests_are_shed_from_a_share_of_the_memory_on(share, taken):
    assert takes(looked(FIRST, 1.0, memory=share)) == {taken}


def test_a_look_before_its_time_is_wrong():
    assert "due at 1 s" in looks(FIRST, 1, 0.9)
    assert "due at 2 s" in looks(looked(FIRST, 1.0), 1, 1.5)


def test_a_period_begins_when_the_look_before_is_over():
    known = is_done(finds(finds(looks(FIRST, 1, 1.0), "memory", 0.1), "store", 1.0), 1, 3.0)
    assert known.due_s == 4.0


def test_a_new_monitor_looks_at_once_and_then_once_a_period():
    known = begins(looked(FIRST, 1.0), 2, 1.5)
    known = looked(known, 1.5, monitor=2)
    assert "due at 2.5 s" in looks(known, 2, 2.0)


def test_a_monitor_that_died_when_it_was_to_look_may_be_heard_of():
    known = begins(looked(FIRST, 1.0), 2, 2.0)
    known = looked(looked(known, 2.0, monitor=2), 2.0, monitor=2)
    assert "due at 3 s" in looks(known, 2, 2.0)


def test_a_look_that_does_not_come_is_wrong():
    assert rests(FIRST, 1.0) == FIRST
    assert "due at 1 s" in rests(FIRST, 1.1)


def test_whoever_is_at_it_may_take_as_long_as_it_takes_and_is_late_after_three_periods():
    known = looks(looked(FIRST, 1.0), 1, 2.0)
    assert rests(known, 100.0) == known
    assert [tells(known, at_s)["monitor"] for at_s in (3.9, 4.0, 4.1)] == [{""}, {"", "degraded"}, {"degraded"}]


def test_a_look_looks_at_everything():
    assert "store" in is_done(finds(looks(FIRST, 1, 1.0), "memory", 0.1), 1, 1.0)


def test_what_a_monitor_that_has_a_successor_still_does_changes_no_times():
    known = begins(looks(FIRST, 1, 1.0), 2, 5.0)
    assert looks(known, 1, 5.0) == known
    assert is_done(finds(known, "store", 0.0), 1, 5.0).found["store"] == {-1.0, 0.0}
