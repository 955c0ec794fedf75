"""The state of a pipeline between two observations, and the moves it makes unseen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from model import cache as caching
from model import store as storing
from model.cache import Cache
from model.calls import Advance, Call, Cancel, Crash, Finish, Inject, Inspect, Outage, Stop, Submit
from model.flight import Flight
from model.store import Records, Store
from model.supervision import Restarts
from model.values import Ending, Meme, Payload, Request
from model.world import NO_FAULTS, Faults, Rules, World

EMPTY = Store()


@dataclass(frozen=True, slots=True)
class State:
    """A pipeline.

    `flights` are `in_turn`. `landed` is a set, and its hash is kept: what is past must not make the future slow. `late` are writes that
    requests cut short have left on their way. `stop_error` is what everything in flight fails with from `stop_at_s` on.
    """

    world: World
    rules: Rules
    cache: Cache
    restarts: Restarts
    now_s: float = 0.0
    flights: tuple[Flight, ...] = ()
    landed: frozenset[tuple[Request, Ending]] = frozenset()
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
        known = {**dict(self.faults), payload: faults}
        return replace(self, faults=tuple(sorted((item for item in known.items() if any(item[1].queues)), key=lambda item: item[0].key)))

    def with_flights(self, **changes: Any) -> "State":  # noqa: ANN401  dataclasses.replace checks the names, mypy cannot
        """The same, with a change to every flight."""
        return replace(self, flights=tuple(replace(flight, **changes) for flight in self.flights))


def in_turn(flights: Iterable[Flight]) -> tuple[Flight, ...]:
    """Flights in the one order that tells no more than there is to tell: which follower of a payload leads first.

    All others are in the order of their ids: who was accepted first makes no difference to what may happen.
    """
    return tuple(
        sorted(flights, key=lambda flight: (1, flight.request.payload.key) if flight.role == "follower" else (0, flight.request.request_id))
    )


def unseen(state: State) -> tuple[State, ...]:
    """The state, and all that it may have become without anybody noticing."""
    return _closed(state, _every_payload(state), writing=True)


def unseen_before(state: State, call: Call, seen: Ending | None = None) -> tuple[State, ...]:
    """The state, and what it may have become without anybody noticing, so far as that makes a difference to a call.

    A move that commutes with the call, and with those that make a difference, may as well be made after it: so nothing is lost, and
    much is saved (persistent sets: Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", LNCS 1032, 1996,
    chapter 4). `seen` is the ending, if the call is a Finish whose ending is known.
    """
    match call:
        case Finish(request_id):
            flight = state.flight(request_id)
            # Only a meme is written at once, and it goes where the outbox and the late writes have left the store.
            writing = seen is None or isinstance(seen.outcome, Meme)
            return _closed(state, _remembered(state) | ({flight.request.payload} if flight else set()), writing=writing)
        case Advance(now_s):
            # What is still remembered at that time can be looked up then.
            kept = caching.keys(state.cache, now_s=now_s)
            expiring = set(caching.keys(state.cache, now_s=state.now_s)).difference(kept)
            remembered = _remembered(state)
            return _closed(state, remembered if any(payload.key in expiring for payload in remembered) else set(), writing=False)
        case Crash("cache" | "generator"):
            return _closed(state, _remembered(state), writing=False)
        case Outage() | Inspect():
            return _closed(state, set(), writing=True)
        case Submit() | Cancel() | Crash() | Inject() | Stop():
            return (state,)


def _every_payload(state: State) -> set[Payload]:
    return {flight.request.payload for flight in state.flights}


def _remembered(state: State) -> set[Payload]:
    """The payloads in flight that the cache has an entry of: only their look-ups touch the cache."""
    keys = {entry.key for entry in state.cache.entries}
    return {payload for payload in _every_payload(state) if payload.key in keys}


def _closed(state: State, payloads: set[Payload], *, writing: bool) -> tuple[State, ...]:
    """The state, and all that it may become when flights of these payloads ask the cache, and perhaps the store moves on."""
    found = {state: None}
    agenda = [state]
    while agenda:
        before = agenda.pop()
        for after in chain(_look_ups(before, payloads), _writes(before) if writing else ()):
            if after not in found:
                found[after] = None
                agenda.append(after)
    return tuple(found)


def _look_ups(state: State, payloads: set[Payload]) -> Iterator[State]:
    return (_look_up(state, flight) for flight in state.flights if flight.role == "queued" and flight.request.payload in payloads)


def _writes(state: State) -> Iterator[State]:
    if state.store.up and state.store.outbox:
        yield replace(state, store=storing.drain(state.store))
    if state.late:
        yield replace(state, store=storing.write(state.store, state.late[0]), late=state.late[1:])


def _look_up(state: State, flight: Flight) -> State:
    """A request follows the leader of its payload, or is answered from the cache, or leads."""
    payload = flight.request.payload
    others = [other for other in state.flights if other is not flight]
    if any(other.request.payload == payload and other.role in {"leader", "follower"} for other in others):
        return replace(state, flights=in_turn((*others, replace(flight, role="follower"))))
    meme, cache = caching.get(state.cache, payload.key, now_s=state.now_s)
    looked = replace(flight, role="answered", answer=meme) if isinstance(meme, Meme) else replace(flight, role="leader")
    return replace(state, cache=cache, flights=in_turn((*others, looked)))
