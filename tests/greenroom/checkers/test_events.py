"""The checkers that read events: order of messages, replies, effects, leaks, latency; each accepts and rejects histories."""

from __future__ import annotations

import pytest

import greenroom
from tests.greenroom.checkers.histories import Register, events, history, operation

OK, VIOLATED, UNKNOWN = greenroom.Verdict.OK, greenroom.Verdict.VIOLATED, greenroom.Verdict.UNKNOWN


def judged(checker, *rows, operations=(), **endings):
    return checker.check(history(*operations, events=events(*rows), **endings))


# -- order -----------------------------------------------------------------------------------------------------------------

IN_ORDER = [
    ("A-1", "send", "B-2", 1, "one"),
    ("A-1", "send", "B-2", 2, "two"),
    ("B-2", "receive", "B-2", 1, "one"),
    ("B-2", "receive", "B-2", 2, "two"),
]


@pytest.mark.parametrize("checker", [greenroom.fifo_per_sender(), greenroom.causal_order()])
def test_messages_in_order_are_accepted(checker):
    assert judged(checker, *IN_ORDER).verdict is OK


@pytest.mark.parametrize("checker", [greenroom.fifo_per_sender(), greenroom.causal_order()])
def test_messages_of_one_sender_in_the_wrong_order_are_rejected(checker):
    found = judged(checker, *IN_ORDER[:2], IN_ORDER[3], IN_ORDER[2])
    assert found.verdict is VIOLATED
    assert found.reason == "B-2 handled #2 two from A-1 before #1 one, which A-1 had sent earlier"
    assert found.about == ("A-1", "B-2")


def test_a_message_that_is_passed_over_is_told_of():
    assert judged(greenroom.fifo_per_sender(), *IN_ORDER[:2], IN_ORDER[3]).verdict is VIOLATED
    assert judged(greenroom.fifo_per_sender(), *IN_ORDER[:3]).verdict is OK  # the last one is merely not handled yet


def test_messages_of_two_senders_have_no_order_of_their_own():
    rows = [("A-1", "send", "B-2", 1, "one"), ("C-3", "send", "B-2", 2, "two"), IN_ORDER[3], IN_ORDER[2]]
    for checker in (greenroom.fifo_per_sender(), greenroom.causal_order()):
        assert judged(checker, *rows).verdict is OK


def test_an_effect_that_overtakes_its_cause_breaks_causal_order_alone():
    rows = [
        ("A-1", "send", "B-2", 1, "cause"),
        ("A-1", "send", "C-3", 1, "go on"),
        ("C-3", "receive", "C-3", 1, "go on"),
        ("C-3", "send", "B-2", 2, "effect"),
        ("B-2", "receive", "B-2", 2, "effect"),
        ("B-2", "receive", "B-2", 1, "cause"),
    ]
    assert judged(greenroom.fifo_per_sender(), *rows).verdict is OK
    found = judged(greenroom.causal_order(), *rows)
    assert found.verdict is VIOLATED
    assert found.reason.startswith("B-2 handled #2 effect from C-3 before #1 cause")
    swapped = [*rows[:4], rows[5], rows[4]]
    assert judged(greenroom.causal_order(), *swapped).verdict is OK


# -- replies ---------------------------------------------------------------------------------------------------------------

ASK = ("A-1", "send", "B-2", 1, "ask 'name'")
REPLY = ("B-2", "reply", "B-2", 1, "'ann'")


def test_an_ask_with_one_reply_is_accepted_and_so_are_tells_and_stops():
    rows = [ASK, REPLY, ("A-1", "send", "B-2", 2, "'told'"), ("A-1", "send", "B-2", 3, "ask stop()")]
    assert judged(greenroom.every_ask_is_answered(), *rows).verdict is OK


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([ASK], "A-1's ask 'name' to B-2 (#1) was never answered"),
        ([("A-1", "lost", "B-2", 1, "ask 'name'")], "never answered"),
        ([ASK, REPLY, REPLY], "answered 2 times"),
        ([ASK, ("B-2", "reply", "B-2", 2, "'bob'")], "never answered"),
    ],
)
def test_a_lost_and_a_second_reply_are_rejected(rows, words):
    found = judged(greenroom.every_ask_is_answered(), *rows)
    assert found.verdict is VIOLATED
    assert words in found.reason
    assert found.about == ("A-1", "B-2")


