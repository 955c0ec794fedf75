"""Hypothesis draws schedules: they are found, shrunk to the default order, and replayed like any other value."""

from __future__ import annotations

import itertools
import re
import threading

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase

import greenroom
from greenroom.policies.drawn import HOLD_BYTE, MOST_DRAWS, Drawn, from_bytes, schedule_bytes, schedules
from greenroom.shims.install import is_installed
from tests.greenroom.racing import order_of

FINDING = settings(max_examples=300, database=None, deadline=None, phases=[Phase.generate, Phase.shrink], suppress_health_check=HealthCheck)


def reversed_order():
    assert order_of("ab") != ("b", "a"), "reversed"


def note_of(error):
    return "\n".join(getattr(error, "__notes__", []))


def test_a_drawn_schedule_finds_a_race_and_prints_it():
    @FINDING
    @given(schedules())
    def race(schedule):
        greenroom.run(reversed_order, schedule)

    with pytest.raises(AssertionError, match="reversed") as caught:
        race()
    notes = note_of(caught.value)
    assert "<a schedule that Hypothesis draws>" in notes
    assert "▶ chosen against the default order" in notes
    assert "replay: greenroom replay " in notes


def test_what_was_drawn_is_replayed_by_its_text():
    texts = []

    @FINDING
    @given(schedules())
    def race(schedule):
        try:
            greenroom.run(reversed_order, schedule)
        except AssertionError as error:
            texts.append(note_of(error).rpartition("'g1:")[2].rstrip("'"))
            raise

    with pytest.raises(AssertionError, match="reversed"):
        race()
    assert all(greenroom.replay(reversed_order, f"g1:{text}").failure is not None for text in texts)


def test_a_schedule_shrinks_to_the_default_order():
    drawn = []

    @FINDING
    @given(schedules())
    def always(schedule):
        drawn.append(greenroom.run(lambda: order_of("ab"), schedule).schedule)
        raise LookupError

    with pytest.raises(LookupError):
        always()
    assert drawn[-1] == greenroom.Schedule()
    assert any(schedule.deviations for schedule in drawn)


def test_choices_of_values_are_drawn_too_and_shrink_to_the_first():
    @FINDING
    @given(schedules())
    def choosing(schedule):
        chosen = greenroom.run(lambda: greenroom.choose(*range(10)), schedule).result
        assert chosen < 4, chosen

    with pytest.raises(AssertionError, match=r"^4\b"):
        choosing()


def test_a_failing_schedule_is_saved_and_replayed():
    database = InMemoryExampleDatabase()

    def racing():
        @given(schedules())
        def race(schedule):
            greenroom.run(reversed_order, schedule)

        return race

    for phases in ([Phase.generate, Phase.shrink], [Phase.reuse]):
        with pytest.raises(AssertionError, match="reversed"):
            settings(FINDING, database=database, phases=phases)(racing())()


def test_draws_end_where_they_should():
    @settings(FINDING, max_examples=20, phases=[Phase.generate])
    @given(schedules(most_draws=3))
    def few(schedule):
        taken = greenroom.run(lambda: [greenroom.choose(*range(5)) for _ in range(10)], schedule)
        assert taken.result[3:] == [0] * 7

    few()


def test_an_example_that_runs_out_of_room_leaves_no_stage_open():
    """Hypothesis then ends the example by an exception out of a draw, inside a task."""

    @settings(FINDING, max_examples=5, phases=[Phase.generate])
    @given(st.booleans(), schedules(most_draws=10**6))
    def endless(long, schedule):
        assert not is_installed()
        greenroom.run(lambda: [greenroom.choose(*range(200)) for _ in range(10_000 if long else 1)], schedule)

    endless()
    assert not is_installed()


@given(st.binary(max_size=8), st.lists(st.integers(2, 20), max_size=12))
def test_each_byte_is_one_choice_and_the_default_order_follows(data, counts):
    policy = from_bytes(data)
    chosen = [policy.choose_value(count) for count in counts]
    expected = [byte % count for byte, count in zip(data, counts, strict=False)]
    assert chosen == expected + [0] * (len(counts) - len(expected))


@given(schedule_bytes())
def test_the_bytes_of_a_step_are_few_or_a_few_more(data):
    assert len(data) <= 6 or 16 <= len(data) <= 64 or data == bytes(len(data) - 1) + bytes((HOLD_BYTE,))


@pytest.mark.parametrize("strategy", [schedules(), schedule_bytes().map(from_bytes)], ids=["schedules", "bytes"])
def test_one_task_in_the_default_order_is_often_held_back(strategy):
    """A random walk comes to this ending about once in a million executions."""

    def late():
        seen = []

        def work():
            for _ in range(10):
                greenroom.checkpoint("work")
                seen.append("work")

        targets = [lambda: seen.append("setting"), work, work]
        threads = [threading.Thread(target=target) for target in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen[-1] != "setting", seen

    shrunk = []

    @settings(FINDING, derandomize=True)
    @given(strategy)
    def race(schedule):
        try:
            greenroom.run(late, schedule)
        except AssertionError as error:
            shrunk.extend(re.findall(r"g1:[\w=!,-]*", note_of(error))[-1:])
            raise

    with pytest.raises(AssertionError, match="setting"):
        race()
    assert "," not in shrunk[-1]
    assert "!" in shrunk[-1]


@pytest.mark.parametrize("most", [0, 1, 2, 20])
def test_no_place_for_a_hold_lies_behind_the_last_draw(most):
    decisions = []

    @settings(FINDING, phases=[Phase.generate])
    @given(schedules(most_draws=most))
    def race(schedule):
        decisions.extend(decision for decision, _ in greenroom.run(lambda: order_of("ab"), schedule).schedule.deviations)

    race()
    assert all(decision < most for decision in decisions)
    assert bool(decisions) == (most > 0)


def test_bytes_deviate_like_any_policy():
    default = greenroom.run(lambda: order_of("ab"), from_bytes(b""))
    assert default.schedule == greenroom.Schedule()
    orders = {greenroom.run(lambda: order_of("ab"), from_bytes(bytes(choices))).result for choices in itertools.product((0, 1), repeat=4)}
    assert orders == {("a", "b"), ("b", "a")}


def test_a_policy_of_draws_keeps_to_the_default_order_in_the_end():
    asked = []

    def draw(count):
        asked.append(count)
        return count - 1

    policy = Drawn(draw)
    assert [policy.choose_value(2) for _ in range(MOST_DRAWS + 3)] == [1] * MOST_DRAWS + [0] * 3
    assert policy.choose([object()] * 4) == 0
    assert len(asked) == MOST_DRAWS
