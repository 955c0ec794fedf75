"""Where a circuit breaker can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from machines.coverage import Places, reachable
from model import breaker
from model.breaker import Ask, Breaker, End

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

_Moment = tuple[Breaker, float]


def label(state: Breaker, now_s: float) -> str:
    """The name of a breaker's state."""
    name = breaker.told(state, now_s)
    if name == "closed":
        return "closed, failing" if state.heard and not state.heard[-1] else name
    if name == "open":
        return name
    proved = ", proved once" if any(state.heard) else ""
    return f"{name}{proved}{', probe out' if state.out else ''}"


def places() -> Places:
    """With two failures in a row that open it, and at most two calls under way."""
    return reachable([(Breaker(2, 5.0), 0.0)], _moves, lambda moment: label(*moment), _same)


def _moves(moment: _Moment) -> Iterator[_Moment]:
    state, now_s = moment
    yield state, now_s + 5.0
    number = next(number for number in range(3) if number not in state.out)
    if len(state.out) < 2:
        yield from ((after, now_s) for _, after in breaker.step(state, Ask(number, now_s)))
    for call in state.out:
        for how in ("good", "bad", "unheard"):
            yield from ((after, now_s) for _, after in breaker.step(state, End(call, how, now_s)))


def _same(moment: _Moment) -> Hashable:
    state, now_s = moment
    rested = state.resting_since_s is not None and now_s >= state.resting_since_s + state.rest_s
    return state.resting_since_s is None, rested, state.out, state.heard
