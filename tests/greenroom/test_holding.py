"""A task that a schedule holds back runs when nothing else can; and no program waits for ever because of that."""

from __future__ import annotations

import threading

import pytest

import greenroom
from greenroom.errors import ReplayMismatch
from tests.greenroom.racing import three_threads


def test_who_is_held_back_comes_last():
    assert greenroom.replay(three_threads, "g1:").result == "aabbcc"
    held = greenroom.replay(three_threads, "g1:3=!a")
    assert held.result == "abbcca"
    assert str(held.schedule) == "g1:3=!a"


def test_of_several_that_are_held_back_the_first_to_be_held_comes_first():
    assert greenroom.replay(three_threads, "g1:3=!a,4=!b").result == "abccab"


def test_the_history_says_who_was_held_back_and_marks_it():
    (event,) = greenroom.replay(three_threads, "g1:0=!main").history.of("held")
    assert (event.task, event.deviation) == ("main", True)
    assert "held back until nothing else can run" in str(event)


def test_a_program_that_polls_for_who_is_held_back_comes_to_its_end():
    def scenario():
        started = threading.Event()
        threading.Thread(target=started.set).start()
        while not started.is_set():
            greenroom.checkpoint("poll")

    class Once(HoldEverything):
        held = False

        def choose(self, options):
            index = 0 if self.held else super().choose(options)
            self.held = self.held or index < 0
            return index

    execution = greenroom.run(scenario, Once())
    assert 1_000 < execution.steps < 2_000
    assert [choice for _, choice in execution.schedule.deviations] == ["!Thread-1"]


class HoldEverything:
    """Holds back whoever is next and is not the main task."""

    def begin(self, execution):
        pass

    def choose(self, options):
        return -1 if options[0].name != "main" else 0

    def choose_value(self, count):
        return 0


def test_holding_back_a_task_whose_turn_it_is_not_does_not_fit():
    with pytest.raises(ReplayMismatch, match="decision 3: the schedule holds b back, but the turn is another's, of these: a, b, c"):
        greenroom.replay(three_threads, "g1:3=!b")


def test_holding_back_everybody_is_running_on():
    class Everybody(HoldEverything):
        def choose(self, options):
            return -1

    assert sorted(greenroom.run(three_threads, Everybody()).result) == list("aabbcc")


def test_time_does_not_pass_while_a_task_that_is_held_back_could_run():
    def scenario():
        event = threading.Event()
        thread = threading.Thread(target=event.set)
        thread.start()
        return event.wait(timeout=1)

    schedule = greenroom.run(scenario, HoldEverything()).schedule
    assert greenroom.replay(scenario, schedule).result is True
