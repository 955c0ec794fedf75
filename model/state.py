"""The state of a pipeline between two observations, and the moves it makes unseen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from model import cache as caching
from model import store as storing
from model.cache import Cache
from model.flight import Flight
from model.store import Records, Store
from model.supervision import Restarts
from model.values import Ending, Meme, Payload, Request
from model.world import NO_FAULTS, Faults, Rules, World

EMPTY = Store()


@dataclass(frozen=True, slots=True)
class State:
    """A pipeline.

    `flights` are in order of acceptance, those of one payload in the order in which they will lead. `late` are writes that requests cut
    short have left on their way. `stop_error` is what everything in flight fails with from `stop_at_s` on.
    """

    world: World
    rules: Rules
    cache: Cache
    restarts: Restarts
    now_s: float = 0.0
    flights: tuple[Flight, ...] = ()
    landed: tuple[tuple[Request, Ending], ...] = ()
    store: Store = EMPTY
    late: Records = ()
    store_changed_at_s: float = 0.0
    faults: tuple[tuple[Payload, Faults], ...] = ()
    stop_error: str | None = None
    stop_at_s: float = 0.0

    def flight(self, request_id: str) -> Flight | None:
        """The flight of a request, if it is under way."""
        return next((flight for flight in self.flights if flight.request.request_id == request_id), None)

    def faults_of(self, payload: Payload) -> Faults:
        """What the coming port calls for a payload meet."""
        return next((faults for known, faults in self.faults if known == payload), NO_FAULTS)

    def with_faults(self, payload: Payload, faults: Faults) -> "State":
        """The same, but for the faults of one payload; those of the store are left out, for a write fails by an outage."""
        faults = replace(faults, store=())
        others = tuple((known, queues) for known, queues in self.faults if known != payload)
        return replace(self, faults=(*others, (payload, faults)) if any(faults.queues) else others)

    def with_flights(self, **changes: Any) -> "State":  # noqa: ANN401  dataclasses.replace checks the names, mypy cannot
        """The same, with a change to every flight."""
        return replace(self, flights=tuple(replace(flight, **changes) for flight in self.flights))


def unseen(state: State) -> tuple[State, ...]:
    """The state, and all that it may have become without anybody noticing."""
    found = {state: None}
    agenda = [state]
    while agenda:
        for after in _moves(agenda.pop()):
            if after not in found:
                found[after] = None
                agenda.append(after)
    return tuple(found)


def _moves(state: State) -> Iterator[State]:
    for flight in state.flights:
        if flight.role == "queued":
            yield _look_up(state, flight)
    if state.store.up and state.store.outbox:
        yield replace(state, store=storing.drain(state.store))
    if state.late:
        yield replace(state, store=storing.write(state.store, state.late[0]), late=state.late[1:])


def _look_up(state: State, flight: Flight) -> State:
    """A request follows the leader of its payload, or is answered from the cache, or leads."""
    payload = flight.request.payload
    others = [other for other in state.flights if other is not flight]
    fellows = [index for index, other in enumerate(others) if other.request.payload == payload and other.role in {"leader", "follower"}]
    if fellows:
        others.insert(fellows[-1] + 1, replace(flight, role="follower"))
        return replace(state, flights=tuple(others))
    meme, cache = caching.get(state.cache, payload.key, now_s=state.now_s)
    looked = replace(flight, role="answered", answer=meme) if isinstance(meme, Meme) else replace(flight, role="leader")
    return replace(state, cache=cache, flights=tuple(looked if other is flight else other for other in state.flights))
