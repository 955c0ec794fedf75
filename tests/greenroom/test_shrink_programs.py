"""A program of a machine becomes smaller while it fails, whatever it is that makes it fail."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, rule

import greenroom
from greenroom.policies.drawn import HOLD_BYTE, from_bytes
from greenroom.shrink_programs import deviations_of, shrink_program
from greenroom.simpler import simpler_values
from greenroom.steps import Program, Result, Step


class Rules(greenroom.ActorMachine):
    """Never run: what it is made to do is looked at, and that is all."""

    made = Bundle("made")

    @initialize(size=st.integers(3, 9))
    def choose_size(self, size):
        """Every program begins with it."""

    @rule(target=made, name=st.sampled_from(["ann", "bob", "cid"]))
    def make(self, name):
        """Gives what others use."""

    @rule(thing=made, count=st.integers(0, 100), loud=st.booleans())
    def use(self, thing, count, loud):
        """Uses it."""


def make(number, name="ann"):
    return Step("make", (("name", name),), f"made_{number}")


def use(number, count=0, *, loud=False):
    return Step("use", (("thing", Result(f"made_{number}")), ("count", count), ("loud", loud)))


def run(schedule=b""):
    return Step("run", (("schedule", schedule),))


def shrunk(steps, fails, **budget):
    calls = []

    def counted(program):
        calls.append(program)
        return fails(program.steps)

    program = shrink_program(Program(Rules, tuple(steps)), counted, **budget)
    assert fails(program.steps)
    return list(program.steps), calls


def test_only_the_steps_that_are_needed_are_left():
    steps = [make(0), run(), make(1), run(), use(1), run(), use(0)]
    left, _ = shrunk(steps, lambda steps: any(step.rule == "use" and step.arguments[0][1] == Result("made_1") for step in steps))
    assert left == [make(1), use(1)]


def test_what_uses_a_result_goes_with_the_step_that_gave_it():
    steps = [make(0), make(1), use(0), use(0), use(1), run()]
    left, calls = shrunk(steps, lambda steps: run() in steps)
    assert left == [run()]
    for program in calls:
        given = {step.result for step in program.steps}
        assert all(value.name in given for step in program.steps for _, value in step.arguments if isinstance(value, Result))


def test_two_steps_that_go_only_together_are_dropped_together():
    lock, unlock = Step("make", (("name", "bob"),)), Step("make", (("name", "cid"),))
    left, _ = shrunk([run(), lock, run(), unlock, make(7)], lambda steps: make(7) in steps and steps.count(lock) == steps.count(unlock))
    assert left == [make(7)]


def test_an_initialize_rule_stays_and_an_ending_need_not():
    size, ending = Step("choose_size", (("size", 9),)), Step("choose_ending", (("schedule", b"\x01"),))
    left, _ = shrunk([size, ending, run()], lambda _: True)
    assert left == [Step("choose_size", (("size", 3),))]


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        (lambda _: True, b""),
        (lambda schedule: len(schedule) > 4 and schedule[4] == HOLD_BYTE, bytes((0, 0, 0, 0, HOLD_BYTE))),
        (lambda schedule: schedule[2:3] > b"\0", b"\0\0\x01"),
        (lambda schedule: schedule[1:2] > b"\x40" and schedule[6:7] == b"\x09", b"\x00\xff\x00\x00\x00\x00\x09"),
    ],
)
def test_a_schedule_keeps_the_bytes_that_are_needed(fails, expected):
    steps = [run(bytes((1, 77, 3, 4, HOLD_BYTE, 6, 9, 8, 9, 10)))]
    left, _ = shrunk(steps, lambda steps: any(step.rule == "run" and fails(step.arguments[0][1]) for step in steps))
    assert left == [run(expected)]


def test_deviations_are_counted_over_all_schedules():
    assert deviations_of(Program(Rules, (run(b"\0\x01\0"), run(), run(b"\xff\x02"), make(0)))) == 3


def test_arguments_become_simpler_within_what_their_strategies_draw():
    steps = [make(0, "cid"), use(0, 77, loud=True)]

    def fails(steps):
        return any(step.rule == "use" and step.arguments[1][1] >= 5 for step in steps)

    assert shrunk(steps, fails)[0] == [make(0, "ann"), use(0, 5, loud=False)]


def test_the_budget_is_kept_and_nothing_is_run_twice():
    steps = [make(number) for number in range(12)] + [use(number, 90, loud=True) for number in range(12)]
    for budget in (0, 1, 7, 50):
        _, calls = shrunk(steps, lambda steps: len(steps) % 3 == 0, runs=budget)
        assert len(calls) <= budget
        assert len({repr(program.steps) for program in calls}) == len(calls)


@pytest.mark.parametrize(
    ("value", "strategy", "first", "count"),
    [
        (100, st.integers(), 0, 7),
        (-100, st.integers(), 0, 7),
        (100, st.integers(min_value=10), 10, 7),
        (-5, st.integers(max_value=-2), -2, 2),
        (0, st.integers(), None, 0),
        (True, st.booleans(), False, 1),
        ("c", st.sampled_from(["a", "b", "c"]), "a", 2),
        ("ab", st.text(), "", 4),
        ("ab", st.text(min_size=2), None, 0),
        ([object, 1], st.lists(st.just(object), max_size=3), [], 4),
        ([1, 2], st.lists(st.integers(), min_size=1), [1], 3),
        ([1, 2], st.lists(st.integers(), unique=True), [], 4),
        (7, st.integers().filter(lambda number: number % 7 == 0), None, 0),
        (7, st.builds(int), None, 0),
    ],
)
def test_simpler_values_are_such_as_the_strategy_draws(value, strategy, first, count):
    found = list(simpler_values(value, strategy))
    assert len(found) == count
    assert (found or [None])[0] == first


def test_a_byte_can_hold_back_whose_turn_it_is():
    policy = from_bytes(bytes((0, HOLD_BYTE, 5, HOLD_BYTE)))
    tasks = ["a", "b", "c"]
    assert [policy.choose(tasks) for _ in range(3)] == [0, -1, 2]
    assert policy.choose_value(4) == HOLD_BYTE % 4
    assert policy.choose(tasks) == 0
