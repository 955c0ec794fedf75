"""The whole pipeline in small scopes: two requests, equal or not, and every sequence of a few calls with everything that may come of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model import pipeline
from model.calls import Advance, Cancel, Crash, Finish, Inject, Inspect, Outage, Stop, Submit
from model.flight import Flight
from model.generation import generate
from model.reachable import ClaimBroken, Reached, explore
from model.stages import first_wrong
from model.values import TERMINAL, Cancelled, Ending, Meme, Payload, Request, TimedOut
from model.world import Fault, Faults, Rules
from strategies.worlds import Quality, scripted

CATS, TEA = Payload("cats", max_refinements=1), Payload("tea", max_refinements=1)
WORLD = scripted((Quality(20), Quality(20), Quality(20), Quality(20), Quality(20)))
RULES = Rules(cache_capacity=1, cache_ttl_s=2.0, restart_limit=1)
DOWN = Fault("PortDown")
LATE = Ending(TimedOut(), ("routing", "timed_out"))
MADE = Ending(generate(CATS, WORLD).outcome, generate(CATS, WORLD).stages)
START = pipeline.init(WORLD, RULES)
REQUESTS = (Request("a", CATS, 2.0), Request("b", CATS), Request("b", TEA))


def calls(before):
    """Submits, ends and cancels of two requests, and one of each thing that may befall them."""
    yield from (Submit(request) for request in REQUESTS)
    for each in before.flights:
        yield from (Finish(each.request.request_id), Cancel(each.request.request_id))
    for request, _ in sorted(before.landed, key=lambda item: item[0].request_id):
        yield Finish(request.request_id)
    if before.flights and not any(each.reruns for each in before.flights):  # a second time there are thousands of endings
        yield from (Crash("generator"), Crash("cache"), Crash("scorer"))
    yield Outage(before.store.up)
    if not before.faults:
        yield Inject(CATS, Faults(image=(DOWN,)))
    yield Advance(before.now_s + 2.0)
    yield Inspect()
    if not before.stop_error:
        yield Stop(1.0)


def may_refuse(before, call):
    """What has ended does not end again; time does not pass what is due; an end may have to wait for others, or for time."""
    if isinstance(call, Finish):
        one = before.flight(call.request_id)
        return one is None or any(other is not one and other.request.payload == one.request.payload for other in before.flights)
    due = [each.deadline_at_s for each in before.flights] + ([before.stop_at_s] if before.stop_error and before.flights else [])
    return isinstance(call, Advance) and any(call.now_s > due_s for due_s in due)


def ended(each):
    return {request.request_id: ending for request, ending in each.landed}


def a_request_is_under_way_or_over_and_never_both(move):
    ids = [each.request.request_id for each in move.after.flights] + [request.request_id for request, _ in move.after.landed]
    return len(set(ids)) == len(ids)


def what_was_accepted_is_under_way_or_over(move):
    """And nothing gets lost on the way: only a Submit adds anybody."""
    before = {each.request.request_id for each in move.before.flights} | set(ended(move.before))
    after = {each.request.request_id for each in move.after.flights} | set(ended(move.after))
    new = {move.call.request.request_id} if isinstance(move.call, Submit) and move.result == "accepted" else set()
    return after == before | new


def an_outcome_is_for_ever(move):
    before = ended(move.before)
    return all(ended(move.after)[request_id] == ending for request_id, ending in before.items())


def what_is_over_does_not_end_again(move):
    return not isinstance(move.call, Finish) or move.call.request_id not in ended(move.before)


def an_end_is_told_as_it_is_kept(move):
    return not isinstance(move.call, Finish) or ended(move.after)[move.call.request_id] == move.result


def the_stages_are_in_order_and_end_with_the_outcome(move):
    if not isinstance(move.result, Ending):
        return True
    reruns = max(each.reruns for each in move.before.flights if each.request.request_id == move.call.request_id)
    stages = move.result.stages
    return first_wrong(stages, reruns=reruns) is None and stages[-1] == TERMINAL[type(move.result.outcome)]


def only_who_was_cancelled_is_cancelled(move):
    """And nothing else may become of that one."""
    if not isinstance(move.result, Ending):
        return True
    (cancelled,) = [each.cancelled for each in move.before.flights if each.request.request_id == move.call.request_id]
    return isinstance(move.result.outcome, Cancelled) == cancelled


def nobody_times_out_before_the_deadline(move):
    if not isinstance(move.result, Ending) or not isinstance(move.result.outcome, TimedOut):
        return True
    return move.before.now_s >= move.before.flight(move.call.request_id).deadline_at_s


def one_of_a_payload_leads_and_the_others_wait_for_it(move):
    for payload in {each.request.payload for each in move.after.flights}:
        roles = [each.role for each in move.after.flights if each.request.payload == payload]
        if roles.count("leader") > 1 or ("follower" in roles and "leader" not in roles):
            return False
    return True


def only_flawless_memes_are_cached_and_no_more_than_there_is_room_for(move):
    entries = move.after.cache.entries
    return len(entries) <= RULES.cache_capacity and all(isinstance(each.value, Meme) and not each.value.degraded for each in entries)


def a_meme_is_stored_or_waits(move):
    kept = {record.meme.id for record in (*move.after.store.records, *move.after.store.outbox, *move.after.late)}
    return all(ending.outcome.id in kept for _, ending in move.after.landed if isinstance(ending.outcome, Meme))


def nothing_is_stored_twice(move):
    for records in (move.after.store.records, move.after.store.outbox):
        if len({record.meme.id for record in records}) < len(records):
            return False
    return True


def after_the_stop_nobody_is_taken(move):
    return not (isinstance(move.call, Submit) and move.before.stop_error) or (move.result == "stopped" and move.before == move.after)


CLAIMS = [
    a_request_is_under_way_or_over_and_never_both,
    what_was_accepted_is_under_way_or_over,
    an_outcome_is_for_ever,
    what_is_over_does_not_end_again,
    an_end_is_told_as_it_is_kept,
    the_stages_are_in_order_and_end_with_the_outcome,
    only_who_was_cancelled_is_cancelled,
    nobody_times_out_before_the_deadline,
    one_of_a_payload_leads_and_the_others_wait_for_it,
    only_flawless_memes_are_cached_and_no_more_than_there_is_room_for,
    a_meme_is_stored_or_waits,
    nothing_is_stored_twice,
    after_the_stop_nobody_is_taken,
]


def reach(claims, *, step=pipeline.step, most_calls=4, start=START):
    return explore(start, calls, step, claims, most_calls=most_calls, may_refuse=may_refuse)


def after(*observed):
    """The first of the states in which a pipeline may be after these calls with these results."""
    states = (START,)
    for call, result in observed:
        states = pipeline.follow(states, call, result)
    return states[0]


EQUAL = tuple((Submit(each), "accepted") for each in REQUESTS[:2])
OTHER = tuple((Submit(each), "accepted") for each in (REQUESTS[0], REQUESTS[2]))
OPENINGS = {
    "nothing": (),
    "two equal requests in flight": EQUAL,
    "two requests in flight, the orchestrator dead": (*OTHER, (Crash("generator"), "restarted")),
    "one made and one in flight, the database away": (EQUAL[0], (Finish("a"), MADE), (Outage(down=True), None), OTHER[1]),
    "one degraded and one waiting for it": ((Inject(CATS, Faults(image=(DOWN,))), None), *EQUAL),
    "stopped with one in flight": (EQUAL[0], (Stop(1.0), None)),
}

DEPTH = {"nothing": 4, "two requests in flight, the orchestrator dead": 2}


@pytest.mark.parametrize(
    ("opening", "states", "moves"),
    [
        ("nothing", 2_640, 5_703),
        ("two equal requests in flight", 2_500, 4_683),
        ("two requests in flight, the orchestrator dead", 373, 553),
        ("one made and one in flight, the database away", 507, 1_075),
        ("one degraded and one waiting for it", 3_846, 6_022),
        ("stopped with one in flight", 320, 736),
    ],
)
def test_every_sequence_of_calls_keeps_every_claim(opening, states, moves):
    assert reach(CLAIMS, start=after(*OPENINGS[opening]), most_calls=DEPTH.get(opening, 3)) == Reached(states, moves, all_there_is=False)


# Each claim is broken by a pipeline that is wrong in its way.


def changed(change, *kinds):
    """A step of which every result and state of these kinds of call is changed."""
    return lambda before, call: [
        change(before, call, result, then) if isinstance(call, kinds) else (result, then) for result, then in pipeline.step(before, call)
    ]


def still_under_way(before, call, result, then):
    return result, replace(then, flights=before.flights)


def nowhere_to_be_found(_before, _call, result, then):
    return result, replace(then, flights=())


def the_past_is_rewritten(_before, _call, result, then):
    return result, replace(then, landed=frozenset((request, LATE) for request, _ in then.landed))


def another_end_is_kept(before, call, result, then):
    return result, replace(then, landed=before.landed | {(before.flight(call.request_id).request, LATE)})


def stages_left_out(before, call, result, then):
    short = Ending(result.outcome, (*result.stages[:-1][:1], *result.stages[-2:]))
    return short, replace(then, landed=before.landed | {(before.flight(call.request_id).request, short)})


def made_all_the_same(before, call, _result, then):
    return MADE, replace(then, landed=before.landed | {(before.flight(call.request_id).request, MADE)})


def timed_out_at_once(before, call, _result, then):
    return LATE, replace(then, landed=before.landed | {(before.flight(call.request_id).request, LATE)})


def all_lead(_before, _call, result, then):
    return result, then.with_flights(role="leader")


def whatever_was_made_is_cached(_before, call, result, then):
    if not isinstance(result.outcome, Meme):
        return result, then
    return result, replace(then, cache=pipeline.caching.put(then.cache, "key", result.outcome, now_s=then.now_s))


def the_database_has_lost_all(_before, _call, result, then):
    return result, replace(then, store=replace(then.store, records=(), outbox=()))


def written_and_written_again(_before, _call, result, then):
    return result, replace(then, store=replace(then.store, records=then.store.records * 2))


def taken_after_the_stop(before, call):
    if isinstance(call, Submit) and before.stop_error and before.flight(call.request.request_id) is None:
        return [("accepted", replace(before, flights=(*before.flights, Flight(call.request, before.now_s))))]
    return pipeline.step(before, call)


def told_once_more(before, call):
    kept = ended(before)
    if isinstance(call, Finish) and call.request_id in kept:
        return [(kept[call.request_id], before)]
    return pipeline.step(before, call)


PLANTED = [
    (changed(still_under_way, Finish), a_request_is_under_way_or_over_and_never_both),
    (changed(nowhere_to_be_found, Crash), what_was_accepted_is_under_way_or_over),
    (changed(the_past_is_rewritten, Outage), an_outcome_is_for_ever),
    (told_once_more, what_is_over_does_not_end_again),
    (changed(another_end_is_kept, Finish), an_end_is_told_as_it_is_kept),
    (changed(stages_left_out, Finish), the_stages_are_in_order_and_end_with_the_outcome),
    (changed(made_all_the_same, Finish), only_who_was_cancelled_is_cancelled),
    (changed(timed_out_at_once, Finish), nobody_times_out_before_the_deadline),
    (changed(all_lead, Submit), one_of_a_payload_leads_and_the_others_wait_for_it),
    (changed(whatever_was_made_is_cached, Finish), only_flawless_memes_are_cached_and_no_more_than_there_is_room_for),
    (changed(the_database_has_lost_all, Outage), a_meme_is_stored_or_waits),
    (changed(written_and_written_again, Outage), nothing_is_stored_twice),
    (taken_after_the_stop, after_the_stop_nobody_is_taken),
]


def test_every_claim_is_broken_by_something():
    assert {claim for _, claim in PLANTED} == set(CLAIMS)


@pytest.mark.parametrize(("planted", "claim"), PLANTED)
def test_a_wrong_pipeline_breaks_the_claim(planted, claim):
    with pytest.raises(ClaimBroken, match=claim.__name__):
        reach([claim], step=planted)


@pytest.mark.parametrize("kind", [Submit, Cancel, Crash, Outage, Inject, Advance, Inspect, Stop])
def test_a_call_that_nothing_answers_is_noticed(kind):
    with pytest.raises(ClaimBroken, match=f"every call has a legal result, and {kind.__name__}"):
        reach(
            [], step=lambda before, call: [] if isinstance(call, kind) else pipeline.step(before, call), start=after(*EQUAL), most_calls=2
        )


def test_an_end_that_never_comes_is_noticed():
    with pytest.raises(ClaimBroken, match="every call has a legal result, and Finish"):
        reach([], step=lambda before, call: [] if isinstance(call, Finish) else pipeline.step(before, call), most_calls=2)
