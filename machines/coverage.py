"""Coverage of the model: which of its states and transitions were visited, which rule followed which, and how requests ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from greenroom import ActorMachine

Step: TypeAlias = tuple[str, str]
_State = TypeVar("_State")
NAMED = 5
"""How many of what was never visited a line of the summary names at most."""
WIDTH = 80
"""How many characters the names in a line take at most: what is left is counted."""


@dataclass(frozen=True, slots=True)
class Places:
    """What can be visited: states by their names, and transitions from one to another."""

    states: tuple[str, ...]
    transitions: tuple[Step, ...]


def reachable(
    starts: Iterable[_State],
    moves: Callable[[_State], Iterable[_State]],
    label: Callable[[_State], str],
    same: Callable[[_State], Hashable],
) -> Places:
    """All that a model can come to, by its names: every move from every state, where those that are the `same` are looked at once."""
    agenda = list(starts)
    seen = dict.fromkeys(same(state) for state in agenda)
    states = dict.fromkeys(label(state) for state in agenda)
    transitions: dict[Step, None] = {}
    while agenda:
        before = agenda.pop()
        for after in moves(before):
            if label(before) != label(after):
                states[label(after)] = None
                transitions[label(before), label(after)] = None
            if same(after) not in seen:
                seen[same(after)] = None
                agenda.append(after)
    return Places(tuple(states), tuple(transitions))


class Trail:
    """Where one example has been. Several subjects (breakers, requests) may each be somewhere."""

    def __init__(self) -> None:
        self.states: Counter[str] = Counter()
        self.transitions: Counter[Step] = Counter()
        self._last: dict[str, str] = {}

    def visit(self, subject: str, state: str) -> None:
        """A subject is in a state now; to stay there is not to visit it again."""
        before = self._last.get(subject)
        if before == state:
            return
        self._last[subject] = state
        self.states[state] += 1
        if before is not None:
            self.transitions[before, state] += 1


@dataclass(slots=True)
class Coverage:
    """Sums over examples: how often each state, transition and pair of rules was there, and in how many examples each outcome."""

    states: Counter[str] = field(default_factory=Counter)
    transitions: Counter[Step] = field(default_factory=Counter)
    rule_pairs: Counter[Step] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, trail: Trail, rules: Sequence[str], outcomes: Iterable[str]) -> tuple[str, ...]:
        """Count an example; the labels of all that it has shown, for Hypothesis's statistics."""
        shown = tuple(dict.fromkeys(outcomes))
        pairs = Counter(pairwise(rules))
        self.states += trail.states
        self.transitions += trail.transitions
        self.rule_pairs += pairs
        self.outcomes.update(shown)
        return (
            *(f"outcome {name}" for name in shown),
            *(f"state {name}" for name in trail.states),
            *(f"transition {' → '.join(step)}" for step in trail.transitions),
            *(f"rules {' → '.join(pair)}" for pair in pairs),
        )


@dataclass(frozen=True, slots=True)
class Account:
    """One kind of thing that could be visited: how often each was, in the order of what is `possible`, and what was not foreseen."""

    name: str
    possible: tuple[str, ...]
    visited: dict[str, int]

    @property
    def never(self) -> tuple[str, ...]:
        """What could be visited, and was not."""
        return tuple(each for each in self.possible if each not in self.visited)

    @property
    def unforeseen(self) -> tuple[str, ...]:
        """What was visited, although nobody says that it could be."""
        return tuple(each for each in self.visited if each not in self.possible)

    def __str__(self) -> str:
        never = self.never
        text = f"{len(self.possible) - len(never)}/{len(self.possible)}"
        if never:
            named = sum(length <= WIDTH for length in accumulate(len(name) + 2 for name in never[:NAMED])) or 1
            more = f"; and {len(never) - named} more" if len(never) > named else ""
            text += f", never: {'; '.join(never[:named])}{more}"
        return text + (f"; not foreseen: {'; '.join(self.unforeseen)}" if self.unforeseen else "")


def accounts(coverage: Coverage, places: Places | None, rules: Sequence[str], outcomes: Sequence[str]) -> tuple[Account, ...]:
    """States and transitions (where a machine knows its `places`), pairs of these rules, and these outcomes."""
    arrows = " → ".join
    found = [
        Account("rule pairs", tuple(arrows((one, other)) for one in rules for other in rules), _named(coverage.rule_pairs, arrows)),
        Account("kinds of outcome", tuple(outcomes), dict(coverage.outcomes)),
    ]
    if places is not None:
        found[:0] = [
            Account("states", places.states, dict(coverage.states)),
            Account("transitions", tuple(map(arrows, places.transitions)), _named(coverage.transitions, arrows)),
        ]
    return tuple(found)


def rules_of(machine: type[ActorMachine]) -> tuple[str, ...]:
    """The names of a machine's rules."""
    return tuple(rule.function.__name__ for rule in machine.setup_state().rules)


def rules_taken(machine: ActorMachine) -> tuple[str, ...]:
    """The rules that an example has taken so far, in order; what began it is not among them."""
    known = rules_of(type(machine))
    return tuple(step.rule for step in machine.program.steps if step.rule in known)


def document(found: Iterable[Account]) -> dict[str, Any]:
    """The same, whole, for a file."""
    return {each.name: {"visited": each.visited, "never": each.never, "not foreseen": each.unforeseen} for each in found}


def _named(counter: Counter[Step], arrows: Callable[[Step], str]) -> dict[str, int]:
    return {arrows(step): count for step, count in counter.items()}