def test_a_call_of_a_client_that_is_pending_at_the_end_is_rejected():
    checker = greenroom.every_ask_is_answered()
    assert judged(checker, operations=[operation("a", ("read",), 0, 1, 2)]).verdict is OK
    found = judged(checker, operations=[operation("a", ("read",), None, 1, None)])
    assert found.reason == "a.read() -> pending at the end"


def charges(event):
    return event.detail.removeprefix("ask ") if event.target == "Bank-1" else None


def test_work_that_is_done_once_is_accepted_and_twice_or_never_is_rejected():
    once = greenroom.exactly_once(charges)
    sent, taken = ("A-2", "send", "Bank-1", 1, "ask charge(7)"), ("Bank-1", "receive", "Bank-1", 1, "ask charge(7)")
    again = [("A-2", "send", "Bank-1", 2, "ask charge(7)"), ("Bank-1", "receive", "Bank-1", 2, "ask charge(7)")]
    other = [("A-2", "send", "Bank-1", 2, "ask charge(8)"), ("Bank-1", "receive", "Bank-1", 2, "ask charge(8)")]
    assert judged(once, sent, taken, *other, ("A-2", "send", "C-3", 1, "x")).verdict is OK
    assert judged(once, sent).reason == "charge(7) was never handled"
    twice = judged(once, sent, taken, *again)
    assert twice.verdict is VIOLATED
    assert twice.reason == "charge(7) was handled 2 times"


def test_a_key_that_fails_is_told_of():
    with pytest.raises(greenroom.UsageError, match="key of exactly_once failed"):
        judged(greenroom.exactly_once(lambda event: event.nothing), ASK)
    with pytest.raises(greenroom.UsageError, match="key of deterministic failed"):
        judged(greenroom.deterministic(lambda each: [each]), operations=[operation("a", ("read",), 0, 1, 2)])


# -- leaks -----------------------------------------------------------------------------------------------------------------


def test_what_has_ended_and_was_given_back_is_no_leak():
    rows = [ASK, ("B-2", "receive", "B-2", 1, "ask 'name'"), ("A-1", "lock", "Lock-1"), ("A-1", "unlock", "Lock-1")]
    slots = [("A-1", "acquire", "Semaphore-1"), ("A-1", "release", "Semaphore-1")]
    handed_on = [("A-1", "lock", "Lock-2"), ("B-2", "unlock", "Lock-2")]
    assert judged(greenroom.no_leak(), *rows, *slots, *handed_on).verdict is OK


@pytest.mark.parametrize(
    ("rows", "endings", "words", "off"),
    [
        ([], {"ended_blocked": {"B-2": "receive"}}, "B-2 has not ended (in receive())", "tasks"),
        ([ASK], {}, "ask 'name' from A-1 (#1) was never taken out of the inbox of B-2", "messages"),
        ([("A-1", "lock", "Lock-1")], {}, "A-1 still holds Lock-1", "locks"),
        ([("A-1", "acquire", "Semaphore-1")] * 2, {}, "Semaphore-1 misses 2 slots", "locks"),
    ],
)
def test_what_is_left_is_rejected_unless_it_is_not_asked_for(rows, endings, words, off):
    found = judged(greenroom.no_leak(), *rows, **endings)
    assert found.verdict is VIOLATED
    assert found.reason == words
    assert judged(greenroom.no_leak(**{off: False}), *rows, **endings).verdict is OK


# -- latency ---------------------------------------------------------------------------------------------------------------


def test_an_operation_is_measured_from_its_invocation_to_its_answer():
    two_seconds = operation("a", ("read",), 0, 1, 3)
    assert judged(greenroom.latency(within=2), operations=[two_seconds]).verdict is OK
    found = judged(greenroom.latency(within=1.5), operations=[two_seconds])
    assert found.reason == "a.read() -> 0 took 2 s, and 1.5 s are allowed"
    pending = judged(greenroom.latency(within=1.5), operations=[operation("a", ("read",), None, 1, None)])
    assert pending.verdict is VIOLATED


def test_a_slow_operation_names_the_asks_that_it_was_waiting_for():
    slow = operation("a", ("read",), 0, 0, 9)
    found = judged(greenroom.latency(within=1), ASK, REPLY, operations=[slow])
    assert found.reason.endswith("(B-2 1 s; one ask may lie in another)")


