"""A supervision tree: whom a death takes with it, after which pause they are started again, and when a group has failed itself.

A group grants so many restarts within any window of time. The one that is too many is not its own to make: the group counts as dead, and
its parent judges that, as it would the death of an actor. If the outermost group has failed, everything stops for good. A group that is
started again as a whole begins with a clean slate.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

Strategy: TypeAlias = Literal["one_for_one", "one_for_all", "rest_for_one", "escalate"]


@dataclass(frozen=True, slots=True)
class Group:
    """Actors (by name) and groups, in order of start."""

    name: str
    strategy: Strategy
    children: tuple["Group | str", ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """`most` restarts of a group within `window_s`; the first is made at once, the n-th after it `first_s` * 2 ** (n - 1) seconds later.

    No pause is longer than `longest_s`, and each may be longer or shorter by a share of `jitter`.
    """

    most: int = 5
    window_s: float = 60.0
    first_s: float = 1.0
    longest_s: float = 60.0
    jitter: float = 0.2


@dataclass(frozen=True, slots=True)
class Tree:
    """`restarts_s` are the times of the restarts of each group, `due_s` when each actor that is to be started may be: from, to."""

    root: Group
    limits: Limits
    restarts_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    due_s: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    given_up: bool = False


def actors(child: Group | str) -> tuple[str, ...]:
    """All actors in it, in order of start."""
    return (child,) if isinstance(child, str) else tuple(name for each in child.children for name in actors(each))


def dies(tree: Tree, actor: str, now_s: float) -> Tree:
    """After the supervisor has learnt of a death. An actor whose start is awaited anyway, or a tree that has given up, changes nothing."""
    if tree.given_up or actor in tree.due_s:
        return tree
    verdict = _judge(tree, tree.root, actor, now_s)
    return replace(tree, given_up=True) if verdict is None else verdict


def starts(tree: Tree, actor: str, now_s: float) -> Tree | None:
    """After an actor was started again; None if that is illegal: nobody waited for it, or its pause is not over."""
    due = tree.due_s.get(actor)
    if tree.given_up or due is None or now_s < due[0] - 1e-6:
        return None
    return replace(tree, due_s={name: when for name, when in tree.due_s.items() if name != actor})


def overdue(tree: Tree, now_s: float, grace_s: float = 0.0) -> tuple[str, ...]:
    """Who should have been started by now."""
    return () if tree.given_up else tuple(name for name, (_, to_s) in tree.due_s.items() if now_s > to_s + grace_s + 1e-6)


def _judge(tree: Tree, group: Group, actor: str, now_s: float) -> Tree | None:
    """What this group makes of a death somewhere within it; None if it has failed itself."""
    child = next(each for each in group.children if actor in actors(each))
    if isinstance(child, Group):
        handled = _judge(tree, child, actor, now_s)
        if handled is not None:
            return handled
    recent = tuple(past_s for past_s in tree.restarts_s.get(group.name, ()) if now_s - past_s < tree.limits.window_s)
    if group.strategy == "escalate" or len(recent) >= tree.limits.most:
        return None
    place = group.children.index(child)
    again = {"one_for_one": (child,), "one_for_all": group.children, "rest_for_one": group.children[place:]}[group.strategy]
    clean = {name for each in again if isinstance(each, Group) for name in _groups(each)}
    restarts_s = {name: times for name, times in tree.restarts_s.items() if name not in clean} | {group.name: (*recent, now_s)}
    from_s, to_s = _pause(tree.limits, len(recent))
    due_s = dict.fromkeys((name for each in again for name in actors(each)), (now_s + from_s, now_s + to_s))
    return replace(tree, restarts_s=restarts_s, due_s={**tree.due_s, **due_s})


def _pause(limits: Limits, earlier: int) -> tuple[float, float]:
    """The shortest and the longest that may be waited after so many restarts within the window."""
    if earlier == 0:
        return 0.0, 0.0
    plain = min(limits.longest_s, limits.first_s * 2 ** (earlier - 1))
    return plain * (1 - limits.jitter), plain * (1 + limits.jitter)


def _groups(group: Group) -> tuple[str, ...]:
    return (group.name, *(name for each in group.children if isinstance(each, Group) for name in _groups(each)))
