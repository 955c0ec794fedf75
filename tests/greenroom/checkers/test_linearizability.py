"""Linearizability: histories that it accepts and rejects, agreement with brute force, large histories, and what it says."""

from __future__ import annotations

import itertools
import random
import time

import pytest

import greenroom
from benchmarks.linearizability import simulated
from greenroom.history import History
from tests.greenroom.checkers.histories import Cells, Loose, Register, history, legal, operation, orders

OK, VIOLATED, UNKNOWN = greenroom.Verdict.OK, greenroom.Verdict.VIOLATED, greenroom.Verdict.UNKNOWN


def judged(*operations, spec=None, **options):
    return greenroom.linearizable(spec or Register(), **options).check(history(*operations))


# -- literal histories -------------------------------------------------------------------------------------------------

ACCEPTED = {
    "nothing happened": [],
    "one after another": [operation("a", ("write", 1), None, 1, 2), operation("a", ("read",), 1, 3, 4)],
    "an overlapping read sees the old value": [operation("a", ("write", 1), None, 1, 4), operation("b", ("read",), 0, 2, 3)],
    "an overlapping read sees the new value": [operation("a", ("write", 1), None, 1, 4), operation("b", ("read",), 1, 2, 3)],
    "writes that overlap in either order": [
        operation("a", ("write", 1), None, 1, 4),
        operation("b", ("write", 2), None, 2, 3),
        operation("a", ("read",), 1, 5, 6),
    ],
    "a pending write took effect": [operation("a", ("write", 1), None, 1, None), operation("b", ("read",), 1, 2, 3)],
    "a pending write never took effect": [operation("a", ("write", 1), None, 1, None), operation("b", ("read",), 0, 2, 3)],
    "a pending write takes effect late": [
        operation("a", ("write", 1), None, 1, None),
        operation("b", ("read",), 0, 2, 3),
        operation("b", ("read",), 1, 4, 5),
    ],
    "a pending read saw anything": [operation("a", ("read",), None, 1, None)],
}
REJECTED = {
    "a read from nowhere": [operation("a", ("read",), 7, 1, 2)],
    "a stale read": [operation("a", ("write", 1), None, 1, 2), operation("b", ("read",), 0, 3, 4)],
    "new, then old": [
        operation("a", ("write", 1), None, 1, 8),
        operation("b", ("read",), 1, 2, 3),
        operation("b", ("read",), 0, 4, 5),
    ],
    "a pending write taken back": [
        operation("a", ("write", 1), None, 1, None),
        operation("b", ("read",), 1, 2, 3),
        operation("b", ("read",), 0, 4, 5),
    ],
    "two swaps that both found 0": [operation("a", ("swap", 1), 0, 1, 4), operation("b", ("swap", 2), 0, 2, 3)],
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_accepts(name):
    assert judged(*ACCEPTED[name]).verdict is OK


@pytest.mark.parametrize("name", REJECTED)
def test_rejects(name):
    assert judged(*REJECTED[name]).verdict is VIOLATED


def test_an_operation_that_was_never_begun_does_not_count():
    waiting = operation("a", ("read",), 7, 1, 2)
    waiting.invoked = None
    assert judged(waiting).ok


# -- what a failure says -------------------------------------------------------------------------------------------------


def test_a_rejection_gives_the_longest_legal_order_and_why_nothing_can_come_next():
    write, stale = operation("a", ("write", 1), None, 1, 2), operation("b", ("read",), 0, 3, 4)
    found = judged(write, stale)
    assert found.reason == "no order of the operations is legal: after 1 operation nothing can come next"
    assert found.prefix == (write,)
    assert found.refused == ((stale, "would have to return 1, returned 0 (in state 1)"),)
    assert found.about == ("a", "b")


def test_a_rejection_names_the_object_and_shows_no_operation_on_others():
    fine = operation("a", ("write", "x", 1), None, 1, 2)
    stale = operation("b", ("read", "y"), 5, 3, 4)
    found = judged(fine, stale, spec=Cells())
    assert "on 'y'" in found.reason
    assert found.prefix == ()
    assert [each for each, _ in found.refused] == [stale]


def test_a_rejection_says_where_the_specification_allows_no_result_at_all():
    found = judged(operation("a", ("swap", 1), 0, 1, 2), spec=Loose())
    assert found.refused[0][1] == "the specification refuses it in state 0"


def test_all_operations_that_could_come_next_are_told_of():
    swaps = [operation(client, ("swap", 1), 9, 1 + place, 10 + place) for place, client in enumerate("abc")]
    assert [each for each, _ in judged(*swaps).refused] == swaps


# -- specifications -------------------------------------------------------------------------------------------------------


def test_a_specification_may_leave_a_choice():
    write, read = operation("a", ("write", 1), None, 1, 2), operation("b", ("read",), 0, 3, 4)
    assert judged(write, read, spec=Loose()).ok
    lost = judged(write, read, operation("b", ("read",), 1, 5, 6), spec=Loose())
    assert lost.verdict is VIOLATED
    assert lost.refused[0][1] == "would have to return 0, returned 1 (in state 0)"


class Account:
    def init(self):
        return 10

    def step(self, state, call):
        return [(None, state - call[1])] if call[1] <= state else [(ValueError("too little"), state)]


def test_an_error_is_an_answer_that_the_specification_gives():
    poor = operation("a", ("draw", 11), None, 1, 2, error=ValueError("too little"))
    assert judged(poor, spec=Account()).ok
    for other in (ValueError("closed"), KeyError("too little")):
        assert judged(operation("a", ("draw", 11), None, 1, 2, error=other), spec=Account()).verdict is VIOLATED
    silent = judged(operation("a", ("draw", 11), None, 1, 2), spec=Account())
    assert silent.refused[0][1] == "would have to raise ValueError('too little'), returned None (in state 10)"
    rich = judged(operation("a", ("draw", 1), None, 1, 2, error=ValueError("too little")), spec=Account())
    assert rich.refused[0][1] == "would have to return None, raised ValueError('too little') (in state 10)"


def test_an_error_that_is_uncertain_leaves_open_whether_the_call_took_effect():
    lost = operation("a", ("write", 1), None, 1, 2, error=ConnectionError("gone"))
    for seen in (0, 1):
        assert judged(lost, operation("b", ("read",), seen, 3, 4), uncertain=[ConnectionError]).ok
    assert judged(lost, operation("b", ("read",), 2, 3, 4), uncertain=[ConnectionError]).verdict is VIOLATED
    assert judged(lost).verdict is VIOLATED


def test_partitions_are_judged_apart_and_all_of_them():
    good = operation("a", ("write", "x", 1), None, 1, 2)
    assert judged(good, operation("b", ("read", "y"), 0, 3, 4), spec=Cells()).ok
    assert judged(good, operation("b", ("read", "y"), 1, 3, 4), spec=Cells()).verdict is VIOLATED


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda state, call: [(None, [1])], "cannot be hashed: [1]; use tuples"),
        (lambda state, call: [None], "which is no pair"),
        (lambda state, call: None, "raised TypeError"),
        (lambda state, call: {}[call], "it returns a list of (result, next state)"),
    ],
)
def test_a_specification_that_makes_no_sense_is_told_so(step, words):
    spec = Register()
    spec.step = step
    with pytest.raises(greenroom.UsageError) as raised:
        judged(operation("a", ("read",), None, 1, 2), spec=spec)
    assert words in str(raised.value)


