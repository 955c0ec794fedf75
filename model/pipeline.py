"""Many requests at once: everything that a correct pipeline may do.

`step(state, call)` returns every legal (result, next state). Feed it what was observed, in the order it was observed, with an `Advance`
wherever virtual time moved, and keep the states whose result is the observed one (`follow`): when none is left, the pipeline did
something that no correct one does. There are several only where the contract leaves a choice: when exactly the cache is asked, whether a
cancelled request had reached the store, what a crash cut off.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from model import cache as caching
from model import store as storing
from model import supervision
from model.cache import Cache
from model.calls import Advance, Call, Cancel, Crash, Finish, Inject, Inspect, Outage, Stop, Submit
from model.flight import Flight, Landing, Sky, landings, ways
from model.state import State, in_turn, unseen_before
from model.supervision import Restarts
from model.values import Ending, Meme, Rejected, Request
from model.world import PORTS, Rules, World


def init(world: World, rules: Rules | None = None, *, now_s: float = 0.0) -> State:
    """A pipeline that has just started, when the service's clock reads `now_s`."""
    rules = rules or Rules()
    cache = Cache(rules.cache_capacity, rules.cache_ttl_s)
    return State(world, rules, cache, Restarts(rules.restart_limit, rules.restart_window_s), now_s)


def step(state: State, call: Call) -> tuple[tuple[object, State], ...]:
    """Every legal (result, state) of a call, each once; none if the call alone shows that something is wrong.

    A state that one of the others may become unseen is left out where that is easily told: it allows nothing more.
    """
    return tuple(dict.fromkeys(pair for before in unseen_before(state, call) for pair in apply(before, call)))


def follow(states: Iterable[State], call: Call, result: object) -> tuple[State, ...]:
    """The states in which a pipeline may be after this call gave this result; none means that no correct pipeline gives it."""
    seen = result if isinstance(result, Ending) else None
    pairs = (pair for state in states for before in unseen_before(state, call, seen) for pair in apply(before, call, seen))
    return tuple(dict.fromkeys(after for given, after in pairs if given == result))


def results(state: State, call: Call) -> Iterator[object]:
    """The legal results of a call, one after another as they are found; one may come more than once."""
    return (result for before in unseen_before(state, call) for result, _ in apply(before, call))


def settle(states: Iterable[State], endings: Mapping[str, Ending]) -> tuple[State, ...]:
    """The states after these requests got these endings in any order: for outcomes that were collected, not watched."""
    agenda = [(state, frozenset(endings)) for state in states]
    seen = dict.fromkeys(agenda)
    while agenda:
        state, left = agenda.pop()
        for request_id in sorted(left):
            for after in follow((state,), Finish(request_id), endings[request_id]):
                item = (after, left - {request_id})
                if item not in seen:
                    seen[item] = None
                    agenda.append(item)
    return tuple(state for state, left in seen if not left)


def recorded(state: State, request_id: str) -> Ending | None:
    """How a finished request ended: what every repetition of it must be told."""
    return next((ending for request, ending in state.landed if request.request_id == request_id), None)


def apply(state: State, call: Call, seen: Ending | None = None) -> Iterator[tuple[object, State]]:
    """Every legal (result, state) of a call if nothing happens unseen before it; of a Finish, those with the ending that was `seen`."""
    match call:
        case Submit(request):
            yield _submit(state, request)
        case Finish(request_id):
            yield from _finish(state, request_id, seen)
        case Cancel(request_id):
            yield from _cancel(state, request_id)
        case Advance(now_s):
            yield from _advance(state, now_s)
        case Crash(actor):
            yield from _crash(state, actor)
        case Outage(down):
            changed = replace(state, store=replace(state.store, up=not down), store_changed_at_s=state.now_s)
            yield None, _see_store(changed)
        case Inject(payload, faults):
            yield None, state.with_faults(payload, faults)
        case Inspect():
            yield (tuple(sorted(state.store.records, key=lambda record: record.meme.id)), state.store.outbox), state
        case Stop(grace_s):
            yield None, state if state.stop_error else replace(state, stop_error="ServiceStopped", stop_at_s=state.now_s + grace_s)


def _submit(state: State, request: Request) -> tuple[str, State]:
    if state.stop_error:
        return "stopped", state
    flight = state.flight(request.request_id)
    same = flight.request if flight else next((landed for landed, _ in state.landed if landed.request_id == request.request_id), None)
    if same is not None:
        return "accepted" if same.payload == request.payload else "conflict", state
    flight = Flight(request, state.now_s, store_was_up=(state.store.up,))
    return "accepted", replace(state, flights=in_turn((*state.flights, flight)))


