"""What the coordinator makes of what its workers tell."""

from __future__ import annotations

import io

import pytest

from greenroom.errors import UsageError
from greenroom.fuzz import plan
from greenroom.fuzz.coordinator import Coordinator, Limits
from greenroom.fuzz.dashboard import Dashboard
from greenroom.fuzz.failures import FoundFailure
from greenroom.fuzz.plan import Batch
from greenroom.fuzz.state import State, TestRecord

TEST = "t.py::one"


@pytest.fixture
def out():
    return io.StringIO()


@pytest.fixture
def coordinator(tmp_path, out, clock):
    limits = Limits(minutes=10, examples=None, workers=2, memory_mb=600)
    first = {"tests": [], "database": None, "profile": None}
    made = Coordinator(State([], 7), tmp_path, first, limits, Dashboard(out, live=False, clock=clock), summarise=lambda: None, clock=clock)
    for worker in made.workers:
        made._take(worker, {"say": "ready", "tests": [TEST], "left_out": {}})
    return made


def failure(name="ab", **values):
    return FoundFailure(name, TEST, "ValueError", "odd", "t.py:3", **values)


def seen(name="ab"):
    return {"say": "seen", "failure": failure(name).to_json()}


def done(worker, *, replays=False, number=0, **values):
    """A worker has run a batch."""
    worker.batch = Batch(number, TEST, 1, 100, replays)
    usual = {"examples": 100, "seconds": 8.0, "failures": [], "known": {}, "unfinished": [], "ended": "complete"}
    return {"say": "done", "number": number, "test": TEST, **usual, "broken": "", "skipped": "", "mb": 100.0, **values}


def shrunk(name="ab"):
    return failure(name, text="picture", shrunk=True).to_json()


def test_a_failure_is_saved_when_it_is_seen_and_shown_when_it_is_shrunk(coordinator, out, tmp_path):
    one = coordinator.workers[0]
    coordinator._take(one, seen())
    assert not State.load(tmp_path / "state.json").failures["ab"].shrunk
    assert "✗" not in out.getvalue()
    coordinator._take(one, done(one, failures=[shrunk()]))
    assert out.getvalue().count("✗ failure 1") == 1
    assert State.load(tmp_path / "state.json").failures["ab"].text == "picture"


def test_a_failure_that_two_workers_have_shrunk_is_shown_once(coordinator, out):
    for worker in coordinator.workers:
        coordinator._take(worker, seen())
    for worker in coordinator.workers:
        coordinator._take(worker, done(worker, failures=[shrunk()]))
    assert out.getvalue().count("✗") == 1


def test_failures_are_numbered_as_they_were_seen(coordinator, out):
    one = coordinator.workers[0]
    for name in ("ab", "cd"):
        coordinator._take(one, seen(name))
    coordinator._take(one, done(one, failures=[shrunk("cd"), shrunk("ab")]))
    assert out.getvalue().index("failure 2") < out.getvalue().index("failure 1")


def test_shrinking_that_was_cut_short_goes_on_elsewhere_and_is_shown_at_last_as_it_is(coordinator, out):
    one, test = coordinator.workers[0], coordinator.state.tests[TEST]
    coordinator._take(one, seen())
    for _ in range(plan.MOST_CONTINUED):
        test.replay_due = False
        coordinator._take(one, done(one, unfinished=["ab"], ended="time"))
        assert test.replay_due
        assert "✗" not in out.getvalue()
    test.replay_due = False
    coordinator._take(one, done(one, unfinished=["ab"], ended="time"))
    assert not test.replay_due
    assert out.getvalue().count("✗") == 1
    assert f"again: pytest {TEST}" in out.getvalue()


@pytest.mark.parametrize(("mb", "ended", "replaced"), [(100.0, "complete", False), (350.0, "complete", True), (200.0, "memory", True)])
def test_a_worker_that_has_grown_is_replaced(coordinator, wire, mb, ended, *, replaced):
    one = coordinator.workers[0]
    one.channel = wire
    coordinator._take(one, done(one, mb=mb, ended=ended))
    assert one.ending == replaced
    assert wire.sent == ([{"do": "end"}] if replaced else [])


