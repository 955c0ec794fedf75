"""The rules of a supervision tree."""

from __future__ import annotations

from itertools import product

import pytest

from model import tree
from model.tree import Group, Limits, Tree

LIMITS = Limits(most=2, window_s=10.0)


def planted(strategy, root="one_for_one"):
    return Tree(Group("root", root, ("a", Group("inner", strategy, ("b", "c", "d")))), LIMITS)


@pytest.mark.parametrize(
    ("strategy", "again"),
    [("one_for_one", {"c"}), ("rest_for_one", {"c", "d"}), ("one_for_all", {"b", "c", "d"}), ("escalate", {"b", "c", "d"})],
)
def test_whom_a_death_takes_with_it(strategy, again):
    assert set(tree.dies(planted(strategy), "c", 0.0).due_s) == again


def after_deaths(state, *deaths):
    for actor, now_s in deaths:
        state = tree.dies(state, actor, now_s)
        for name in tuple(state.due_s):
            state = tree.starts(state, name, now_s + 1000)
    return state


def test_a_group_that_fails_is_started_again_as_a_whole_with_a_clean_slate():
    state = tree.dies(after_deaths(planted("one_for_one"), ("b", 0.0), ("b", 1.0)), "b", 2.0)
    assert set(state.due_s) == {"b", "c", "d"}
    assert set(state.restarts_s) == {"root"}


def test_restarts_are_forgotten_when_they_are_as_old_as_the_window():
    state = after_deaths(planted("one_for_one"), ("b", 0.0), ("b", 1.0))
    assert set(tree.dies(state, "b", 9.9).due_s) == {"b", "c", "d"}
    assert set(tree.dies(state, "b", 10.0).due_s) == {"b"}


def test_the_outermost_group_gives_up_for_ever():
    state = after_deaths(planted("escalate"), ("b", 0.0), ("c", 1.0), ("a", 2.0))
    assert state.given_up
    assert tree.dies(state, "a", 100.0) == state
    assert tree.starts(state, "a", 100.0) is None


def test_pauses_grow_and_nobody_is_started_before_or_twice():
    state = after_deaths(planted("one_for_one"), ("b", 0.0))
    state = tree.dies(state, "c", 1.0)
    assert state.due_s == {"c": (1.8, 2.2)}
    assert tree.starts(state, "c", 1.7) is None
    started = tree.starts(state, "c", 2.0)
    assert tree.starts(started, "c", 2.0) is None
    assert tree.overdue(state, 2.1) == ()
    assert tree.overdue(state, 2.3) == ("c",)


def test_no_window_of_any_group_ever_holds_more_restarts_than_it_grants():
    """All programs of six deaths a second apart, under all pairs of strategies."""
    strategies = ("one_for_one", "one_for_all", "rest_for_one", "escalate")
    for root, inner in product(strategies, repeat=2):
        for actors in product("abd", repeat=6):
            state = planted(inner, root)
            for now_s, actor in enumerate(actors):
                state = after_deaths(state, (actor, float(now_s)))
                for times in state.restarts_s.values():
                    assert len([past for past in times if now_s - past < LIMITS.window_s]) <= LIMITS.most
