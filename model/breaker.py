"""A circuit breaker: calls are let through until some fail in a row; after a rest, one at a time shows whether all is well again.

A breaker's life is a sequence of eras. In a closed era every call goes through, and `failures` bad ones in a row end it. A resting era
lets nothing through for `rest_s` seconds, and then one call at a time; a bad one begins another such era, `proofs` good ones a closed era.
Whatever was called in an earlier era says nothing of the present one, and a call that was refused, or whose result nobody waited for, says
nothing at all.
"""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

How: TypeAlias = Literal["good", "bad", "unheard"]


@dataclass(frozen=True, slots=True)
class Breaker:
    """`resting_since_s` None is a closed era. `out` are this era's calls under way, `heard` how the others went, in order."""

    failures: int
    rest_s: float
    proofs: int = 2
    resting_since_s: float | None = None
    out: frozenset[int] = frozenset()
    heard: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """May this call be made? True or False."""

    call: int
    now_s: float


@dataclass(frozen=True, slots=True)
class End:
    """A call that was made is over: None. It is unheard if whoever made it gave it up, or died."""

    call: int
    how: How
    now_s: float


Call: TypeAlias = Ask | End


def step(state: Breaker, call: Call) -> tuple[tuple[bool | None, Breaker], ...]:
    """Every legal (result, state); a breaker has exactly one."""
    match call:
        case Ask(number, now_s):
            if not admits(state, now_s):
                return ((False, state),)
            return ((True, replace(state, out=state.out | {number})),)
        case End(number, how, now_s):
            return ((None, _ended(state, number, how, now_s)),)


def admits(state: Breaker, now_s: float) -> bool:
    """Whether a call would be let through now."""
    name = told(state, now_s)
    return name == "closed" or (name == "half-open" and not state.out)


def told(state: Breaker, now_s: float) -> str:
    """What a breaker is called."""
    if state.resting_since_s is None:
        return "closed"
    return "half-open" if now_s >= state.resting_since_s + state.rest_s else "open"


def _ended(state: Breaker, call: int, how: How, now_s: float) -> Breaker:
    if call not in state.out:
        return state
    state = replace(state, out=state.out - {call})
    if how == "unheard":
        return state
    state = replace(state, heard=(*state.heard, how == "good"))
    if state.resting_since_s is None:
        in_a_row = state.heard[-state.failures :]
        opens = len(in_a_row) == state.failures and not any(in_a_row)
    else:
        opens = how == "bad"
        if not opens and len(state.heard) == state.proofs:
            return Breaker(state.failures, state.rest_s, state.proofs)
    if opens:
        return Breaker(state.failures, state.rest_s, state.proofs, resting_since_s=now_s)
    return replace(state, heard=state.heard[-max(state.failures, state.proofs) :])