def test_known_failures_of_earlier_sessions_are_told_apart_by_whether_they_fail_again(coordinator):
    state, one = coordinator.state, coordinator.workers[0]
    state.session = 2
    for name in ("ab", "cd"):
        state.failures[name] = failure(name, shrunk=True)
    coordinator._take(one, done(one, replays=True, known={"ab": 3}))
    assert [state.failures[name].still for name in ("ab", "cd")] == [True, False]
    assert state.failures["ab"].times == 3
    coordinator._take(one, done(one, known={"cd": 1}))
    assert state.failures["cd"].still


def test_a_test_that_cannot_be_set_up_is_left_out_and_told_of(coordinator, out):
    one = coordinator.workers[0]
    coordinator._take(one, done(one, broken="its set-up failed: no such table"))
    assert coordinator.broken == {TEST: "its set-up failed: no such table"}
    assert "no such table" in out.getvalue()


def test_progress_counts_once_what_is_new(coordinator):
    one, test = coordinator.workers[0], coordinator.state.tests[TEST]
    one.batch = Batch(0, TEST, 1, 100, replays=False)
    news = {"examples": 5, "schedules": [1, 2, 2], "behaviours": ["a", "b"], "mb": 210.0, "shrinking": False, "shrinks": 0}
    for _ in range(2):
        coordinator._take(one, {"say": "progress", **news})
    assert (test.examples, len(test.schedules), len(test.behaviours)) == (10, 2, 2)
    assert coordinator.state.peak_mb == 210.0


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (
            {"say": "ready", "tests": [], "left_out": {"t.py::plain": "no test of Hypothesis"}},
            "none of the tests can be fuzzed: no test of Hypothesis",
        ),
        ({"say": "cannot", "text": "t.py: SyntaxError"}, "no test can be run: t.py: SyntaxError"),
        ({"say": "cannot", "text": "INTERNALERROR> a\nINTERNALERROR> b: c"}, "no test can be run: b: c"),
    ],
)
def test_where_nothing_can_be_run_it_says_why(tmp_path, out, clock, message, why):
    limits = Limits(minutes=10, examples=None, workers=1, memory_mb=600)
    made = Coordinator(State([], 7), tmp_path, {}, limits, Dashboard(out, live=False, clock=clock), summarise=lambda: None, clock=clock)
    with pytest.raises(UsageError, match=why):
        made._take(made.workers[0], message)


@pytest.mark.parametrize(
    ("limits", "seconds", "examples", "reason"),
    [
        ({"minutes": 1, "examples": None}, 59.0, 0, ""),
        ({"minutes": 1, "examples": None}, 60.0, 0, "time"),
        ({"minutes": None, "examples": 100}, 1e6, 99, ""),
        ({"minutes": None, "examples": 100}, 0.0, 100, "examples"),
    ],
)
def test_a_session_ends_by_time_or_by_examples(coordinator, limits, seconds, examples, reason):
    coordinator.limits = Limits(**limits, workers=1, memory_mb=600)
    coordinator.session_s, coordinator.session_examples = seconds, examples
    assert coordinator._reason() == reason


def test_ctrl_c_ends_a_session(coordinator):
    coordinator.interrupt()
    assert coordinator._reason() == "interrupted"


def test_a_new_test_does_not_take_all_the_time_that_the_others_have_had(coordinator, tmp_path, out, clock):
    state = State([], 7)
    state.tests[TEST] = TestRecord(TEST, share=500.0)
    made = Coordinator(
        state, tmp_path, {}, coordinator.limits, Dashboard(out, live=False, clock=clock), summarise=lambda: None, clock=clock
    )
    made._take(made.workers[0], {"say": "ready", "tests": [TEST, "t.py::new"], "left_out": {}})
    assert state.tests["t.py::new"].share == 500.0
