"""A supervision tree as a value: who is started again when somebody dies, after which pause, and when it is too much.

Groups nest. A group that needs more restarts than its window allows has failed itself, which is its parent's to judge; when the outermost
group has failed, there is nobody left to ask. After Erlang/OTP's supervisors ("Supervision Principles", Design Principles manual).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from dspy_meme_gen.resilience.backoff import BackoffPolicy, backoff_s
from dspy_meme_gen.resilience.restarts import RestartPolicy, Restarts, Strategy, affected

__all__ = ["Group", "Plan", "Supervision"]


@dataclass(frozen=True, slots=True)
class Group:
    """Children that are supervised together, in order of start: names of actors, or further groups."""

    name: str
    children: tuple["str | Group", ...]
    strategy: Strategy = Strategy.ONE_FOR_ONE
    policy: RestartPolicy = field(default_factory=RestartPolicy)

    def actors(self) -> Iterator[str]:
        """The names of all actors in it, in order of start."""
        for child in self.children:
            if isinstance(child, Group):
                yield from child.actors()
            else:
                yield child

    def path(self, actor: str) -> tuple["Group", ...]:
        """The groups that an actor is in, the innermost first; empty if it is in none."""
        for child in self.children:
            if child == actor:
                return (self,)
            if isinstance(child, Group) and (inner := child.path(actor)):
                return (*inner, self)
        return ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Start these actors again, in this order, not before `delay_s` seconds have passed; those that still live must be stopped first."""

    actors: tuple[str, ...]
    delay_s: float


@dataclass(frozen=True, slots=True)
class Supervision:
    """A tree and the restarts that still count in each of its groups. Times are seconds of any clock that does not go back.

    The first restart within a window is made at once, each further one after a pause that grows.
    """

    tree: Group
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)
    restarts: dict[str, Restarts] = field(default_factory=dict)

    def failed(self, actor: str, now_s: float) -> tuple["Supervision", Plan | None]:
        """What to do about a death, and the state from then on; no plan where it is one too many, or nobody supervises the actor."""
        failing: str = actor
        for group in self.tree.path(actor):
            known = self.restarts.get(group.name, Restarts(group.policy))
            again = None if group.strategy is Strategy.ESCALATE else known.again(now_s)
            if again is None:
                failing = group.name
                continue
            chosen = affected(group.strategy, [_name(child) for child in group.children], failing)
            actors = tuple(name for child in group.children if _name(child) in chosen for name in _actors(child))
            begun_anew = {name for child in group.children if isinstance(child, Group) and child.name in chosen for name in _groups(child)}
            restarts = {name: each for name, each in self.restarts.items() if name not in begun_anew} | {group.name: again}
            earlier = len(again.at_s) - 1
            delay_s = backoff_s(self.backoff, earlier, group.name) if earlier else 0.0
            return replace(self, restarts=restarts), Plan(actors, delay_s)
        return self, None


def _name(child: "str | Group") -> str:
    return child.name if isinstance(child, Group) else child


def _actors(child: "str | Group") -> tuple[str, ...]:
    return tuple(child.actors()) if isinstance(child, Group) else (child,)


def _groups(group: Group) -> Iterator[str]:
    yield group.name
    for child in group.children:
        if isinstance(child, Group):
            yield from _groups(child)
