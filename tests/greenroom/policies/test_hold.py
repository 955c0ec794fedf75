"""Holding back: one task late at every place, then several deviations together; never unfair, and no claim to more than was tried."""

from __future__ import annotations

import threading
import time

import pytest

import greenroom
from greenroom.policies.hold import Hold
from greenroom.policies.portfolio import EARLY, FIRST_HOLDS, LATER, Portfolio
from tests.greenroom.racing import say, three_threads


def schedules_of(scenario, executions, seed=0):
    """The schedules of the first so many executions, and the policy."""
    policy = Hold(seed)
    found = []

    class Begun:
        begin = staticmethod(lambda execution: None)
        choose = staticmethod(policy.choose)
        choose_value = staticmethod(policy.choose_value)

    for number in range(executions):
        policy.begin(number)
        found.append(greenroom.run(scenario, Begun()).schedule)
    return found, policy


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_default_order_comes_first_and_then_every_place_once(seed):
    decisions = greenroom.run(three_threads).decisions
    schedules, policy = schedules_of(three_threads, 1 + decisions, seed)
    assert schedules[0] == greenroom.Schedule()
    assert all(len(schedule) == 1 and schedule.deviations[0][1].startswith("!") for schedule in schedules[1:])
    assert sorted(schedule.deviations[0][0] for schedule in schedules[1:]) == list(range(decisions))
    assert not policy.has_new_places


def test_then_two_or_three_deviations_come_together():
    decisions = greenroom.run(three_threads).decisions
    schedules, policy = schedules_of(three_threads, 1 + decisions + 100)
    together = schedules[1 + decisions :]
    assert {len(schedule) for schedule in together} >= {2, 3}
    assert max(len(schedule) for schedule in together) == 3
    choices = {choice for schedule in together for _, choice in schedule.deviations}
    assert any(choice.startswith("!") for choice in choices)
    assert any(not choice.startswith("!") for choice in choices)
    assert policy.exhausted() == ""


def test_each_situation_has_its_turn_before_a_second_place_of_a_long_loop():
    def scenario():
        def loop():
            for _ in range(50):
                greenroom.checkpoint("loop")

        threads = [threading.Thread(target=loop, name="long"), threading.Thread(target=say, args=([], "s"), name="short")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    schedules, _ = schedules_of(scenario, 8)
    assert "!short" in [schedule.deviations[0][1] for schedule in schedules[1:]]
    assert greenroom.run(scenario).decisions > 50


def test_every_value_of_a_choice_is_a_place_too():
    schedules, _ = schedules_of(lambda: greenroom.choose("a", "b", "c"), 3)
    assert [str(schedule) for schedule in schedules] == ["g1:", "g1:0=#1", "g1:0=#2"]


def test_a_scenario_with_a_single_schedule_is_exhausted_at_once():
    report = greenroom.explore(lambda: time.sleep(1), policy="hold", executions=50)
    assert (report.executions, report.covered) == (1, "every schedule")


def test_a_scenario_with_choices_is_never_called_exhausted():
    report = greenroom.explore(three_threads, policy="hold", executions=200)
    assert (report.executions, report.covered) == (200, "")


def test_a_policy_that_begins_in_the_middle_deviates_all_the_same():
    policy = Hold(5)
    policy.begin(17)
    plans = {tuple(policy._plan)}
    for number in range(18, 40):
        policy.begin(number)
        plans.add(tuple(policy._plan))
    assert () not in plans
    assert len(plans) > 10


@pytest.mark.parametrize("policy", ["hold", "portfolio"])
def test_a_late_task_is_found_from_every_seed_within_a_few_executions(policy):
    """A change of the setting has to overtake thirty messages: a random walk hardly ever is so late."""

    def late():
        seen = []

        def work():
            for _ in range(30):
                greenroom.checkpoint("work")
                seen.append("work")

        threads = [threading.Thread(target=lambda: seen.append("setting")), threading.Thread(target=work)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen[-1] != "setting"

    for seed in range(10):
        assert greenroom.explore(late, policy=policy, seed=seed, executions=30, shrink=False).failure is not None
    assert greenroom.explore(late, policy="random", executions=200).ok


def test_polling_in_a_correct_program_is_no_livelock_however_many_are_held_back():
    def scenario():
        flags = [threading.Event() for _ in range(3)]
        for flag in flags:
            threading.Thread(target=flag.set).start()
        while not all(flag.is_set() for flag in flags):
            greenroom.checkpoint("poll")

    assert greenroom.explore(scenario, policy="hold", executions=200, max_steps=3000).ok


def test_the_portfolio_holds_back_early_and_less_often_later():
    portfolio = Portfolio(1)
    held = []
    for number in range(1 + EARLY * 10):
        portfolio.begin(number)
        held.append(portfolio._now is portfolio._hold)
        if number == 0:  # what a long default order would have shown
            for _ in range(10 * FIRST_HOLDS):
                portfolio.choose_value(2)
    assert held == [number == 0 or number % EARLY == 1 for number in range(1 + EARLY * 10)]
    for number in range(1 + EARLY * 10, EARLY * FIRST_HOLDS + 1):
        portfolio.begin(number)
    later = []
    for number in range(EARLY * FIRST_HOLDS + 1, EARLY * FIRST_HOLDS + 1 + 10 * LATER):
        portfolio.begin(number)
        later.append(portfolio._now is portfolio._hold)
    assert sum(later) == 10
