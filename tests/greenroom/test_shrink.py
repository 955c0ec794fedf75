from __future__ import annotations

import threading

import pykka
import pytest
from hypothesis import given
from hypothesis import strategies as st

import greenroom
from greenroom import Schedule
from greenroom.shrink import Attempt, Search, shrink_schedule

deviations = st.sets(st.integers(0, 60), min_size=1, max_size=30).map(sorted)


def schedule_of(places):
    return Schedule(tuple((place, "A-1") for place in places))


def shrunk(schedule, fails, *, cost=lambda _: 1, options=(), **budget):
    def run(candidate):
        taken = fails(candidate)
        return Attempt(candidate if taken is None else taken, taken is not None, cost(candidate), options)

    return shrink_schedule(Search(run(schedule), run, **budget))


@given(deviations, st.data())
def test_exactly_the_deviations_that_are_needed_are_left(places, data):
    needed = set(data.draw(st.lists(st.sampled_from(places), max_size=3, unique=True)))

    def fails(schedule):
        return schedule if needed <= {place for place, _ in schedule.deviations} else None

    assert {place for place, _ in shrunk(schedule_of(places), fails, executions=10_000).deviations} == needed


@given(deviations, st.integers(0, 20))
def test_the_budget_is_kept(places, budget):
    calls = []

    def fails(schedule):
        calls.append(schedule)
        return schedule if len(schedule) % 2 else None

    schedule = schedule_of(places)
    assert len(shrunk(schedule, fails, executions=budget, options=(("B-1", "A-1"),) * 61)) <= len(schedule)
    assert len(calls) <= budget + 1  # the first is that of the test, for what was found


def test_nothing_is_run_once_the_steps_are_spent():
    calls = []

    def fails(schedule):
        calls.append(schedule)
        return schedule if len(schedule) > 10 else None

    shrunk(schedule_of(range(30)), fails, cost=lambda _: 100, options=(("B-1", "A-1"),) * 31, steps=1000)
    assert len(calls) == 11


def test_what_was_really_taken_counts():
    def fails(schedule):
        return Schedule(schedule.deviations[:1])

    assert shrunk(Schedule(((1, "a"), (2, "b"), (3, "c"))), fails) == Schedule(())


def test_one_task_held_back_takes_the_place_of_many_deviations():
    options = (("A", "B"), ("A", "B", "C"), ("B", "C"))

    def fails(schedule):
        taken = schedule.deviations
        return schedule if taken == ((1, "!A"),) or [choice for _, choice in taken] == ["B", "C", "C", "B"] else None

    found = Schedule(((1, "B"), (2, "C"), (5, "C"), (6, "B")))
    assert shrunk(found, fails, options=options) == Schedule(((1, "!A"),))


def test_a_value_that_was_chosen_becomes_the_smallest_that_fails():
    def fails(schedule):
        return schedule if len(schedule) == 1 and int(schedule.deviations[0][1][1:]) >= 3 else None

    assert shrunk(Schedule(((4, "#7"),)), fails) == Schedule(((4, "#3"),))


def test_with_as_many_deviations_fewer_steps_are_simpler_then_a_later_first():
    options = (("A", "B"),) * 9

    def fails(schedule):
        return schedule if len(schedule) == 1 and schedule.deviations[0][1] == "B" else None

    def run(cost):
        return shrunk(Schedule(((5, "B"),)), fails, cost=cost, options=options)

    assert run(lambda schedule: 10 + schedule.deviations[0][0] if schedule.deviations else 1) == Schedule(((0, "B"),))
    assert run(lambda _: 10) == Schedule(((8, "B"),))


# -- programs -----------------------------------------------------------------------------------------------------------


class Relay(pykka.ThreadingActor):
    def on_receive(self, message):
        return message


class Late(pykka.ThreadingActor):
    """Some asks one after another, then the one that matters."""

    def __init__(self, relay, log, asks):
        super().__init__()
        self.relay, self.log, self.asks = relay, log, asks

    def on_receive(self, name):
        for _ in range(self.asks):
            self.relay.ask("ping")
        self.log.append(name)


def slow_one_is_last():
    """Fails where the task with one thing to do is overtaken by one with many."""
    log, relay = [], Relay.start()
    quick, slow = Late.start(relay, log, 0), Late.start(relay, log, 2)
    replies = [quick.ask("quick", block=False), slow.ask("slow", block=False)]
    pykka.get_all(replies)
    pykka.ActorRegistry.stop_all()
    assert log == ["quick", "slow"]


def needs_two():
    """Fails where two values are chosen and one thread is late."""
    done = []
    thread = threading.Thread(target=lambda: done.append("thread"))
    thread.start()
    both = greenroom.choose(0, 1, 2) + greenroom.choose(0, 1, 2)
    early = bool(done)
    thread.join()
    assert not (both >= 2 and early)


@pytest.mark.parametrize("policy", ["portfolio", "random", "pct", "pos"])
@pytest.mark.parametrize("seed", range(3))
def test_an_actor_that_is_overtaken_is_one_deviation(policy, seed):
    report = greenroom.explore(slow_one_is_last, policy=policy, seed=seed, executions=2000)
    assert len(report.failure.schedule) == 1
    again = greenroom.replay(slow_one_is_last, str(report.failure.schedule))
    assert again.schedule == report.failure.schedule
    assert again.history == report.failure.history


def test_the_picture_says_who_was_held_back():
    report = greenroom.explore(slow_one_is_last, policy="random", executions=2000)
    assert "!" in str(report.failure.schedule)
    assert "▶ held back until nothing else can run" in str(report.failure)


def test_no_failure_keeps_more_deviations_than_the_fewest_that_a_full_search_finds():
    for seed in range(4):
        report = greenroom.explore(needs_two, policy="random", seed=seed, executions=2000)
        fewest = greenroom.explore(needs_two, policy="delay:3", executions=5000, shrink=False)
        assert len(report.failure.schedule) <= len(fewest.failure.schedule)
        assert sum(int(choice[1:]) for _, choice in report.failure.schedule.deviations if choice[0] == "#") == 2
