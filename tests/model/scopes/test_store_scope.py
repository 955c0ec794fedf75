"""The store in small scopes: three memes, two records of each, and every sequence of calls while the database comes and goes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from model import store
from model.generation import generate
from model.reachable import ClaimBroken, Reached, explore, watched
from model.store import Drain, Outage, Store, Write
from model.values import Payload
from strategies.worlds import scripted

WORLD = scripted()
OLD = {topic: generate(Payload(topic), WORLD).record for topic in ("cats", "tea", "Mondays")}
NEW = {topic: replace(record, png=b"newer") for topic, record in OLD.items()}
MOST_CALLS = 6


@dataclass(frozen=True, slots=True)
class Witness:
    """What was written last of each meme, in the order in which each was first written; which wait, in the order in which they came."""

    last: tuple[object, ...] = ()
    waiting: tuple[str, ...] = ()
    up: bool = True


def of(record):
    return record.meme.id


def remember(memory, call, result):
    match call:
        case Outage(down):
            return replace(memory, up=not down)
        case Drain():
            return replace(memory, waiting=()) if memory.up else memory
        case Write(record):
            known = of(record) in map(of, memory.last)
            last = tuple(record if of(old) == of(record) else old for old in memory.last) if known else (*memory.last, record)
            waiting = tuple(dict.fromkeys((*memory.waiting, of(record)))) if result == "deferred" else ()
            return replace(memory, last=last, waiting=waiting)


def calls(pair):
    yield from (Write(record) for record in (*OLD.values(), *NEW.values()))
    yield Drain()
    yield Outage(down=pair[1].up)


def nothing_is_lost(move):
    kept, memory = move.after
    found = {of(record): record for record in (*kept.records, *kept.outbox)}  # what waits is newer than what is stored
    return found == {of(record): record for record in memory.last}


def nothing_is_there_twice(move):
    return all(len({of(record) for record in records}) == len(records) for records in (move.after[0].records, move.after[0].outbox))


def what_waits_is_in_the_order_in_which_it_came(move):
    return tuple(map(of, move.after[0].outbox)) == move.after[1].waiting


def what_is_stored_keeps_its_place(move):
    before, after = [of(record) for record in move.before[0].records], [of(record) for record in move.after[0].records]
    drained = [of(record) for record in move.before[0].outbox if of(record) not in before] if len(after) > len(before) else []
    return after[: len(before) + len(drained)] == before + drained


def stored_is_stored_and_deferred_waits(move):
    if not isinstance(move.call, Write):
        return True
    kept = move.after[0]
    return move.call.record in (kept.records if move.result == "stored" else kept.outbox) and not (move.result == "stored" and kept.outbox)


def nothing_reaches_a_database_that_is_away(move):
    return move.before[1].up or move.before[0].records == move.after[0].records


def a_drain_says_how_many_left(move):
    return not isinstance(move.call, Drain) or move.result == len(move.before[0].outbox) - len(move.after[0].outbox)


def a_drain_of_a_database_that_answers_leaves_nothing(move):
    return not (isinstance(move.call, Drain) and move.before[1].up) or not move.after[0].outbox


CLAIMS = [
    nothing_is_lost,
    nothing_is_there_twice,
    what_waits_is_in_the_order_in_which_it_came,
    what_is_stored_keeps_its_place,
    stored_is_stored_and_deferred_waits,
    nothing_reaches_a_database_that_is_away,
    a_drain_says_how_many_left,
    a_drain_of_a_database_that_answers_leaves_nothing,
]


def reach(step, claims, *, most_calls=MOST_CALLS):
    return explore((Store(), Witness()), calls, watched(step, remember), claims, most_calls=most_calls)


def test_every_sequence_of_six_calls_keeps_every_claim():
    assert reach(store.step, CLAIMS) == Reached(states=5_570, moves=16_912, all_there_is=False)


# Each claim is broken by a store that is wrong in its way.


def what_waits_is_forgotten(state, call):
    ((result, after),) = store.step(state, call)
    return [(result, replace(after, outbox=()) if result == "deferred" and state.outbox else after)]


def an_older_record_wins(state, call):
    if isinstance(call, Write) and not state.up and any(of(record) == of(call.record) for record in state.outbox):
        return [("deferred", state)]
    return store.step(state, call)


def what_waits_is_queued_twice(state, call):
    if isinstance(call, Write) and not state.up:
        return [("deferred", replace(state, outbox=(*state.outbox, call.record)))]
    return store.step(state, call)


def a_newer_record_goes_to_the_end(state, call):
    if isinstance(call, Write) and not state.up:
        rest = tuple(record for record in state.outbox if of(record) != of(call.record))
        return [("deferred", replace(state, outbox=(*rest, call.record)))]
    return store.step(state, call)


def drained_backwards(state, call):
    return store.step(replace(state, outbox=state.outbox[::-1]) if state.up else state, call)


def written_before_what_waits(state, call):
    if isinstance(call, Write) and state.up:
        return [("stored", replace(state, records=store.write(replace(state, outbox=()), call.record).records))]
    return store.step(state, call)


def written_while_it_is_away(state, call):
    ((result, after),) = store.step(state, call)
    return [(result, replace(after, records=after.outbox) if result == "deferred" else after)]


def a_drain_that_miscounts(state, call):
    ((result, after),) = store.step(state, call)
    return [(len(state.outbox) if isinstance(call, Drain) else result, after)]


def one_at_a_time(state, call):
    if isinstance(call, Drain) and state.up and state.outbox:
        first = replace(store.drain(replace(state, outbox=state.outbox[:1])), outbox=state.outbox[1:])
        return [(1, first)]
    return store.step(state, call)


PLANTED = [
    (what_waits_is_forgotten, nothing_is_lost),
    (an_older_record_wins, nothing_is_lost),
    (what_waits_is_queued_twice, nothing_is_there_twice),
    (a_newer_record_goes_to_the_end, what_waits_is_in_the_order_in_which_it_came),
    (drained_backwards, what_is_stored_keeps_its_place),
    (written_before_what_waits, stored_is_stored_and_deferred_waits),
    (written_while_it_is_away, nothing_reaches_a_database_that_is_away),
    (a_drain_that_miscounts, a_drain_says_how_many_left),
    (one_at_a_time, a_drain_of_a_database_that_answers_leaves_nothing),
]


def test_every_claim_is_broken_by_something():
    assert {claim for _, claim in PLANTED} == set(CLAIMS)


@pytest.mark.parametrize(("planted", "claim"), PLANTED)
def test_a_wrong_store_breaks_the_claim(planted, claim):
    with pytest.raises(ClaimBroken, match=claim.__name__):
        reach(planted, [claim])