def test_what_is_no_specification_is_refused_at_once():
    with pytest.raises(greenroom.UsageError, match="must be instantiated"):
        greenroom.linearizable(Register)
    with pytest.raises(greenroom.UsageError, match=r"init\(\) and step"):
        greenroom.linearizable(object())


def test_a_partition_that_fails_is_told_of():
    spec = Cells()
    spec.partition = lambda call: [call]
    with pytest.raises(greenroom.UsageError, match="hashable name of the object"):
        judged(operation("a", ("read", "x"), 0, 1, 2), spec=spec)


# -- the search -----------------------------------------------------------------------------------------------------------


def test_where_the_budget_runs_out_nothing_is_claimed():
    swaps = [operation(f"c{number}", ("swap", number), 99, number, 100 + number) for number in range(1, 9)]
    writes = [operation(f"w{number}", ("write", number), None, number, 100 + number) for number in range(1, 9)]
    found = judged(*swaps, *writes, budget=20)
    assert found.verdict is UNKNOWN
    assert not found.ok
    assert "20 configurations did not suffice for 16 operations; raise the budget" in found.reason
    assert judged(*swaps, *writes).verdict is VIOLATED


def brute_force(spec, operations):
    """Whether some order of all answered and some of the pending operations keeps to time and is legal: tried one by one."""
    return any(_fits(spec, order) for order in orders(operations))


