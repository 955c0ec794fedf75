"""The breaker in small scopes: four calls, two at a time, each ending in any way and in any era, a second apart or at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from model import breaker
from model.breaker import Ask, Breaker, End, admits
from model.reachable import ClaimBroken, Reached, explore, watched

FAILURES, REST_S, PROOFS = 2, 2, 2
MOST_CALLS = 9


@dataclass(frozen=True, slots=True)
class Witness:
    """`out` are all calls under way, of whatever era; `asked` counts those that were made."""

    now_s: int = 0
    asked: int = 0
    out: tuple[int, ...] = ()


def remember(memory, call, result):
    memory = replace(memory, now_s=call.now_s)
    if isinstance(call, End):
        return replace(memory, out=tuple(number for number in memory.out if number != call.call))
    return replace(memory, asked=memory.asked + 1, out=(*memory.out, call.call)) if result else memory


def calls(pair):
    memory = pair[1]
    for now_s in (memory.now_s, memory.now_s + 1):
        if memory.asked < 6 and len(memory.out) < 3:
            yield Ask(memory.asked, now_s)
        for number in memory.out:
            yield from (End(number, how, now_s) for how in ("good", "bad", "unheard"))


def rests(state):
    return state.resting_since_s is not None


def heard(move):
    """The call was of this era, and somebody heard how it ended."""
    return isinstance(move.call, End) and move.call.call in move.before[0].out and move.call.how != "unheard"


def a_refused_call_changes_nothing(move):
    return move.result is not False or move.before[0] == move.after[0]


def no_two_probes_are_out(move):
    return not rests(move.after[0]) or len(move.after[0].out) <= 1


def it_lets_nothing_through_while_it_rests(move):
    state = move.before[0]
    return not (rests(state) and move.call.now_s < state.resting_since_s + REST_S) or move.result is not True


def when_it_has_rested_somebody_is_let_through(move):
    state = move.before[0]
    free = rests(state) and move.call.now_s >= state.resting_since_s + REST_S and not state.out
    return not free or move.result is not False


def closed_it_lets_everything_through(move):
    return rests(move.before[0]) or move.result is not False


def only_a_failure_makes_it_rest(move):
    began = rests(move.after[0]) and move.before[0].resting_since_s != move.after[0].resting_since_s
    return not began or (heard(move) and move.call.how == "bad" and move.after[0].resting_since_s == move.call.now_s)


def it_rests_after_just_so_many_failures_in_a_row(move):
    state = move.before[0]
    if rests(state) or not heard(move):
        return True
    in_a_row = (*state.heard, move.call.how == "good")[-FAILURES:]
    return rests(move.after[0]) == (len(in_a_row) == FAILURES and not any(in_a_row))


def a_failed_probe_makes_it_rest_anew(move):
    if not (rests(move.before[0]) and heard(move) and move.call.how == "bad"):
        return True
    return move.after[0] == Breaker(FAILURES, REST_S, PROOFS, resting_since_s=move.call.now_s)


def it_closes_after_just_so_many_good_probes(move):
    state = move.before[0]
    if not rests(state):
        return True
    enough = heard(move) and move.call.how == "good" and state.heard == (True,) * (PROOFS - 1)
    return rests(move.after[0]) != enough


def what_nobody_heard_and_what_began_in_another_era_says_nothing(move):
    if not isinstance(move.call, End) or heard(move):
        return True
    return replace(move.after[0], out=frozenset()) == replace(move.before[0], out=frozenset())


def what_was_heard_is_remembered_in_order(move):
    state, after = move.before[0], move.after[0]
    if not heard(move) or rests(state) != rests(after) or state.resting_since_s != after.resting_since_s:
        return True
    return after.heard == (*state.heard, move.call.how == "good")[-max(FAILURES, PROOFS) :]


def a_call_that_is_over_takes_no_place(move):
    return move.after[0].out <= set(move.after[1].out)


CLAIMS = [
    a_refused_call_changes_nothing,
    no_two_probes_are_out,
    it_lets_nothing_through_while_it_rests,
    when_it_has_rested_somebody_is_let_through,
    closed_it_lets_everything_through,
    only_a_failure_makes_it_rest,
    it_rests_after_just_so_many_failures_in_a_row,
    a_failed_probe_makes_it_rest_anew,
    it_closes_after_just_so_many_good_probes,
    what_nobody_heard_and_what_began_in_another_era_says_nothing,
    what_was_heard_is_remembered_in_order,
    a_call_that_is_over_takes_no_place,
]


def reach(step, claims, *, most_calls=MOST_CALLS):
    return explore((Breaker(FAILURES, REST_S, PROOFS), Witness()), calls, watched(step, remember), claims, most_calls=most_calls)


def test_every_sequence_of_nine_calls_keeps_every_claim():
    assert reach(breaker.step, CLAIMS) == Reached(states=3_894, moves=27_020, all_there_is=False)


def test_it_comes_to_rest_and_closes_again_within_the_scope():
    """Otherwise the claims of a resting breaker would hold of nothing."""
    eras = []

    def seen(move):
        eras.append((rests(move.before[0]), rests(move.after[0])))
        return True

    reach(breaker.step, [seen])
    assert set(eras) == {(False, False), (False, True), (True, True), (True, False)}


# Each claim is broken by a breaker that is wrong in its way.


def only(state, call):
    ((result, after),) = breaker.step(state, call)
    return result, after


def a_refusal_extends_the_rest(state, call):
    result, after = only(state, call)
    return [(result, replace(after, resting_since_s=call.now_s) if result is False and rests(state) and not state.out else after)]


def two_probes(state, call):
    if isinstance(call, Ask) and rests(state) and call.now_s >= state.resting_since_s + REST_S:
        return [(True, replace(state, out=state.out | {call.call}))]
    return [only(state, call)]


def a_rest_that_is_too_short(state, call):
    result, after = only(replace(state, rest_s=REST_S - 1), call)
    return [(result, replace(after, rest_s=REST_S))]


def a_rest_without_end(state, call):
    return [(False, state)] if isinstance(call, Ask) and rests(state) else [only(state, call)]


def one_at_a_time_even_when_closed(state, call):
    return [(False, state)] if isinstance(call, Ask) and state.out else [only(state, call)]


def what_is_given_up_is_a_failure(state, call):
    return [only(state, replace(call, how="bad") if isinstance(call, End) and call.how == "unheard" else call)]


def failures_that_are_not_in_a_row(state, call):
    result, after = only(state, call)
    return [(result, replace(after, heard=tuple(good for good in after.heard if not good)) if not rests(after) else after)]


def one_failure_more_is_put_up_with(state, call):
    result, after = only(replace(state, failures=FAILURES + 1), call)
    return [(result, replace(after, failures=FAILURES))]


def a_failed_probe_leaves_the_old_rest(state, call):
    result, after = only(state, call)
    return [(result, replace(after, resting_since_s=state.resting_since_s) if rests(state) and rests(after) else after)]


def one_proof_is_enough(state, call):
    result, after = only(replace(state, proofs=1), call)
    return [(result, replace(after, proofs=PROOFS))]


def a_late_answer_of_another_era_counts(state, call):
    return [only(replace(state, out=state.out | {call.call}) if isinstance(call, End) else state, call)]


def a_probe_given_up_keeps_its_place(state, call):
    return [(None, state)] if isinstance(call, End) and call.how == "unheard" and rests(state) else [only(state, call)]


PLANTED = [
    (a_refusal_extends_the_rest, a_refused_call_changes_nothing),
    (two_probes, no_two_probes_are_out),
    (a_rest_that_is_too_short, it_lets_nothing_through_while_it_rests),
    (a_rest_without_end, when_it_has_rested_somebody_is_let_through),
    (one_at_a_time_even_when_closed, closed_it_lets_everything_through),
    (what_is_given_up_is_a_failure, only_a_failure_makes_it_rest),
    (failures_that_are_not_in_a_row, what_was_heard_is_remembered_in_order),
    (one_failure_more_is_put_up_with, it_rests_after_just_so_many_failures_in_a_row),
    (a_failed_probe_leaves_the_old_rest, a_failed_probe_makes_it_rest_anew),
    (one_proof_is_enough, it_closes_after_just_so_many_good_probes),
    (a_late_answer_of_another_era_counts, what_nobody_heard_and_what_began_in_another_era_says_nothing),
    (a_probe_given_up_keeps_its_place, a_call_that_is_over_takes_no_place),
]


def test_every_claim_is_broken_by_something():
    assert {claim for _, claim in PLANTED} == set(CLAIMS)


@pytest.mark.parametrize(("planted", "claim"), PLANTED)
def test_a_wrong_breaker_breaks_the_claim(planted, claim):
    with pytest.raises(ClaimBroken, match=claim.__name__):
        reach(planted, [claim])


def test_a_breaker_that_rests_lets_nobody_through_until_it_has_rested():
    resting = Breaker(FAILURES, REST_S, PROOFS, resting_since_s=0)
    assert [admits(resting, now_s) for now_s in (0, 1, 2, 3)] == [False, False, True, True]
