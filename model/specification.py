"""A specification: a first state and a step, as whoever checks linearizability wants them.

The models of this package are functions over values; `init()` without arguments, and `step(state, call)`, are what checkers ask for
(Herlihy and Wing, "Linearizability", TOPLAS 1990: the sequential specification of an object). So `Specification(Cache(2, 5.0), cache.step)`
is one, and `Specification(pipeline.init(world), pipeline.step)` is the whole pipeline.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Specification(Generic[State]):
    """What an object does that is used by one client at a time, from its first state on."""

    first: State
    rules: Callable[[State, Any], Iterable[tuple[Any, State]]]

    def init(self) -> State:
        """The state before the first call."""
        return self.first

    def step(self, state: State, call: Any) -> Iterable[tuple[Any, State]]:  # noqa: ANN401  any model's call
        """Every legal (result, next state) of a call."""
        return self.rules(state, call)
