"""Sequential consistency: histories that it accepts and rejects, and agreement with brute force."""

from __future__ import annotations

import itertools
import random

import pytest

import greenroom
from greenroom.history import History
from tests.greenroom.checkers.histories import Loose, Register, history, legal, operation, orders

OK, VIOLATED, UNKNOWN = greenroom.Verdict.OK, greenroom.Verdict.VIOLATED, greenroom.Verdict.UNKNOWN


def judged(*operations, **options):
    return greenroom.sequentially_consistent(Register(), **options).check(history(*operations))


def test_accepts_a_stale_read_of_another_client_which_is_not_linearizable():
    stale = [operation("a", ("write", 1), None, 1, 2), operation("b", ("read",), 0, 3, 4)]
    assert judged(*stale).verdict is OK
    assert greenroom.linearizable(Register()).check(history(*stale)).verdict is VIOLATED


def test_rejects_a_client_that_does_not_see_its_own_write():
    write, read = operation("a", ("write", 1), None, 1, 2), operation("a", ("read",), 0, 3, 4)
    found = judged(write, read)
    assert found.verdict is VIOLATED
    assert found.prefix == (write,)
    assert found.refused == ((read, "would have to return 1, returned 0 (in state 1)"),)


def test_rejects_two_clients_that_saw_two_courses_of_things():
    assert (
        judged(
            operation("a", ("write", 1), None, 1, 2),
            operation("b", ("write", 2), None, 3, 4),
            operation("c", ("read",), 1, 5, 6),
            operation("c", ("read",), 2, 7, 8),
            operation("d", ("read",), 2, 9, 10),
            operation("d", ("read",), 1, 11, 12),
        ).verdict
        is VIOLATED
    )


def test_a_pending_call_and_one_that_timed_out_took_effect_late_or_never():
    late = operation("a", ("write", 1), None, 1, None)
    late.answered_ns = 2  # the client went on
    old, new = operation("a", ("read",), 0, 3, 4), operation("a", ("read",), 1, 5, 6)
    assert judged(late, old, new).ok
    assert judged(late, operation("a", ("read",), 1, 3, 4), operation("a", ("read",), 0, 5, 6)).verdict is VIOLATED
    assert judged(operation("a", ("write", 1), None, 1, None), operation("b", ("read",), 1, 2, 3)).ok


def test_a_client_with_two_calls_at_a_time_has_no_order_of_its_own():
    with pytest.raises(greenroom.UsageError, match="a client of its own"):
        judged(operation("a", ("write", 1), None, 1, 4), operation("a", ("read",), 0, 2, 3))


def test_where_the_budget_runs_out_nothing_is_claimed():
    swaps = [operation(f"c{number}", ("swap", number), 99, number, 100 + number) for number in range(1, 9)]
    writes = [operation(f"w{number}", ("write", number), None, number, 100 + number) for number in range(1, 9)]
    found = judged(*swaps, *writes, budget=20)
    assert found.verdict is UNKNOWN
    assert "raise the budget" in found.reason


def brute_force(spec, operations):
    """Every order of the answered and of some pending operations, one by one; a client's own calls in their order."""
    return any(
        all(_in_order(one, other) for place, one in enumerate(order) for other in order[place + 1 :]) and legal(spec, order)
        for order in orders(operations)
    )


def _in_order(one, other):
    """Whether ``one`` may come before ``other``."""
    return one.client != other.client or one.invoked < other.invoked or other.answered is None


def drawn(generator):
    stamp, operations = itertools.count(1), []
    for _ in range(generator.randint(1, 5)):
        name = generator.choice(["write", "read", "swap"])
        call = (name,) if name == "read" else (name, generator.randint(0, 2))
        result = None if name == "write" else generator.randint(0, 2)
        operations.append(operation(generator.choice("ab"), call, result, next(stamp), next(stamp)))
        if generator.random() < 0.15:
            operations[-1].answered = None  # its wait timed out, and the client went on
    return operations


@pytest.mark.parametrize("block", range(4))
def test_it_agrees_with_brute_force_on_small_histories(block):
    generator = random.Random(block)
    verdicts = {OK: 0, VIOLATED: 0}
    for _ in range(500):
        spec = generator.choice([Register(), Loose()])
        operations = drawn(generator)
        expected = OK if brute_force(spec, operations) else VIOLATED
        found = greenroom.sequentially_consistent(spec).check(History(operations=operations))
        assert found.verdict is expected, [str(each) for each in operations]
        verdicts[expected] += 1
    assert min(verdicts.values()) > 50
