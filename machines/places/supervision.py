"""Where a supervision tree can be."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

from machines.coverage import Places, reachable
from model import tree
from model.tree import Group, Limits, Strategy, Tree

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

_LIMITS: Final = Limits(most=2, window_s=4.0, jitter=0.0)
_STRATEGIES: Final[tuple[Strategy, ...]] = ("one_for_one", "one_for_all", "rest_for_one", "escalate")
_Moment = tuple[Tree, float]


def label(state: Tree, now_s: float) -> str:
    """The name of a tree's state."""
    if state.given_up:
        return "given up"
    if len(state.due_s) > 1:
        return "several wait for a restart"
    if state.due_s:
        return "one waits for a restart"
    recent = any(now_s - past_s < state.limits.window_s for times in state.restarts_s.values() for past_s in times)
    return "all up, restarts in the window" if recent else "all up"


def places() -> Places:
    """Of all trees with a group of two actors in a group with a third."""
    trees = [Group("pipeline", root, (Group("pool", pool, ("a", "b")), "c")) for root, pool in product(_STRATEGIES, repeat=2)]
    return reachable([(Tree(root, _LIMITS), 0.0) for root in trees], _moves, lambda moment: label(*moment), _same)


def _moves(moment: _Moment) -> Iterator[_Moment]:
    state, now_s = moment
    if not state.due_s:  # what is due is started before time goes on
        yield state, now_s + 1.0
    for actor in tree.actors(state.root):
        yield tree.dies(state, actor, now_s), now_s
    for actor, (from_s, _) in state.due_s.items():
        started = tree.starts(state, actor, max(now_s, from_s))
        if started is not None:
            yield started, max(now_s, from_s)


def _same(moment: _Moment) -> Hashable:
    state, now_s = moment
    window_s = _LIMITS.window_s
    ages = {name: tuple(now_s - past_s for past_s in times if now_s - past_s < window_s) for name, times in state.restarts_s.items()}
    due = {name: max(0.0, from_s - now_s) for name, (from_s, _) in state.due_s.items()}
    return state.root, state.given_up, tuple(sorted(ages.items())), tuple(sorted(due.items()))