def _fits(spec, order):
    for place, each in enumerate(order):
        if any(later.answered is not None and later.answered < each.invoked for later in order[place + 1 :]):
            return False
    return legal(spec, order)


def drawn(generator):
    """A small history, its results often those of some order and sometimes anything."""
    count = generator.randint(1, 5)
    clients = ["a", "b", "c"]
    stamps = itertools.count(1)
    free, open_calls, done = set(clients), {}, []
    value = 0
    while open_calls or (free and len(done) < count):
        begin = free and len(done) < count and (not open_calls or generator.random() < 0.5)
        if begin:
            client = generator.choice(sorted(free))
            free.discard(client)
            name = generator.choice(["write", "read", "swap"])
            call = (name,) if name == "read" else (name, generator.randint(0, 2))
            done.append(operation(client, call, None, next(stamps), None))
            open_calls[client] = done[-1]
        else:
            client = generator.choice(sorted(open_calls))
            each = open_calls.pop(client)
            if generator.random() < 0.15:  # for ever: the client makes no other call
                continue
            each.answered = next(stamps)
            result = value if generator.random() < 0.8 else generator.randint(0, 2)
            each.result = None if each.name == "write" else result
            if each.name != "read":
                value = each.arguments[0]
            free.add(client)
    return done


@pytest.mark.parametrize("block", range(10))
def test_it_agrees_with_brute_force_on_ten_thousand_small_histories(block):
    generator = random.Random(block)
    verdicts = {OK: 0, VIOLATED: 0}
    for _ in range(1000):
        spec = generator.choice([Register(), Register(), Loose()])
        operations = drawn(generator)
        found = greenroom.linearizable(spec).check(History(operations=operations))
        expected = OK if brute_force(spec, operations) else VIOLATED
        assert found.verdict is expected, [str(each) for each in operations]
        verdicts[expected] += 1
        if expected is VIOLATED:
            prefix = list(found.prefix)
            assert not prefix or brute_force(spec, prefix)
            assert all(not _fits(spec, [*prefix, each]) for each, _ in found.refused)
    assert min(verdicts.values()) > 100  # both are met often enough


@pytest.mark.parametrize("wrong", [False, True])
def test_four_thousand_operations_of_eight_clients_on_five_cells_take_less_than_a_cpu_second(wrong):
    large = simulated(4000, 8, 5, wrong=wrong)
    started = time.process_time()
    found = greenroom.linearizable(Cells()).check(large)
    spent = time.process_time() - started
    assert found.verdict is (VIOLATED if wrong else OK)
    assert spent < 1.0  # CPU, not wall; about 0.05


def test_four_thousand_operations_in_a_row_are_no_matter_of_recursion():
    row = [operation("a", ("write", number), None, 2 * number, 2 * number + 1) for number in range(1, 4001)]
    assert judged(*row).ok
    assert judged(*row, operation("a", ("read",), 1, 9000, 9001)).verdict is VIOLATED


@pytest.mark.parametrize(("ids", "told"), [(3, "or return 3,"), (4, "or 1 other,"), (5, "or 2 others,")])
def test_of_many_results_that_would_be_legal_three_are_shown_and_the_others_counted(ids, told):
    class Fresh:
        def init(self):
            return 0

        def step(self, state, call):
            return [(number, state) for number in range(1, ids + 1)]

    found = greenroom.linearizable(Fresh()).check(history(operation("a", ("fresh",), 9, 1, 2)))
    assert told in found.refused[0][1]
