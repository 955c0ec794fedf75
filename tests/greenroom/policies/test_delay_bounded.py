"""Delay bounding: each schedule once, those with few deviations first, and an end."""

from __future__ import annotations

import itertools
import math
import threading

import pytest

import greenroom
from greenroom.policies.delay_bounded import DelayBounded


def three_choices():
    return tuple(greenroom.choose(*range(count)) for count in (3, 2, 4))


def test_every_choice_is_made_once_and_then_no_schedule_is_left():
    seen = []
    report = greenroom.explore(lambda: seen.append(three_choices()), policy="delay", executions=1000)
    assert sorted(seen) == sorted(itertools.product(range(3), range(2), range(4)))
    assert (report.executions, report.distinct, report.covered) == (24, 24, "every schedule")
    assert str(report).endswith("no failure under every schedule")


def test_schedules_with_fewer_deviations_come_first():
    seen = []
    greenroom.explore(lambda: seen.append(sum(value > 0 for value in three_choices())), policy="delay", executions=1000)
    assert seen == sorted(seen)
    assert seen[0] == 0


@pytest.mark.parametrize(("most", "executions"), [(0, 1), (1, 1 + 2 + 1 + 3), (2, 18), (3, 24), (9, 24)])
def test_the_number_of_deviations_can_be_bounded(most, executions):
    report = greenroom.explore(three_choices, policy=f"delay:{most}", executions=1000)
    assert report.executions == executions
    words = {0: " with at most 0 deviations", 1: " with at most 1 deviation", 2: " with at most 2 deviations"}
    assert report.covered == "every schedule" + words.get(most, "")


def test_nothing_is_claimed_before_the_end():
    assert greenroom.explore(three_choices, policy="delay", executions=23).covered == ""
    assert greenroom.explore(three_choices, policy="random", executions=50).covered == ""


def orders_of(count):
    seen = []

    def work(number):
        greenroom.checkpoint("row")
        seen.append(number)

    threads = [threading.Thread(target=work, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tuple(seen)


def test_every_order_is_reached(outcomes):
    assert len(outcomes(lambda: orders_of(3), policy="delay", executions=20_000)) == math.factorial(3)


def test_a_bug_of_two_deviations_is_found_on_the_second_level():
    def scenario():
        assert not all(three_choices()[:2])

    policy = DelayBounded()
    report = greenroom.explore(scenario, policy=policy, executions=1000)
    assert report.failure is not None
    assert len(report.failure.schedule) == 2
    assert policy.level == 2
    assert report.covered == ""


def test_what_is_found_is_covered_neither_when_it_is_the_very_last_schedule():
    def scenario():
        assert three_choices() != (2, 1, 3)

    report = greenroom.explore(scenario, policy="delay", executions=1000)
    assert report.executions_to_failure == 24
    assert report.covered == ""


def test_a_policy_object_can_be_used_again():
    policy = DelayBounded(1)
    assert [greenroom.explore(three_choices, policy=policy).executions for _ in range(2)] == [7, 7]


def test_a_program_that_forgets_its_options_is_told_as_nondeterminism():
    runs = []

    def scenario():
        runs.append(1)
        greenroom.choose(*range(2 if len(runs) > 1 else 9))

    with pytest.raises(greenroom.NondeterminismEscaped, match="had more than 2 options in an earlier execution and has 2 now"):
        greenroom.explore(scenario, policy="delay")
