from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from greenroom import Schedule
from greenroom.shrink import shrink_schedule

deviations = st.sets(st.integers(0, 60), min_size=1, max_size=30).map(sorted)


@given(deviations, st.data())
def test_exactly_the_deviations_that_are_needed_are_left(places, data):
    needed = set(data.draw(st.lists(st.sampled_from(places), max_size=3, unique=True)))

    def fails(schedule):
        return schedule if needed <= {place for place, _ in schedule.deviations} else None

    shrunk = shrink_schedule(Schedule(tuple((place, "A-1") for place in places)), fails, budget=10_000)
    assert {place for place, _ in shrunk.deviations} == needed


@given(deviations, st.integers(0, 20))
def test_the_budget_is_kept(places, budget):
    calls = []

    def fails(schedule):
        calls.append(schedule)
        return schedule if len(schedule) % 2 else None

    schedule = Schedule(tuple((place, "A-1") for place in places))
    assert len(shrink_schedule(schedule, fails, budget=budget)) <= len(schedule)
    assert len(calls) <= budget


def test_what_was_really_taken_counts():
    def fails(schedule):
        return Schedule(schedule.deviations[:1])

    assert shrink_schedule(Schedule(((1, "a"), (2, "b"), (3, "c"))), fails, budget=50) == Schedule(())
