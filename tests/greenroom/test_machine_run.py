"""What is done after Hypothesis has finished with a failing machine: the failure stays, and a smaller program stands beside it."""

from __future__ import annotations

import unittest

import pykka
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.stateful import rule

import greenroom
from greenroom import machine_run

COMMON = {"deadline": None, "suppress_health_check": list(HealthCheck), "max_examples": 200, "stateful_step_count": 12, "derandomize": True}
QUICK = settings(database=None, phases=[Phase.generate], **COMMON)
FULL = settings(database=None, phases=[Phase.generate, Phase.shrink], **COMMON)


class Cell(pykka.ThreadingActor):
    """Holds a number."""

    def __init__(self):
        super().__init__()
        self.value = 0

    def on_receive(self, message):
        if message is not None:
            self.value = message
        return self.value


class LosesUpdates(greenroom.ActorMachine):
    """Its clients read, and write later."""

    def start_actors(self):
        self.cell = Cell.start()
        self.added = 0

    @rule(client=st.sampled_from(["ann", "bob", "cid"]))
    def add(self, client):
        self.added += 1
        self.client(client).call("add", lambda: self.cell.ask(self.cell.ask(None) + 1))

    @rule()
    def look(self):
        self.client("dan").ask(self.cell, None)

    def at_rest(self):
        value = self.perform(self.cell.ask, None)
        assert value == self.added, f"{value} instead of {self.added}"


class Relay(pykka.ThreadingActor):
    """Answers."""

    def on_receive(self, message):
        return message


class Overtaken(greenroom.ActorMachine):
    """Fails where a client with one thing to do is overtaken by one with many."""

    def start_actors(self):
        self.relay = Relay.start()
        self.said = []

    @rule()
    def race(self):
        if not self.operations:
            self.client("quick").call("go", self.say, "quick", 0)
            self.client("slow").call("go", self.say, "slow", 1)

    @rule(number=st.integers(0, 1000))
    def idle(self, number):
        """Has nothing to do with it."""

    def say(self, name, asks):
        for _ in range(asks):
            self.relay.ask("ping")
        self.said.append(name)

    def at_rest(self):
        assert self.said in ([], ["quick", "slow"])


def failure_of(machine, options=QUICK, **how):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the caller looks
        greenroom.run_machine(machine, settings=options, **how)
    return caught.value, "\n".join(getattr(caught.value, "__notes__", []))


def code_in(notes):
    """The test that the note holds, as a function."""
    lines = notes[notes.index("from greenroom.programs import regression") :].splitlines()
    body = [line for line in lines if line.startswith(("from ", "@regression", "def test_", "    state.", "    pass"))]
    found: dict = {}
    exec("\n".join(body), found)  # what a reader would run
    (name,) = [name for name in found if name.startswith("test_")]
    return found[name], [line.strip() for line in body if line.startswith("    ")]


def test_without_hypothesis_shrinking_a_lost_update_ends_as_two_calls():
    error, notes = failure_of(LosesUpdates, shrink="greenroom")
    assert type(error) is AssertionError
    assert "greenroom made it smaller: 2 steps with 0 deviations instead of" in notes
    test, steps = code_in(notes)
    assert [step.partition("(")[0] for step in steps] == ["state.add"] * 2
    with pytest.raises(AssertionError, match="1 instead of 2"):
        test()
    assert "Cell-1 #1 answers 0" in notes


def test_the_failure_is_the_one_that_hypothesis_raised():
    error, notes = failure_of(LosesUpdates, FULL)
    plain, told = failure_of(LosesUpdates, FULL, shrink="hypothesis")
    assert (type(error), str(error)) == (type(plain), str(plain))
    assert notes.startswith(told.splitlines()[0])
    assert "made it smaller" not in told


def test_one_task_held_back_is_all_that_is_left_of_a_schedule():
    _, notes = failure_of(Overtaken, shrink="greenroom")
    assert "greenroom made it smaller: 2 steps with 1 deviation instead of" in notes
    test, steps = code_in(notes)
    assert "state.race()" in steps
    assert any(r'schedule=b"\xff"' in step for step in steps)  # of the ending as well as of a run
    with pytest.raises(AssertionError):
        test()


def test_nothing_is_added_where_nothing_became_smaller():
    class Always(LosesUpdates):
        def at_rest(self):
            raise AssertionError("whatever was done")

    _, notes = failure_of(Always, FULL)
    assert "made it smaller" not in notes


def test_what_goes_wrong_afterwards_does_not_hide_the_failure(monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("in the shrinker")

    monkeypatch.setattr(machine_run, "shrink_program", broken)
    error, notes = failure_of(LosesUpdates)
    assert type(error) is AssertionError
    assert "greenroom could not make it smaller: ZeroDivisionError('in the shrinker')" in notes


def test_ctrl_c_afterwards_leaves_the_failure(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(machine_run, "shrink_program", interrupted)
    assert type(failure_of(LosesUpdates)[0]) is AssertionError


def test_the_database_keeps_what_hypothesis_found():
    database = InMemoryExampleDatabase()
    found = settings(QUICK, derandomize=False, database=database, phases=[Phase.reuse, Phase.generate])
    failure_of(LosesUpdates, found, shrink="greenroom")
    _, notes = failure_of(LosesUpdates, settings(found, phases=[Phase.reuse]), shrink="greenroom")
    assert "greenroom made it smaller: 2 steps with 0 deviations" in notes


def test_several_failures_are_each_made_smaller(monkeypatch):
    class Burst(LosesUpdates):
        @rule(number=st.integers(0, 9))
        def burst(self, number):
            if number > 5 and self.added:
                raise ValueError("burst")

        def at_rest(self):
            """Whatever the total is."""

    one, other = failure_of(LosesUpdates, shrink="hypothesis")[0], failure_of(Burst, shrink="hypothesis")[0]

    def both(*_, **__):
        raise BaseExceptionGroup("both", [one, other])

    monkeypatch.setattr(machine_run, "run_state_machine_as_test", both)
    error, _ = failure_of(Burst)
    assert {type(each) for each in error.exceptions} == {AssertionError, ValueError}
    assert all("greenroom made it smaller: 2 steps with 0 deviations" in "".join(each.__notes__) for each in error.exceptions)


def test_a_test_case_does_it_too_and_keeps_its_settings():
    class Machine(LosesUpdates):
        pass

    assert Machine.TestCase is Machine.TestCase
    assert Machine.TestCase is not LosesUpdates.TestCase
    Machine.TestCase.settings = QUICK
    result = unittest.TestResult()
    Machine.TestCase().run(result)
    ((_, text),) = result.failures
    assert "greenroom made it smaller: 2 steps with 0 deviations" in text


def test_on_real_threads_nothing_is_run_again(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")

    class Wrong(LosesUpdates):
        def at_rest(self):
            raise AssertionError("whatever was done")

    _, notes = failure_of(Wrong, settings(QUICK, max_examples=3), shrink="greenroom")
    assert "greenroom" not in notes


def test_another_way_to_shrink_is_refused():
    with pytest.raises(greenroom.UsageError, match='"both", "greenroom" or "hypothesis", not \'none\''):
        greenroom.run_machine(LosesUpdates, shrink="none")
