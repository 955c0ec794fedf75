"""The rules of a pipeline's life: what it does when it is stopped, and what it must not do."""

from __future__ import annotations

import pytest

from model import lifecycle
from model.events import Admits, Closes, Ends, GivesUp, IsTold, LetsGo, Rests, Returns, Settles, Starts, Uses
from model.lifecycle import Life, answers, step

STARTED = (Starts("a"), Starts("b"), Starts("c"))
BOTH = {"a": 0.0, "b": 0.0}
STOPPED = (
    *STARTED,
    Admits("r1"),
    Closes(5.0, 10.0),
    Settles("r1", "", 12.0),
    Ends(),
    IsTold("c", {**BOTH, "c": 0.0}, 20.0),
    IsTold("b", BOTH, 20.0),
    IsTold("a", {"a": 0.0}, 20.0),
    Uses("outbox", "stop", drains=True),
    LetsGo("store", {}),
    LetsGo("outbox", {}),
    Returns({}, 1),
)


def lived(*seen):
    """The life after these events, or what is wrong with the first that is."""
    life = Life(frozenset({"store", "outbox"}), patience_s=10.0)
    for event in seen:
        life = step(life, event)
        if isinstance(life, str):
            return life
    return life


def test_a_life_from_its_start_to_its_end():
    life = lived(*STOPPED)
    assert (life.phase, life.ports, life.in_flight, life.ended) == ("stopped", frozenset(), (), frozenset({"r1"}))
    assert lived(*STOPPED, Returns({}, 1)) == life


def test_a_stop_that_finds_the_pipeline_stopped_changes_nothing():
    assert lived(*STOPPED, Closes(7.0, 100.0)) == lived(*STOPPED)


@pytest.mark.parametrize(
    "seen",
    [
        (Closes(5.0, 10.0), Admits("r1")),
        (GivesUp(), Admits("r1")),
        (Settles("r1", "", 0.0),),
        (Admits("r1"), Settles("r1", "", 0.0), Settles("r1", "", 0.0)),
        (Admits("r1"), Settles("r1", "ServiceStopped", 0.0)),
        (Admits("r1"), Closes(5.0, 10.0), Settles("r1", "ServiceStopped", 14.0)),
        (Admits("r1"), Settles("r1", "RestartLimitExceeded", 0.0)),
        (Admits("r1"), Closes(5.0, 10.0), Ends()),
        (Ends(),),
        (*STARTED, Closes(0.0, 0.0), Ends(), Starts("a")),
        (*STARTED, IsTold("c", BOTH, 20.0)),
        (*STARTED, Closes(0.0, 0.0), Ends(), IsTold("a", BOTH, 20.0)),
        (*STARTED, Closes(0.0, 0.0), Ends(), IsTold("a", {"a": 0.0, "b": 9.9}, 20.0)),
        (*STARTED, Closes(0.0, 0.0), Ends(), IsTold("c", {}, 20.0), IsTold("b", {}, 30.1)),
        (Closes(0.0, 0.0), LetsGo("store", {})),
        (Closes(0.0, 0.0), Ends(), LetsGo("store", {"a": 0.0})),
        (Closes(0.0, 0.0), Ends(), LetsGo("store", {}), LetsGo("store", {})),
        (Closes(0.0, 0.0), Ends(), LetsGo("store", {}), Uses("store", "a")),
        (Closes(0.0, 0.0), Ends(), LetsGo("store", {}), Uses("store", "stop")),
        (Returns({}, 0),),
        (Closes(0.0, 0.0), Returns({}, 0)),
        (Closes(0.0, 0.0), Ends(), Returns({}, 0)),
        (Closes(0.0, 0.0), Ends(), LetsGo("store", {}), LetsGo("outbox", {}), Returns({"a": 0.0}, 0)),
        (Closes(0.0, 0.0), Ends(), LetsGo("store", {}), LetsGo("outbox", {}), Returns({}, 1)),
    ],
)
def test_what_no_correct_pipeline_does(seen):
    assert not isinstance(lived(*seen[:-1]), str)
    assert isinstance(lived(*seen), str)


def test_whoever_was_inside_ports_too_long_is_left_behind_and_excused_from_then_on():
    life = lived(*STARTED, Closes(0.0, 0.0), Ends(), IsTold("c", {**BOTH, "c": 0.0}, 20.0), IsTold("b", {**BOTH, "c": 10.0}, 20.0))
    assert life.left == {"c"}
    life = step(life, IsTold("a", {"a": 0.0, "c": 10.0}, 20.0))
    life = step(life, LetsGo("store", {"c": 10.0}))
    assert not isinstance(step(life, Uses("store", "c")), str)
    assert isinstance(step(life, Uses("store", "b")), str)
    assert not isinstance(step(life, Uses("store", "client")), str)


@pytest.mark.parametrize(
    ("seen", "rests", "right"),
    [
        ((), Rests(0.0, False), True),
        ((Admits("r1"),), Rests(0.0, False), True),
        ((Admits("r1"), GivesUp()), Rests(0.0, False), False),
        ((Admits("r1"), Closes(5.0, 10.0)), Rests(14.0, False), True),
        ((Admits("r1"), Closes(5.0, 10.0)), Rests(15.0, False), False),
        ((Closes(5.0, 10.0),), Rests(11.0, False), False),
        ((*STARTED, Closes(0.0, 0.0), Ends()), Rests(0.0, False), False),
        ((*STARTED, Closes(0.0, 0.0), Ends()), Rests(0.0, True), True),
    ],
)
def test_what_may_be_waited_for(seen, rests, right):
    assert isinstance(lived(*seen, rests), Life) == right


@pytest.mark.parametrize(
    ("call", "running", "given_up", "draining", "stopped"),
    [
        ("submit", {"accepted"}, {"ServiceStopped"}, {"ServiceStopped"}, {"ServiceStopped"}),
        ("cancel", {"True"}, {"True"}, {"True"}, {"False"}),
        ("status", {"under way"}, {"under way"}, {"under way"}, {"ended"}),
        ("health", {"up"}, {"down"}, {"down"}, {"down"}),
        ("in flight", {"r1"}, {"r1"}, {"r1"}, {""}),
        ("find", {"answered"}, {"answered"}, {"answered"}, {"answered", "closed"}),
        ("subscribe", {"answered"}, {"answered"}, {"answered"}, {"answered"}),
    ],
)
def test_what_calls_may_answer(call, running, given_up, draining, stopped):
    begun = lived(*STARTED, Admits("r1"))
    lives = (begun, step(begun, GivesUp()), step(begun, Closes(5.0, 0.0)), lived(*STOPPED))
    assert [answers(call, life, "r1") for life in lives] == [running, given_up, draining, stopped]
    assert answers("status", begun, "nobody's") == {"unknown"}


def test_phases_follow_one_another():
    seen = [lived(*STOPPED[:length]).phase for length in range(len(STOPPED) + 1)]
    assert tuple(dict.fromkeys(seen)) == lifecycle.PHASES