def test_a_stage_is_measured_from_the_sending_of_an_ask_to_its_reply():
    rows = [ASK, ("B-2", "receive", "B-2", 1, "ask 'name'"), REPLY]
    assert judged(greenroom.latency(stages={"B": 2.0}), *rows).verdict is OK
    found = judged(greenroom.latency(stages={"B": 1.5}), *rows)
    assert found.reason == "B-2 took 2 s for ask 'name' from A-1, and 1.5 s are allowed"
    assert judged(greenroom.latency(stages={"C": 0.0}), *rows).verdict is OK
    never = judged(greenroom.latency(stages={"B": 1.5}), *rows[:2], ("A-1", "note"))
    assert never.verdict is VIOLATED


@pytest.mark.parametrize("bounds", [{}, {"within": -1}, {"stages": {"B": -1}}])
def test_a_latency_needs_a_bound_that_makes_sense(bounds):
    with pytest.raises(greenroom.UsageError, match="bound in seconds"):
        greenroom.latency(**bounds)


# -- determinism -----------------------------------------------------------------------------------------------------------


def test_the_same_request_has_the_same_answer_over_all_histories_until_it_begins_anew():
    same = greenroom.deterministic(lambda each: each.call if each.name == "read" else None)
    first, other = [operation("a", ("read",), 1, 1, 2)], [operation("b", ("read",), 2, 1, 2)]
    assert judged(same, operations=first).verdict is OK
    assert judged(same, operations=first).verdict is OK
    assert judged(same, operations=[operation("a", ("write", 1), 5, 1, 2), operation("a", ("write", 1), 6, 3, 4)]).verdict is OK
    found = judged(same, operations=other)
    assert found.verdict is VIOLATED
    assert found.reason == "('read',): b.read() -> 2, and before: a.read() -> 1"
    same.begin()
    assert judged(same, operations=other).verdict is OK


def test_errors_are_answers_and_what_is_pending_has_none():
    same = greenroom.deterministic(lambda each: each.call)
    assert judged(same, operations=[operation("a", ("read",), None, 1, 2, error=ValueError("no"))]).verdict is OK
    assert judged(same, operations=[operation("a", ("read",), None, 1, 2, error=ValueError("no"))]).verdict is OK
    assert judged(same, operations=[operation("a", ("read",), 7, 1, None)]).verdict is OK
    assert judged(same, operations=[operation("a", ("read",), None, 1, 2, error=ValueError("other"))]).verdict is VIOLATED


# -- compose ---------------------------------------------------------------------------------------------------------------


def test_composed_claims_are_violated_by_the_first_else_unknown_else_ok():
    good, bad = [operation("a", ("read",), 0, 1, 2)], [operation("a", ("read",), 1, 1, 2)]
    linearizable, answered = greenroom.linearizable(Register()), greenroom.every_ask_is_answered()
    broke = greenroom.linearizable(Register(), budget=0)
    both = greenroom.compose(linearizable, answered)
    assert judged(both, operations=good).verdict is OK
    assert judged(both, ASK, operations=good).claim == "every ask is answered"
    assert judged(both, ASK, operations=bad).claim == "linearizable"
    unknown = judged(greenroom.compose(broke, answered), operations=good)
    assert unknown.verdict is UNKNOWN
    assert "raise the budget" in unknown.reason
    assert judged(greenroom.compose(broke, answered), ASK, operations=good).verdict is VIOLATED


def test_a_composition_reads_what_its_parts_read_and_forgets_with_them():
    assert not greenroom.compose(greenroom.linearizable(Register())).reads_events
    assert greenroom.compose(greenroom.linearizable(Register()), greenroom.no_leak()).reads_events
    same = greenroom.deterministic(lambda each: each.call)
    both = greenroom.compose(greenroom.no_leak(), same)
    assert not both.reads_real_time
    judged(both, operations=[operation("a", ("read",), 1, 1, 2)])
    both.begin()
    assert judged(both, operations=[operation("a", ("read",), 2, 1, 2)]).verdict is OK


@pytest.mark.parametrize("parts", [(), (Register(),), (greenroom.linearizable,)])
def test_only_checkers_are_composed(parts):
    with pytest.raises(greenroom.UsageError, match="compose takes checkers"):
        greenroom.compose(*parts)
