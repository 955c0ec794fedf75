"""Where the flow of requests can be: how full the window is, and who waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from machines.coverage import Places, reachable
from model import flow
from model.flow import Flow, Limits

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

_REQUESTS = ("r1", "r2", "r3", "r4", "r5")
_LIMITS = Limits(most_waiting=100, burst=1000, first=2, least=1, most=3, period_s=1.0, target_s=1.0)


def label(state: Flow) -> str:
    """The name of a state of the flow."""
    busy = len(state.at_work)
    window = "idle" if not busy else "partly full" if busy < state.size else "full" if busy == state.size else "overfull"
    line = "some in line" if state.line else "some on their way" if state.waiting else "nobody waits"
    return f"{window}, {line}"


def places() -> Places:
    """With five requests, and a window of one to three."""
    return reachable([flow.init(_LIMITS, 0.0)], _moves, label, _same)


def _moves(state: Flow) -> Iterator[Flow]:
    unknown = [each for each in state.waiting if each not in {request for _, request in state.line}]
    new = next((each for each in _REQUESTS if each not in state.waiting and each not in state.at_work), None)
    if new is not None:
        yield from (after for _, after in flow.arrive(state, new, "ann", "normal", state.period.since_s))
    if state.line:
        yield flow.take(state)[1]
        yield flow.leave(state, state.line[0][1])
    for request in unknown:
        yield flow.join(state, request, "normal")
        begun = flow.begin(state, request, 0.0)
        if begun is not None:
            yield begun
    for request in (*state.waiting, *state.at_work):
        yield flow.end(state, request)
    yield flow.looked(state)
    for latency_s in (0.0, 2.0):
        yield flow.finished(state, latency_s, state.period.since_s + _LIMITS.period_s)
    yield flow.router_restarts(state, state.period.since_s)


def _same(state: Flow) -> Hashable:
    return state.size, len(state.waiting), len(state.line), len(state.at_work), state.period.full, _stray(state)


def _stray(state: Flow) -> int:
    """How many of the line do not wait any more: their end has not come through to the router."""
    return sum(request not in state.waiting for _, request in state.line)
