"""Supervision trees in small scopes: two groups, every pair of strategies, every sequence of a few deaths and starts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import pytest

from model import tree
from model.reachable import ClaimBroken, Reached, explore, watched
from model.tree import Group, Limits, Tree

STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one", "escalate")
LIMITS = Limits(most=2, window_s=4.0, first_s=1.0, longest_s=1.5, jitter=0.2)
ACTORS = ("a", "b", "c")
MOST_CALLS = 6


@dataclass(frozen=True, slots=True)
class Died:
    """The supervisor learns of a death."""

    actor: str
    now_s: float


@dataclass(frozen=True, slots=True)
class Started:
    """An actor is started again, when it is due."""

    actor: str


@dataclass(frozen=True, slots=True)
class Witness:
    """When a group has started something again: each time its list grew."""

    now_s: float = 0.0
    restarts: tuple[tuple[str, float], ...] = ()


def planted(root, inner):
    return Tree(Group("root", root, ("a", Group("inner", inner, ("b", "c")))), LIMITS)


def step(state, call):
    """The model's two functions as one; the result is what became of it, and of whom it was the restart."""
    if isinstance(call, Started):
        return [(("started", None), tree.starts(state, call.actor, state.due_s[call.actor][0]))]
    after = tree.dies(state, call.actor, call.now_s)
    if after is state:
        return [(("nothing", None), after)]
    if after.given_up:
        return [(("given up", None), after)]
    grown = [name for name, times_s in after.restarts_s.items() if times_s and times_s != state.restarts_s.get(name)]
    return [(("again", *grown), after)]


def remember(memory, call, result):
    now_s = getattr(call, "now_s", memory.now_s)
    if result[0] == "again":
        return Witness(now_s, (*memory.restarts, (result[1], now_s)))
    return replace(memory, now_s=now_s)


def calls(pair):
    state, memory = pair
    for actor in ACTORS:
        if actor in state.due_s and not state.given_up:
            yield Started(actor)
        yield Died(actor, memory.now_s)
        yield Died(actor, memory.now_s + 2)


def key(pair):
    state, memory = pair
    return (tuple(sorted(state.restarts_s.items())), tuple(sorted(state.due_s.items())), state.given_up, memory)


def the_group_of(state, actor):
    return "root" if actor == "a" else "inner"


def a_death_has_one_answer(move):
    """Started again, given up for good, or nothing, where it is about to be started anyway or all is over."""
    if isinstance(move.call, Started):
        return True
    state, after = move.before[0], move.after[0]
    if state.given_up or move.call.actor in state.due_s:
        return after == state
    return after.given_up != (move.call.actor in after.due_s)


def a_restart_is_one_group_s(move):
    return move.result[0] != "again" or len(move.result) == 2


def no_window_holds_more_restarts_than_granted(move):
    """Of the outermost group; one that is started anew as a whole begins with a clean slate."""
    if move.result[0] != "again":
        return True
    memory = move.after[1]
    return len([name for name, at_s in memory.restarts if name == "root" and memory.now_s - at_s < LIMITS.window_s]) <= LIMITS.most


def nobody_gives_up_who_may_go_on(move):
    """The outermost group has used up what it grants, or grants nothing."""
    if move.result[0] != "given up":
        return True
    state, now_s = move.before[0], move.call.now_s
    recent = [past_s for past_s in state.restarts_s.get("root", ()) if now_s - past_s < LIMITS.window_s]
    return state.root.strategy == "escalate" or len(recent) == LIMITS.most


def what_has_given_up_stays_so(move):
    return not move.before[0].given_up or move.after[0] == move.before[0]


def the_strategy_says_who_goes_too(move):
    """Whoever is newly due is all that the strategy names, and nobody else."""
    if move.result[0] != "again" or len(move.result) != 2:
        return True
    group, actor = move.result[1], move.call.actor
    strategy = move.before[0].root.strategy if group == "root" else move.before[0].root.children[1].strategy
    children = [("a",), ("b", "c")] if group == "root" else [("b",), ("c",)]
    place = next(number for number, names in enumerate(children) if actor in names)
    again = {"one_for_one": children[place : place + 1], "one_for_all": children, "rest_for_one": children[place:]}[strategy]
    fresh = {name for name, due_s in move.after[0].due_s.items() if move.before[0].due_s.get(name) != due_s}
    wanted = {name for names in again for name in names}
    return fresh <= wanted <= set(move.after[0].due_s)


def no_pause_is_longer_than_the_longest(move):
    state, now_s = move.after[0], move.after[1].now_s
    return all(from_s <= to_s <= now_s + LIMITS.longest_s * (1 + LIMITS.jitter) for from_s, to_s in state.due_s.values())


def the_first_restart_is_at_once_and_others_are_not(move):
    if move.result[0] != "again" or len(move.result) != 2:
        return True
    from_s, _ = move.after[0].due_s[move.call.actor]
    first = len(move.after[0].restarts_s[move.result[1]]) == 1
    return (from_s == move.call.now_s) == first


def a_group_started_as_a_whole_forgets(move):
    if move.result != ("again", "root") or move.call.actor == "a":
        return True
    return "inner" not in move.after[0].restarts_s


