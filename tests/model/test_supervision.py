"""Five restarts in a sliding minute; the sixth crash in it is one too many, for ever."""

from hypothesis import given
from hypothesis import strategies as st

from model.supervision import Restarts, step


def results(*times_s):
    restarts, seen = Restarts(), []
    for time_s in times_s:
        [(result, restarts)] = step(restarts, time_s)
        seen.append(result)
    return seen


def test_five_crashes_in_a_minute_are_put_up_with():
    assert results(0, 1, 2, 3, 4) == ["restarted"] * 5


def test_the_sixth_escalates_and_then_nothing_is_restarted():
    assert results(0, 1, 2, 3, 4, 5, 500)[5:] == ["escalated", "stopped"]


def test_the_window_slides():
    assert results(0, 50, 51, 52, 53, 60, 61) == ["restarted"] * 6 + ["escalated"]


def test_a_restart_exactly_a_window_old_no_longer_counts():
    assert results(0, 0, 0, 0, 0, 60) == ["restarted"] * 6
    assert results(0, 0, 0, 0, 0, 59.999)[-1] == "escalated"


@given(st.lists(st.integers(0, 30), max_size=20).map(lambda gaps: [sum(gaps[: count + 1]) for count in range(len(gaps))]))
def test_no_window_holds_more_restarts_than_allowed(times_s):
    restarted = [time_s for time_s, result in zip(times_s, results(*times_s), strict=True) if result == "restarted"]
    assert all(sum(0 <= time_s - start_s < 60 for time_s in restarted) <= 5 for start_s in restarted)
