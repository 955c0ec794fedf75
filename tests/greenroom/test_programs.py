"""A machine's steps as a value: kept as drawn, taken again without Hypothesis, written as a plain test that fails the same way."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
import sys
import threading
import types
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from fractions import Fraction
from pathlib import PurePosixPath
from typing import NamedTuple
from uuid import UUID

import pykka
import pytest
from hypothesis import Phase, assume, currently_in_test_context, event, given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, initialize, invariant, multiple, precondition, rule, run_state_machine_as_test

import greenroom
from greenroom.errors import ProgramInvalid, UsageError
from greenroom.literals import Imports, literal
from greenroom.programs import Draws, Program, Result, Step, as_code, regression, run_program

ENDING = Step("choose_ending", (("schedule", b""),))


class Shelf(pykka.ThreadingActor):
    """Keeps numbers."""

    def __init__(self):
        super().__init__()
        self.kept = []

    def on_receive(self, message):
        self.kept.append(message)
        return sum(self.kept)


class ShelfMachine(greenroom.ActorMachine):
    """Rules of every kind over one actor."""

    tickets = Bundle("tickets")
    limit = 10**9

    def start_actors(self):
        self.shelf = Shelf.start()
        self.seen = []
        self.ended = False

    @initialize(most=st.integers(1, 3))
    def choose_most(self, most):
        self.most = most

    @rule(target=tickets, number=st.integers(0, 9))
    def put(self, number):
        event("put")
        note(f"puts {number}")
        assume(number != 7)
        self.client("ann").ask(self.shelf, number)
        return f"ticket {number}"

    @rule(target=tickets)
    def put_two(self):
        return multiple(["a"], ["b"])

    @rule(ticket=tickets, data=st.data())
    def look(self, ticket, data):
        self.seen.append((ticket, data.draw(st.integers(0, 5)), data.draw(st.lists(self.tickets, min_size=1, max_size=2))))

    @rule(tickets=st.lists(tickets, min_size=1, max_size=3), gone=consumes(tickets))
    def compare(self, tickets, gone):
        self.seen.append((tuple(tickets), gone))

    @rule(numbers=st.lists(st.integers(), min_size=1))
    def sort(self, numbers):
        numbers.append(0)
        self.seen.append(numbers)
        numbers.sort()

    @precondition(lambda self: self.seen)
    @rule()
    def forget(self):
        self.seen.clear()

    @invariant()
    def the_shelf_is_not_full(self):
        if self.operations and self.operations[-1].done:
            assert self.operations[-1].result <= self.limit

    def teardown(self):
        type(self).last = self
        super().teardown()
        self.ended = True


def programs_of(machine, examples=150):
    """What Hypothesis makes the machine do: the programs and what each has seen."""
    kept = []

    class Watched(machine):
        def teardown(self):
            valid = sys.exc_info()[1] is None  # and not given up by Hypothesis in the middle of a step
            super().teardown()
            if valid:
                kept.append((Program(machine, self.program.steps), list(self.seen)))

    finding = settings(
        max_examples=examples, stateful_step_count=12, phases=[Phase.generate], database=None, deadline=None, derandomize=True
    )
    run_state_machine_as_test(Watched, settings=finding)
    return kept


def functions_of(code):
    """The test functions of a file of that content."""
    module = types.ModuleType("written")
    exec(compile(code, "written.py", "exec"), vars(module))
    return [value for name, value in vars(module).items() if name.startswith("test_")]


# -- recorded, and taken again -----------------------------------------------------------------------------------------------


def test_a_program_taken_again_sees_what_it_saw_under_hypothesis():
    kept = programs_of(ShelfMachine)
    rules = {step.rule for program, _ in kept for step in program.steps}
    assert rules >= {"choose_ending", "choose_most", "put", "put_two", "look", "compare", "sort", "forget", "run"}
    for program, seen in kept:
        assert run_program(program).seen == seen


def test_a_program_written_as_code_does_what_the_program_does():
    kept = sorted(programs_of(ShelfMachine), key=lambda each: len(each[1]))[-10:]
    for program, seen in kept:
        [test] = functions_of(as_code(program))
        test()
        assert ShelfMachine.last.seen == seen
        assert ShelfMachine.last.ended


def test_arguments_are_kept_as_they_were_drawn():
    program = Program(ShelfMachine, (ENDING, Step("choose_most", (("most", 1),)), Step("sort", (("numbers", [3, 1]),))))
    machine = run_program(program)
    assert machine.seen == [[0, 1, 3]]
    assert machine.program == program
    assert run_program(program).seen == [[0, 1, 3]]


def test_what_an_earlier_step_returned_is_kept_by_its_name():
    found = [step for program, _ in programs_of(ShelfMachine) for step in program.steps if step.rule in ("compare", "look")]
    assert any(isinstance(value, Result) for step in found for _, value in step.arguments)
    assert any(isinstance(value, list) and all(isinstance(each, Result) for each in value) for step in found for _, value in step.arguments)
    assert any(isinstance(value, Draws) and isinstance(value.values[1][0], Result) for step in found for _, value in step.arguments)


def test_the_machines_own_values_are_not_taken_for_results():
    program = next(program for program, _ in programs_of(ShelfMachine) if any(step.rule == "put" for step in program.steps))
    assert all(type(value) is int for step in program.steps if step.rule == "put" for _, value in step.arguments)


def full(limit):
    """A machine whose shelf is full sooner, with the smallest program that shows it."""
    machine = type("SmallShelf", (ShelfMachine,), {"limit": limit})
    return Program(machine, (ENDING, Step("put", (("number", 9),), "tickets_0"), Step("run", (("schedule", b""),))))


def test_what_breaks_under_hypothesis_breaks_without_it():
    with pytest.raises(AssertionError, match="assert 9 <= 8") as caught:
        run_program(full(8))
    notes = "\n".join(caught.value.__notes__)
    assert "puts 9" in notes
    assert "Shelf-1 #1 ask 9" in notes
    assert "_one_example" not in notes
    run_program(full(9))


def test_an_error_leaves_nothing_behind():
    before = threading.active_count()
    with pytest.raises(AssertionError):
        run_program(full(8))
    assert pykka.ActorRegistry.get_all() == []
    assert threading.active_count() == before
    assert not currently_in_test_context()


def test_a_program_runs_inside_a_test_of_hypothesis_as_well():
    @settings(max_examples=3, database=None)
    @given(st.integers(0, 8))
    def test(number):
        run_program(Program(ShelfMachine, (ENDING, Step("put", (("number", number % 7),)))))

    test()


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        (Step("shout"), "ShelfMachine has no rule 'shout'; it has advance, choose_ending"),
        (Step("forget"), "forget cannot be called here: its precondition does not hold"),
        (Step("put"), "put cannot be called with nothing: missing a required argument: 'number'"),
        (Step("put", (("number", 7),)), "put refused its arguments: an assume"),
        (Step("compare", (("tickets", [Result("tickets_4")]), ("gone", "x"))), "compare uses tickets_4, and no earlier step has that"),
        (Step("compare", (("tickets", []), ("gone", Result("one", 2)))), "compare uses value 2 of one, which has no such value"),
        (Step("look", (("ticket", "x"), ("data", Draws((1,))))), "look draws more from its data than was kept"),
    ],
)
def test_a_step_that_cannot_be_taken_is_no_failure_of_the_program_under_test(step, complaint):
    with pytest.raises(ProgramInvalid) as caught:
        run_program(Program(ShelfMachine, (ENDING, Step("put_two", (), "one"), step)))
    assert str(caught.value).startswith(complaint)


class Seeded(greenroom.ActorMachine):
    @rule(rng=st.randoms())
    def shuffle(self, rng):
        rng.random()


def test_what_lives_only_in_its_example_is_named():
    kept = []

    class Watched(Seeded):
        def teardown(self):
            super().teardown()
            kept.append(self.program)

    run_state_machine_as_test(Watched, settings=settings(max_examples=20, stateful_step_count=5, database=None, phases=[Phase.generate]))
    program = next(program for program in kept if any(step.rule == "shuffle" for step in program.steps))
    for use in (run_program, as_code):
        with pytest.raises(UsageError, match="lives only in the example that drew it"):
            use(Program(Seeded, program.steps))


# -- regressions --------------------------------------------------------------------------------------------------------------


def test_a_regression_has_no_arguments_and_keeps_its_name():
    @regression(ShelfMachine)
    def test_of_the_shelf(state):
        """A sentence."""
        state.put(number=3)

    assert str(__import__("inspect").signature(test_of_the_shelf)) == "()"
    assert (test_of_the_shelf.__name__, test_of_the_shelf.__doc__) == ("test_of_the_shelf", "A sentence.")
    test_of_the_shelf()


def test_a_rule_whose_precondition_no_longer_holds_is_left_out_with_what_uses_its_result():
    class Guarded(ShelfMachine):
        @precondition(lambda self: self.open)
        @rule(target=ShelfMachine.tickets)
        def admit(self):
            self.seen.append("admitted")
            return multiple("x")

        open = True

    @regression(Guarded)
    def test(state):
        ticket = state.admit()
        state.compare(tickets=[ticket.values[0]], gone="y")
        state.sort(numbers=[1])

    test()
    assert Guarded.last.seen == ["admitted", (("x",), "y"), [0, 1]]
    Guarded.open = False
    test()
    assert Guarded.last.seen == [[0, 1]]


def test_invariants_wait_for_the_initialize_rules_as_under_hypothesis():
    checked = []

    class Watched(ShelfMachine):
        @invariant()
        def most_is_known(self):
            checked.append(self.most)

    run_program(Program(Watched, (ENDING, Step("choose_most", (("most", 2),)), Step("run", (("schedule", b""),)))))
    assert checked == [2, 2]


# -- values as code --------------------------------------------------------------------------------------------------------------


class Colour(Enum):
    RED = "r"


class Rights(Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Order:
    name: str
    parts: tuple[Order, ...] = ()
    size: int = field(init=False, default=3)

    class Inner(NamedTuple):
        x: int
        y: object


class Plain:
    pass


def class_of(module):
    """A dataclass that says it is at home there."""
    made = dataclasses.make_dataclass("Order", ["x"])
    made.__module__ = module
    return made


VALUES = [
    None,
    True,
    3,
    -1.5,
    math.inf,
    1e300,
    2 - 1j,
    ...,
    "it's",
    'a "word"',
    "both ' and \"",
    "\ud800 \0 \n",
    b"\x00'",
    b"x" * 90,
    "é" * 130,
    bytearray(b"a"),
    [1, [2]],
    (1,),
    (),
    {1, 2},
    set(),
    frozenset({"a"}),
    frozenset(),
    {"a": [1], (1, 2): None},
    range(3),
    slice(1, None, 2),
    deque([1, 2], maxlen=4),
    OrderedDict(a=1),
    Counter("aab"),
    Colour.RED,
    Rights.READ | Rights.WRITE,
    Order("a", (Order("b"),)),
    Order.Inner(1, Colour.RED),
    date(2020, 1, 2),
    datetime(2020, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001 - naive ones exist
    datetime(2020, 1, 2, 3, tzinfo=UTC),
    time(1, 2, tzinfo=timezone(timedelta(hours=-3))),
    timedelta(days=-1, microseconds=3),
    Decimal("1.20"),
    Fraction(1, 3),
    UUID(int=5),
    PurePosixPath("/a/b"),
    Order,
    len,
    itertools.chain,
    math.sin,
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_comes_back_from_its_code(value):
    imports = Imports()
    code = literal(value, imports)
    names: dict = {}
    exec("\n".join(imports.lines()), names)
    again = eval(code, names)
    assert again == value
    assert type(again) is type(value)


def test_nan_is_written_too():
    assert literal(math.nan, Imports()) == 'float("nan")'


def test_what_cannot_be_written_is_named_with_the_argument_that_holds_it():
    holder: list = []
    holder.append(holder)
    for value, complaint in [
        ({"x": [Plain()]}, "argument 'order' of submit: <.*Plain object at .*> of .*Plain cannot be written as code: draw plain values"),
        (lambda: 0, "is defined in a function"),
        (class_of("__main__")(1), "defined in the script that runs"),
        (holder, "holds itself"),
        (random.Random(3), "cannot be written as code"),
    ]:
        with pytest.raises(UsageError, match=complaint):
            literal(value, Imports(), what="argument 'order' of submit")


def test_two_classes_of_one_name_are_told_apart_by_an_error():
    other = types.ModuleType("other_module")
    other.Order = class_of("other_module")
    sys.modules["other_module"] = other
    try:
        with pytest.raises(UsageError, match="two different things are called Order"):
            literal([Order("a"), other.Order(1)], Imports())
    finally:
        del sys.modules["other_module"]


def test_long_calls_are_written_over_several_lines():
    steps = (Step("run", (("schedule", bytes(range(60))),)), Step("sort", (("numbers", list(range(60))),)))
    code = as_code(Program(ShelfMachine, steps), name="test_it", told='a \\ and\n"""')
    assert max(map(len, code.splitlines())) <= 300
    assert "    state.run(\n        schedule=(\n" in code
    [test] = functions_of(code)
    assert test.__name__ == "test_it"
    test()


def test_a_machine_of_a_function_cannot_be_written():
    class Local(ShelfMachine):
        pass

    with pytest.raises(UsageError, match="cannot be imported, for it is defined in a function: define it at the top of a module"):
        as_code(Program(Local, (ENDING,)))