CLAIMS = [
    a_death_has_one_answer,
    a_restart_is_one_group_s,
    no_window_holds_more_restarts_than_granted,
    nobody_gives_up_who_may_go_on,
    what_has_given_up_stays_so,
    the_strategy_says_who_goes_too,
    no_pause_is_longer_than_the_longest,
    the_first_restart_is_at_once_and_others_are_not,
    a_group_started_as_a_whole_forgets,
]


def reach(claims, *, root="one_for_one", inner="one_for_one", most_calls=MOST_CALLS, made=step):
    return explore((planted(root, inner), Witness()), calls, watched(made, remember), claims, most_calls=most_calls, key=key)


def test_every_sequence_under_every_pair_of_strategies_keeps_every_claim():
    found = [reach(CLAIMS, root=root, inner=inner, most_calls=4) for root, inner in product(STRATEGIES, repeat=2)]
    assert (sum(each.states for each in found), sum(each.moves for each in found)) == (3_958, 10_686)


def test_every_longer_sequence_of_one_for_one_keeps_every_claim():
    assert reach(CLAIMS) == Reached(states=5_667, moves=15_584, all_there_is=False)


def used_up(state):
    """How many restarts of the root count, and how many of the inner group since the root's last."""
    return len(state.restarts_s.get("root", ())), len(state.restarts_s.get("inner", ()))


def each_death_uses_something_up(move):
    return move.after.given_up or used_up(move.before) < used_up(move.after) <= (LIMITS.most, LIMITS.most)


def at_one_moment(state, actor):
    """A death at zero seconds of an actor that has been started again already."""
    after = tree.dies(replace(state, due_s={}), actor, 0.0)
    return [(after.given_up, after)]


def granted_for_ever(state, actor):
    return [(False, replace(tree.dies(state, actor, 0.0), restarts_s={}, due_s={}))]


def reach_one_moment(step, root, inner):
    return explore(
        planted(root, inner), lambda _: ACTORS, step, [each_death_uses_something_up], most_calls=20, key=lambda state: key((state, 0))
    )


@pytest.mark.parametrize(("root", "inner"), list(product(STRATEGIES, repeat=2)))
def test_deaths_without_end_at_one_moment_end_in_giving_up(root, inner):
    """What is used up grows with each and is bounded: so giving up is all that can be at the end."""
    assert reach_one_moment(at_one_moment, root, inner).all_there_is


def test_a_tree_that_grants_restarts_for_ever_is_noticed():
    with pytest.raises(ClaimBroken, match="each_death_uses_something_up"):
        reach_one_moment(granted_for_ever, "one_for_one", "one_for_one")


# Each claim is broken by a tree that is wrong in its way.


def a_death_that_is_overlooked(state, call):
    return [(("nothing", None), state)] if isinstance(call, Died) and call.actor == "c" else step(state, call)


def a_restart_of_both_groups(state, call):
    ((result, after),) = step(state, call)
    if result == ("again", "inner"):
        return [((*result, "root"), after)]
    return [(result, after)]


def granted_without_end(state, call):
    result, after = step(replace(state, limits=replace(LIMITS, most=9)), call)[0]
    return [(result, replace(after, limits=LIMITS))]


def granted_less(state, call):
    result, after = step(replace(state, limits=replace(LIMITS, most=1)), call)[0]
    return [(result, replace(after, limits=LIMITS))]


def given_up_and_begun_again(state, call):
    return step(replace(state, given_up=False), call)


def everybody_goes_too(state, call):
    ((result, after),) = step(state, call)
    return [(result, replace(after, due_s=dict.fromkeys(ACTORS, after.due_s[call.actor])) if result[0] == "again" else after)]


def pauses_that_double_without_end(state, call):
    result, after = step(replace(state, limits=replace(LIMITS, first_s=2.0, longest_s=60.0)), call)[0]
    return [(result, replace(after, limits=LIMITS))]


def no_pauses(state, call):
    result, after = step(replace(state, limits=replace(LIMITS, longest_s=0.0)), call)[0]
    return [(result, replace(after, limits=LIMITS))]


def nothing_is_forgotten(state, call):
    ((result, after),) = step(state, call)
    return [(result, replace(after, restarts_s={**state.restarts_s, **after.restarts_s}))]


PLANTED = [
    (a_death_that_is_overlooked, a_death_has_one_answer),
    (a_restart_of_both_groups, a_restart_is_one_group_s),
    (granted_without_end, no_window_holds_more_restarts_than_granted),
    (granted_less, nobody_gives_up_who_may_go_on),
    (given_up_and_begun_again, what_has_given_up_stays_so),
    (everybody_goes_too, the_strategy_says_who_goes_too),
    (pauses_that_double_without_end, no_pause_is_longer_than_the_longest),
    (no_pauses, the_first_restart_is_at_once_and_others_are_not),
    (nothing_is_forgotten, a_group_started_as_a_whole_forgets),
]


def test_every_claim_is_broken_by_something():
    assert {claim for _, claim in PLANTED} == set(CLAIMS)


@pytest.mark.parametrize(("wrong", "claim"), PLANTED)
def test_a_wrong_tree_breaks_the_claim(wrong, claim):
    with pytest.raises(ClaimBroken, match=claim.__name__):
        reach([claim], made=wrong)
