"""Where the life of a pipeline can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from machines.coverage import Places, reachable
from model import lifecycle
from model.events import Admits, Closes, Ends, GivesUp, LetsGo, Returns, Settles
from model.lifecycle import Life

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from model.events import Event

_REQUESTS = ("r1", "r2")
_PATIENCE_S = 10.0


def label(life: Life) -> str:
    """The name of a life's place: its phase, and what is in the way of the next one."""
    if life.phase in {"ending", "stopped"}:
        return f"{life.phase}, somebody left behind" if life.left else life.phase
    phase = f"{life.phase}, given up" if life.given_up else life.phase
    return f"{phase}, at work" if life.in_flight else phase


def places() -> Places:
    """With two requests, and one port that an actor may be stuck in."""
    return reachable([Life(frozenset({"text"}), _PATIENCE_S, order=("actor",))], _moves, label, _same)


def _moves(life: Life) -> Iterator[Life]:
    for event in _events(life):
        after = lifecycle.step(life, event)
        if isinstance(after, Life):
            yield after


def _events(life: Life) -> Iterator[Event]:
    yield from (Admits(request) for request in _REQUESTS if request not in life.in_flight)
    yield from (Settles(request, "", 0.0) for request in life.in_flight)
    yield GivesUp()
    yield Closes(0.0, 0.0)
    yield Ends()
    for alive in ({}, {"actor": _PATIENCE_S}):
        yield LetsGo("text", alive)
        yield Returns(alive, waiting=0)


def _same(life: Life) -> Hashable:
    return life.phase, life.given_up, life.in_flight, life.left, life.ports
