"""What a model can come to: every state that so many calls lead to, with each claim held against each move on the way.

A fault of a small rule book shows in a small scope (Jackson, "Software Abstractions", revised edition 2012, section 5.1.3), so nothing is
drawn here: the search is breadth first, each state is gone on from once, and the calls that break a claim are as few as can be.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

State = TypeVar("State")
Memory = TypeVar("Memory")

Step: TypeAlias = Callable[[State, Any], Iterable[tuple[object, State]]]
"""Every legal (result, next state) of a call in a state."""


@dataclass(frozen=True, slots=True)
class Move(Generic[State]):
    """A call that was made in a state, and one of its legal results."""

    before: State
    call: Any
    result: Any
    after: State


Claim: TypeAlias = Callable[[Move[State]], bool]
"""Whether a move is as it should be; its name says what that is."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How much was looked at. It is `all_there_is` if the last calls led to no new state: more calls would lead to none either."""

    states: int
    moves: int
    all_there_is: bool


class ClaimBroken(AssertionError):
    """A move that is not as it should be, or a call that should have a legal result and has none."""


@dataclass(frozen=True, slots=True)
class _Found(Generic[State]):
    """A state, and by which move from where it was found first."""

    state: State
    move: Move[State] | None = None
    earlier: "_Found[State] | None" = None


def explore(  # noqa: PLR0913  what a model is, what is claimed of it, and how far to go
    start: State,
    calls: Callable[[State], Iterable[Any]],
    step: Step[State],
    claims: Sequence[Claim[State]],
    *,
    most_calls: int,
    key: Callable[[State], Hashable] | None = None,
    may_refuse: Callable[[State, Any], bool] = lambda _state, _call: False,
) -> Reached:
    """Make all `calls` of each state, at most so many after one another, and hold each move against the claims.

    `key` stands for a state that cannot be hashed. `may_refuse` names the calls that may have no legal result.

    Raises ClaimBroken, with the shortest way there.
    """
    same = key or _itself
    seen, moves = {same(start)}, 0
    frontier = [_Found(start)]
    for _ in range(most_calls):
        found: list[_Found[State]] = []
        for place in frontier:
            for move in _moves(place, calls, step, may_refuse):
                moves += 1
                broken = next((claim for claim in claims if not claim(move)), None)
                if broken is not None:
                    raise ClaimBroken(_told(broken.__name__, _Found(move.after, move, place)))
                known = same(move.after)
                if known not in seen:
                    seen.add(known)
                    found.append(_Found(move.after, move, place))
        frontier = found
        if not frontier:
            break
    return Reached(len(seen), moves, all_there_is=not frontier)


def watched(step: Step[State], remember: Callable[[Memory, Any, Any], Memory]) -> Step[tuple[State, Memory]]:
    """The step of a state with a witness beside it, who knows nothing but the calls and their results."""

    def both(pair: tuple[State, Memory], call: Any) -> Iterator[tuple[object, tuple[State, Memory]]]:  # noqa: ANN401  any model's call
        state, memory = pair
        return ((result, (after, remember(memory, call, result))) for result, after in step(state, call))

    return both


def _itself(state: State) -> Hashable:
    assert isinstance(state, Hashable), f"give a key for states of {type(state).__name__}: they cannot be hashed"
    return state


def _moves(
    place: _Found[State], calls: Callable[[State], Iterable[Any]], step: Step[State], may_refuse: Callable[[State, Any], bool]
) -> Iterator[Move[State]]:
    for call in calls(place.state):
        answered = False
        for result, after in step(place.state, call):
            answered = True
            yield Move(place.state, call, result, after)
        if not answered and not may_refuse(place.state, call):
            raise ClaimBroken(_told(f"every call has a legal result, and {call} has none", place))


def _told(claim: str, found: _Found[State]) -> str:
    """The claim, the calls that led there with their results, and the state that they led to."""
    lines: list[str] = []
    place: _Found[State] | None = found
    while place is not None and place.move is not None:
        lines.insert(0, f"  {place.move.call} -> {place.move.result}")
        place = place.earlier
    return "\n".join([claim, *lines, f"  in state {found.state}"])
