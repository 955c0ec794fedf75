"""Every state is found once, each move is held against each claim, and what is told of a broken claim is the shortest way there."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from model.reachable import ClaimBroken, Reached, explore, watched


def counting(state, call):
    return [(state + call, state + call)] if state + call <= 5 else []


def up_to_five(_state):
    return [1, 2]


def refused(state, call):
    return state + call > 5


def test_all_states_and_moves_are_counted_once():
    assert explore(0, up_to_five, counting, [], most_calls=9, may_refuse=refused) == Reached(states=6, moves=9, all_there_is=True)


def test_the_number_of_calls_is_a_bound():
    assert explore(0, up_to_five, counting, [], most_calls=1) == Reached(states=3, moves=2, all_there_is=False)


def test_there_is_more_until_a_round_finds_nothing_new():
    assert not explore(0, up_to_five, counting, [], most_calls=3, may_refuse=refused).all_there_is
    assert explore(0, up_to_five, counting, [], most_calls=4, may_refuse=refused).all_there_is


def test_every_result_of_a_call_is_followed():
    def either(state, _call):
        return [("heads", (*state, 0)), ("tails", (*state, 1))]

    assert explore((), lambda _: ["toss"], either, [], most_calls=3) == Reached(states=15, moves=14, all_there_is=False)


def test_a_broken_claim_is_told_with_the_shortest_way_there():
    def it_never_is_four(move):
        return move.after != 4

    with pytest.raises(ClaimBroken) as caught:
        explore(0, up_to_five, counting, [it_never_is_four], most_calls=9, may_refuse=refused)
    assert str(caught.value) == "it_never_is_four\n  2 -> 2\n  2 -> 4\n  in state 4"


def test_a_call_that_should_have_a_result_and_has_none_is_told():
    with pytest.raises(ClaimBroken) as caught:
        explore(0, up_to_five, counting, [], most_calls=9)
    assert str(caught.value).startswith("every call has a legal result, and 2 has none\n")
    assert str(caught.value).endswith("in state 4")


def test_a_witness_sees_calls_and_results_alone():
    def noted(memory, call, result):
        return (*memory, (call, result))

    def it_adds_up(move):
        return sum(call for call, _ in move.after[1]) == move.after[0]

    explore((0, ()), lambda _: [1, 2], watched(counting, noted), [it_adds_up], most_calls=2)

    def forgets(state, call):
        return [(result, 0 if after == 3 else after) for result, after in counting(state, call)]

    with pytest.raises(ClaimBroken, match="it_adds_up"):
        explore((0, ()), lambda _: [1, 2], watched(forgets, noted), [it_adds_up], most_calls=2)


@dataclass(frozen=True)
class Bag:
    counts: dict


def test_a_key_stands_for_a_state_that_cannot_be_hashed():
    def filled(bag, call):
        return [(None, Bag({**bag.counts, call: min(2, bag.counts.get(call, 0) + 1)}))]

    found = explore(Bag({}), lambda _: "ab", filled, [], most_calls=9, key=lambda bag: tuple(sorted(bag.counts.items())))
    assert found == Reached(states=9, moves=18, all_there_is=True)
    with pytest.raises(TypeError, match="unhashable"):
        explore(Bag({}), lambda _: "ab", filled, [], most_calls=9)