def _cancel(state: State, request_id: str) -> Iterator[tuple[bool, State]]:
    """In time, or too late: it may have ended without our having heard of it yet."""
    yield False, state
    flight = state.flight(request_id)
    if flight is not None and not flight.cancelled:
        cancelled = replace(flight, cancelled=True)
        yield True, replace(state, flights=tuple(cancelled if other is flight else other for other in state.flights))


def _advance(state: State, now_s: float) -> Iterator[tuple[None, State]]:
    due_s = [flight.deadline_at_s for flight in state.flights]
    if state.flights and state.stop_error:
        due_s.append(state.stop_at_s)
    if any(now_s > time_s + state.rules.lateness_s for time_s in due_s):
        return
    if now_s - state.store_changed_at_s >= state.rules.outbox_drain_s + state.rules.lateness_s:
        state = replace(state, store=storing.drain(state.store))
    yield None, replace(state, now_s=now_s)


def _crash(state: State, actor: str) -> Iterator[tuple[str, State]]:
    result, restarts = supervision.crash(state.restarts, now_s=state.now_s)
    state = replace(state, restarts=restarts)
    if result == "escalated":
        state = replace(state, stop_error="RestartLimitExceeded", stop_at_s=state.now_s)
    if actor in PORTS:
        flights = tuple(replace(flight, crashes=(*flight.crashes, actor)) for flight in state.flights)
        yield result, replace(state, flights=flights)
    elif actor == "cache":
        yield result, replace(state, cache=replace(state.cache, entries=())).with_flights(cache_died=True)
    elif actor == "generator":
        rerun = tuple(replace(flight, reruns=flight.reruns + 1) for flight in state.flights)
        yield result, replace(state, flights=rerun)
        queued = (replace(flight, role="queued", answer=None) for flight in rerun)
        yield result, replace(state, flights=in_turn(queued))
    else:
        yield result, state


def _finish(state: State, request_id: str, seen: Ending | None) -> Iterator[tuple[Ending, State]]:
    flight = state.flight(request_id)
    if flight is None:
        return
    stop_error = state.stop_error if state.now_s >= state.stop_at_s else None
    sky = Sky(state.world, state.rules, state.now_s, state.faults_of(flight.request.payload), stop_error)
    for landing in landings(flight, sky) if seen is None else ways(flight, sky, seen):
        for after in _land(state, flight, landing):
            yield landing.ending, after


def _land(state: State, flight: Flight, landing: Landing) -> Iterator[State]:
    """The pipeline without this flight: what it leaves in the store, in the cache, and to those who waited for it."""
    state = replace(state, flights=tuple(other for other in state.flights if other is not flight))
    state = replace(state, landed=state.landed | {(flight.request, landing.ending)})
    if flight.role == "leader":
        state = _hand_over(state, flight, landing).with_faults(flight.request.payload, landing.left)
    state = _written(state, landing)
    outcome = landing.ending.outcome
    if flight.role != "leader" or not isinstance(outcome, Meme) or outcome.degraded:
        yield state
        return
    yield replace(state, cache=caching.put(state.cache, flight.request.payload.key, outcome, now_s=state.now_s))
    if flight.cache_died:
        yield state


def _hand_over(state: State, flight: Flight, landing: Landing) -> State:
    """A meme or a rejection is everybody's; after any other end the oldest of those who waited leads."""
    outcome = landing.ending.outcome
    waiting = [other for other in state.flights if other.role == "follower" and other.request.payload == flight.request.payload]
    if isinstance(outcome, Meme | Rejected):
        changed = {other: replace(other, role="answered", answer=outcome) for other in waiting}
    else:
        changed = {other: replace(other, role="leader") for other in waiting[:1]}
    return replace(state, flights=in_turn(changed.get(other, other) for other in state.flights))


def _written(state: State, landing: Landing) -> State:
    """The store after a request: a record, in its place or in the outbox, or still on its way."""
    if landing.record is None:
        return state
    if landing.late:
        return replace(state, late=(*state.late, landing.record))
    outcome = landing.ending.outcome
    deferred = isinstance(outcome, Meme) and "store_deferred" in outcome.degraded
    store = storing.write(replace(state.store, up=not deferred), landing.record)
    changed_at_s = state.now_s if deferred else state.store_changed_at_s
    return replace(state, store=replace(store, up=state.store.up), store_changed_at_s=changed_at_s)


def _see_store(state: State) -> State:
    """Every flight has now seen the database in this condition too."""
    seen = [tuple(dict.fromkeys((*flight.store_was_up, state.store.up))) for flight in state.flights]
    return replace(state, flights=tuple(replace(flight, store_was_up=was) for flight, was in zip(state.flights, seen, strict=True)))
