"""Serializability: transactions of one call and of several, with real time and without."""

from __future__ import annotations

import pytest

import greenroom
from tests.greenroom.checkers.histories import Register, history, operation

OK, VIOLATED, UNKNOWN = greenroom.Verdict.OK, greenroom.Verdict.VIOLATED, greenroom.Verdict.UNKNOWN


def by_client(each):
    return each.client


def judged(*operations, spec=None, **options):
    return greenroom.serializable(spec or Register(), **options).check(history(*operations))


LOST_UPDATE = [
    operation("a", ("read",), 0, 1, 2),
    operation("b", ("read",), 0, 3, 4),
    operation("a", ("write", 1), None, 5, 6),
    operation("b", ("write", 2), None, 7, 8),
]


def test_accepts_transactions_that_overlap_and_could_have_run_alone():
    good = [
        operation("a", ("read",), 0, 1, 2),
        operation("b", ("read",), 1, 3, 6),
        operation("a", ("write", 1), None, 4, 5),
        operation("b", ("write", 2), None, 7, 8),
    ]
    assert judged(*good, transaction=by_client).verdict is OK


def test_rejects_a_lost_update_and_tells_what_the_second_transaction_would_have_read():
    found = judged(*LOST_UPDATE, transaction=by_client)
    assert found.verdict is VIOLATED
    assert found.reason == "no order of the operations of 2 transactions is legal: after 2 operations nothing can come next"
    assert [reason for _, reason in found.refused] == ["would have to return 1, returned 0 (in state 1)"]
    assert judged(*LOST_UPDATE).verdict is OK  # each operation for itself is harmless


def test_a_stale_transaction_is_serializable_but_not_strictly():
    stale = [operation("a", ("write", 1), None, 1, 2), operation("b", ("read",), 0, 3, 4)]
    assert judged(*stale).verdict is OK
    assert judged(*stale, strict=True).verdict is VIOLATED
    assert not greenroom.serializable(Register()).reads_real_time
    assert greenroom.serializable(Register(), strict=True).claim == "strictly serializable"


class Accounts:
    """Two accounts; a transfer is one call."""

    def init(self):
        return (10, 0)

    def step(self, state, call):
        if call[0] == "transfer":
            return [(None, (state[0] - call[1], state[1] + call[1]))]
        return [(state, state)]


def test_one_call_may_be_a_whole_transaction():
    audit = operation("b", ("audit",), (5, 5), 2, 3)
    assert judged(operation("a", ("transfer", 5), None, 1, 4), audit, spec=Accounts()).ok
    torn = operation("b", ("audit",), (5, 0), 2, 3)
    assert judged(operation("a", ("transfer", 5), None, 1, 4), torn, spec=Accounts()).verdict is VIOLATED


def test_a_pending_transaction_took_effect_as_a_whole_or_not_at_all():
    half = [operation("a", ("write", 1), None, 1, 2), operation("a", ("write", 2), None, 3, None)]
    for seen, verdict in ((0, OK), (2, OK), (1, VIOLATED)):
        assert judged(*half, operation("b", ("read",), seen, 5, 6), transaction=by_client, strict=True).verdict is verdict


def test_operations_without_a_name_are_transactions_of_their_own():
    assert judged(*LOST_UPDATE, transaction=lambda each: None).verdict is OK


def test_a_transaction_function_that_fails_is_told_of():
    with pytest.raises(greenroom.UsageError, match="hashable name, or None"):
        judged(*LOST_UPDATE, transaction=lambda each: [each])


def test_where_the_budget_runs_out_nothing_is_claimed():
    writes = [operation(f"c{number}", ("swap", number), 99, number, 100 + number) for number in range(1, 9)]
    assert judged(*writes, operation("w", ("write", 7), None, 1, 9), budget=0).verdict is UNKNOWN


def test_what_came_before_in_the_transaction_that_is_refused_is_named_with_it():
    torn = [
        operation("a", ("transfer", 5), None, 1, 8),
        operation("b", ("audit",), (5, 5), 2, 3),
        operation("b", ("audit",), (10, 0), 4, 5),
    ]
    found = judged(*torn, spec=Accounts(), transaction=by_client)
    assert [(each.client, reason) for each, reason in found.refused] == [
        ("b", f"legal, but then comes #{torn[2].serial} of the same transaction"),
        ("b", "would have to return (5, 5), returned (10, 0) (in state (5, 5))"),
    ]
