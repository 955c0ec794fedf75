"""The front door: budgets, seeds, reports and refusals."""

from __future__ import annotations

import contextlib
import threading
import time

import pykka
import pytest

import greenroom


class Account(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.balance = 0

    def on_receive(self, message):
        if message is not None:
            self.balance = message
        return self.balance


class Teller(pykka.ThreadingActor):
    def on_receive(self, account):
        account.ask(account.ask(None) + 1)


def lost_update():
    account, tellers = Account.start(), [Teller.start() for _ in range(2)]
    pykka.get_all([teller.ask(account, block=False) for teller in tellers])
    balance = account.ask(None)
    pykka.ActorRegistry.stop_all()
    assert balance == 2, f"the balance is {balance}"


def correct():
    account, teller = Account.start(), Teller.start()
    teller.ask(account)
    pykka.ActorRegistry.stop_all()
    return "fine"


def test_a_failure_comes_with_schedule_history_picture_and_replay_line():
    report = greenroom.explore(lost_update)
    assert not report.ok
    assert report.executions == report.executions_to_failure
    failure = report.failure
    assert failure.headline == "AssertionError: the balance is 1"
    assert len(failure.schedule) <= 3
    assert str(failure).splitlines()[-1] == f"replay: greenroom replay tests/greenroom/test_explore.py::lost_update '{failure.schedule}'"
    assert "Account-1" in str(failure)
    assert str(report).startswith("lost_update: ")
    with pytest.raises(AssertionError, match="the balance is 1"):
        report.raise_failure()
    replayed = greenroom.replay(lost_update, str(failure.schedule))
    assert str(replayed.failure) == str(failure)
    assert failure.history.of("died") == []


def test_a_correct_program_gives_a_clean_report():
    report = greenroom.explore(correct, executions=50, seed=3)
    assert report.ok
    assert (report.executions, report.executions_to_failure, report.policy, report.seed) == (50, None, "portfolio", 3)
    assert 1 <= report.distinct <= 50
    assert str(report).endswith("no failure")
    report.raise_failure()


def test_the_same_seed_tries_the_same_schedules_and_another_one_others():
    counts = [
        [greenroom.explore(lost_update, seed=seed, shrink=False, policy="random").failure.schedule for seed in range(4)] for _ in range(2)
    ]
    assert counts[0] == counts[1]
    assert len(set(counts[0])) > 1


def test_shrinking_leaves_no_deviation_that_is_not_needed():
    report = greenroom.explore(lost_update, policy="random", seed=5)
    deviations = report.failure.schedule.deviations
    for index in range(len(deviations)):
        fewer = greenroom.Schedule(deviations[:index] + deviations[index + 1 :])
        with contextlib.suppress(greenroom.ReplayMismatch):
            assert greenroom.replay(lost_update, fewer).failure is None
    assert len(greenroom.explore(lost_update, policy="random", seed=5, shrink=False).failure.schedule) >= len(deviations)


def test_run_raises_with_the_picture_as_a_note():
    schedule = greenroom.explore(lost_update).failure.schedule
    with pytest.raises(AssertionError) as caught:
        greenroom.run(lost_update, schedule)
    assert "replay: greenroom replay" in caught.value.__notes__[0]
    execution = greenroom.run(correct)
    assert (execution.result, execution.failure, execution.schedule) == ("fine", None, greenroom.Schedule())


def test_a_report_raises_its_failure_with_the_picture_once():
    report = greenroom.explore(lost_update)
    for _ in range(2):
        with pytest.raises(AssertionError) as caught:
            report.raise_failure()
    [note] = caught.value.__notes__
    assert "Account-1" in note
    assert note.splitlines()[-1] == report.failure.replay_line


def test_a_policy_object_makes_the_choices():
    class Last:
        def begin(self, execution):
            pass

        def choose(self, options):
            return len(options) - 1

        def choose_value(self, count):
            return count - 1

    assert greenroom.run(lambda: greenroom.choose("a", "b", "c"), Last()).result == "c"
    assert greenroom.explore(correct, policy=Last(), executions=3).policy == "Last"


def test_the_clock_on_the_wall_can_end_an_exploration():
    report = greenroom.explore(correct, executions=10**9, max_seconds=0.05)
    assert report.ok
    assert report.executions < 10**6


def test_progress_is_told():
    told = []
    greenroom.explore(correct, executions=250, progress=lambda done, distinct: told.append(done))
    assert told == [100, 200]


def test_the_step_limit_is_a_livelock_or_a_restless_end():
    assert isinstance(greenroom.explore(correct, executions=1, max_steps=5).failure.error, greenroom.Livelock)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenario": 3}, "a scenario is a function"),
        ({"executions": 0}, "at least 1"),
        ({"max_steps": 0}, "at least 1"),
        ({"timers": "sometimes"}, '"lazy" or "explored", not \'sometimes\''),
        ({"ignore": [ValueError]}, "ignore takes classes such as greenroom.LeftBehind"),
        ({"ignore": ["LeftBehind"]}, "ignore takes classes"),
        ({"policy": "clever"}, "there is no policy 'clever'; choose one of portfolio, fifo, random, pct, pos"),
        ({"policy": "pct:0"}, "there is no policy"),
        ({"policy": "pct:x"}, "there is no policy"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, message):
    with pytest.raises(greenroom.UsageError, match=message):
        greenroom.explore(**{"scenario": correct, **arguments})


def test_a_livelock_is_shrunk_in_bounded_time():
    def scenario():
        done = threading.Event()
        threading.Thread(target=lambda: time.sleep(greenroom.choose(0, 1)), daemon=True).start()
        while not done.is_set():
            time.sleep(0)

    report = greenroom.explore(scenario)
    assert isinstance(report.failure.error, greenroom.Livelock)


def test_garbage_is_not_collected_inside_an_execution():
    struck = []

    class Noisy:
        def __init__(self):
            self.me = self

        def __del__(self):
            struck.append(greenroom.task.current_task())

    def scenario():
        for _ in range(3000):
            Noisy()

    greenroom.explore(scenario, executions=5)
    assert set(struck) <= {None}
