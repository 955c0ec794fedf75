"""Restarts in small scopes: every sequence of eight crashes, up to three seconds apart, with two restarts allowed in four seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from model import supervision
from model.reachable import ClaimBroken, Reached, explore, watched
from model.supervision import Restarts

LIMIT, WINDOW_S = 2, 4
MOST_CRASHES = 8


@dataclass(frozen=True, slots=True)
class Witness:
    """When which answer was given."""

    now_s: int = 0
    restarted_s: tuple[int, ...] = ()
    escalated: bool = False


def remember(memory, now_s, result):
    restarted_s = (*memory.restarted_s, now_s) if result == "restarted" else memory.restarted_s
    return Witness(now_s, restarted_s, memory.escalated or result == "escalated")


def crashes(pair):
    return [pair[1].now_s + wait_s for wait_s in range(4)]


def within(memory, now_s):
    return [past_s for past_s in memory.restarted_s if now_s - past_s < WINDOW_S]


def no_window_holds_more_restarts_than_allowed(move):
    return len(within(move.after[1], move.after[1].now_s)) <= LIMIT


def it_escalates_only_of_too_many_restarts(move):
    return move.result != "escalated" or len(within(move.before[1], move.call)) == LIMIT


def it_escalates_once(move):
    return move.result != "escalated" or not move.before[1].escalated


def after_that_nothing_is_restarted(move):
    return (move.result == "stopped") == move.before[1].escalated


def only_restarts_that_count_are_kept(move):
    kept = move.after[0].times_s
    return move.after[0].escalated or list(kept) == within(move.after[1], move.call)


CLAIMS = [
    no_window_holds_more_restarts_than_allowed,
    it_escalates_only_of_too_many_restarts,
    it_escalates_once,
    after_that_nothing_is_restarted,
    only_restarts_that_count_are_kept,
]


def reach(step, claims):
    return explore((Restarts(LIMIT, WINDOW_S), Witness()), crashes, watched(step, remember), claims, most_calls=MOST_CRASHES)


def test_every_sequence_of_eight_crashes_keeps_every_claim():
    assert reach(supervision.step, CLAIMS) == Reached(states=7_149, moves=12_548, all_there_is=False)


def windows_that_never_slide(state, now_s):
    return [supervision.crash(replace(state, window_s=10**6), now_s=now_s)]


def windows_that_are_counted_anew(state, now_s):
    """Fixed windows: four seconds each, from zero on."""
    times_s = tuple(past_s for past_s in state.times_s if past_s // WINDOW_S == now_s // WINDOW_S)
    result, after = supervision.crash(replace(state, times_s=times_s), now_s=now_s)
    return [(result, after)]


def one_restart_more(state, now_s):
    result, after = supervision.crash(replace(state, limit=LIMIT + 1), now_s=now_s)
    return [(result, replace(after, limit=LIMIT))]


def escalated_and_forgotten(state, now_s):
    result, after = supervision.crash(state, now_s=now_s)
    return [(result, replace(after, escalated=False))]


def escalated_again_and_again(state, now_s):
    result, after = supervision.crash(state, now_s=now_s)
    return [("escalated" if result == "stopped" else result, after)]


def all_restarts_are_kept(state, now_s):
    result, after = supervision.crash(state, now_s=now_s)
    return [(result, replace(after, times_s=(*state.times_s, now_s)))]


PLANTED = [
    (one_restart_more, no_window_holds_more_restarts_than_allowed),
    (windows_that_are_counted_anew, no_window_holds_more_restarts_than_allowed),
    (windows_that_never_slide, it_escalates_only_of_too_many_restarts),
    (escalated_again_and_again, it_escalates_once),
    (escalated_and_forgotten, after_that_nothing_is_restarted),
    (all_restarts_are_kept, only_restarts_that_count_are_kept),
]


def test_every_claim_is_broken_by_something():
    assert {claim for _, claim in PLANTED} == set(CLAIMS)


@pytest.mark.parametrize(("planted", "claim"), PLANTED)
def test_wrong_supervision_breaks_the_claim(planted, claim):
    with pytest.raises(ClaimBroken, match=claim.__name__):
        reach(planted, [claim])
