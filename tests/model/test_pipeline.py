"""Rules 1, 2 and 8 to 12 of the contract: requests among others. Legal things are followed, illegal ones lead nowhere."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.calls import Advance, Cancel, Crash, Finish, Inject, Inspect, Outage, Stop, Submit
from model.generation import generate
from model.pipeline import follow, init, recorded, settle, step
from model.state import unseen
from model.values import Cancelled, Ending, Failed, Meme, Payload, Rejected, Request, TimedOut
from model.world import Fault, Faults, Rules
from strategies.worlds import PERFECT, Quality, scripted

WORLD = scripted()
FOUL_WORLD = scripted((Quality(20, taste="foul"),) * 5)
CATS, TEA = Payload("cats"), Payload("tea")
FULL = ("routing", "cache", "text", "verification", "scoring", "image", "storing", "completed")
HIT = ("routing", "cache", "completed")
DOWN = Fault("PortDown")


def meme(payload=CATS):
    return generate(payload, WORLD).outcome


def record(payload=CATS):
    return generate(payload, WORLD).record


def made(payload=CATS):
    return Ending(meme(payload), FULL)


def hit(payload=CATS):
    return Ending(meme(payload), HIT)


def request(request_id, payload=CATS, deadline_s=30.0):
    return Request(request_id, payload, deadline_s)


def submitted(*requests):
    return [(Submit(each), "accepted") for each in requests]


def run(*observed, world=WORLD, rules=None):
    """The states after what was observed: calls with their results."""
    states = (init(world, rules),)
    for call, result in observed:
        states = follow(states, call, result)
    return states


def results(states, call):
    return {result for state in states for result, _ in step(state, call)}


def endings(states, request_id):
    return results(states, Finish(request_id))


def all_looked_up(states):
    """Of all that may have become of them unseen, those in which every request has asked the cache, first come first served."""
    found = [after for state in states for after in unseen(state) if all(flight.role != "queued" for flight in after.flights)]
    return tuple(
        after
        for after in found
        if [flight.request.request_id for flight in after.flights] == sorted("abc") and after.flights[0].role == "leader"
    )


# Routing


def test_a_request_alone_is_made():
    states = run(*submitted(request("a")))
    assert endings(states, "a") == {made()}


def test_a_request_ends_once():
    states = run(*submitted(request("a")), (Finish("a"), made()))
    assert endings(states, "a") == set()
    assert endings(states, "b") == set()


def test_the_same_id_and_payload_is_the_same_request():
    states = run(*submitted(request("a"), request("a")), (Finish("a"), made()), *submitted(request("a")))
    assert states
    assert endings(states, "a") == set()
    assert {recorded(state, "a") for state in states} == {made()}


@pytest.mark.parametrize("finished", [False, True])
def test_the_same_id_with_another_payload_is_a_conflict(finished):
    observed = [*submitted(request("a")), *([(Finish("a"), made())] if finished else [])]
    assert results(run(*observed), Submit(request("a", TEA))) == {"conflict"}


def test_a_deadline_is_no_payload():
    assert results(run(*submitted(request("a"))), Submit(request("a", deadline_s=5.0))) == {"accepted"}


# Cache and single flight


def test_a_second_request_is_a_hit():
    states = run(*submitted(request("a")), (Finish("a"), made()), *submitted(request("b")))
    assert endings(states, "b") == {hit()}


def test_another_payload_is_no_hit():
    states = run(*submitted(request("a")), (Finish("a"), made()), *submitted(request("b", TEA)))
    assert endings(states, "b") == {made(TEA)}


@pytest.mark.parametrize(("now_s", "ending"), [(59.9, hit()), (60, made())])
def test_a_hit_is_younger_than_the_ttl(now_s, ending):
    rules = Rules(cache_ttl_s=60)
    states = run(*submitted(request("a")), (Finish("a"), made()), (Advance(now_s), None), *submitted(request("b")), rules=rules)
    assert endings(states, "b") == {ending}


def test_a_ttl_of_0_keeps_nothing():
    states = run(*submitted(request("a")), (Finish("a"), made()), *submitted(request("b")), rules=Rules(cache_ttl_s=0))
    assert endings(states, "b") == {made()}


def test_the_least_recently_used_meme_is_made_again():
    rules = Rules(cache_capacity=2)
    mondays = Payload("Mondays")
    observed = [
        *submitted(request("a")),
        (Finish("a"), made()),
        *submitted(request("b", TEA)),
        (Finish("b"), made(TEA)),
        *submitted(request("c")),
        (Finish("c"), hit()),
        *submitted(request("d", mondays)),
        (Finish("d"), made(mondays)),
    ]
    assert endings(run(*observed, *submitted(request("e")), rules=rules), "e") == {hit()}
    assert endings(run(*observed, *submitted(request("e", TEA)), rules=rules), "e") == {made(TEA)}


def test_one_of_two_equal_requests_in_flight_leads_and_the_other_follows():
    states = run(*submitted(request("a"), request("b")))
    assert endings(states, "a") == endings(states, "b") == {made()}
    assert endings(follow(states, Finish("a"), made()), "b") == {hit()}
    assert endings(follow(states, Finish("b"), made()), "a") == {hit()}


def test_two_equal_requests_are_never_both_made():
    assert settle(run(*submitted(request("a"), request("b"))), {"a": made(), "b": made()}) == ()
    assert settle(run(*submitted(request("a"), request("b"))), {"a": hit(), "b": made()})


def test_a_rejection_is_shared_and_not_cached():
    states = run(*submitted(request("a"), request("b")), world=FOUL_WORLD)
    rejected = generate(CATS, FOUL_WORLD)
    assert isinstance(rejected.outcome, Rejected)
    leader = Ending(rejected.outcome, rejected.stages)
    after = follow(states, Finish("a"), leader)
    follower = Ending(rejected.outcome, ("routing", "cache", "rejected"))
    assert endings(after, "b") == {follower, leader}
    third = follow(after, Finish("b"), follower)
    assert endings(follow(third, Submit(request("c")), "accepted"), "c") == {leader}


def test_a_degraded_meme_is_shared_and_not_cached():
    faults = Faults(image=(DOWN,))
    degraded = generate(CATS, WORLD, faults).outcome
    observed = [(Inject(CATS, faults), None), *submitted(request("a"), request("b")), (Finish("a"), Ending(degraded, FULL))]
    assert endings(run(*observed), "b") == {Ending(degraded, HIT), made()}
    assert endings(run(*observed, (Finish("b"), Ending(degraded, HIT)), *submitted(request("c"))), "c") == {made()}


def test_after_a_failed_leader_the_oldest_follower_leads():
    faults = Faults(text=(DOWN, DOWN))
    failed = Ending(Failed("PortDown", "text"), ("routing", "cache", "text", "failed"))
    observed = [
        (Inject(CATS, faults), None),
        *submitted(request("a"), request("b"), request("c")),
        (Advance(0.1), None),
        (Finish("a"), failed),
    ]
    states = run(*observed)
    assert made() in endings(states, "b")
    assert failed not in endings(states, "b")
    assert endings(follow(states, Finish("b"), made()), "c") == {hit()}


def test_the_one_that_waited_longest_leads_next_and_the_other_waits_on():
    states = all_looked_up(run(*submitted(request("a"), request("b"), request("c"))))
    [after] = follow(follow(states, Cancel("a"), result=True), Finish("a"), Ending(Cancelled(), ("routing", "cache", "text", "cancelled")))
    assert [(flight.request.request_id, flight.role) for flight in after.flights] == [("b", "leader"), ("c", "follower")]
    assert endings((after,), "b") == {made()}
    assert endings((after,), "c") == set()


def test_a_leader_answers_all_that_wait_at_once():
    states = all_looked_up(run(*submitted(request("a"), request("b"), request("c"))))
    [after] = follow(states, Finish("a"), made())
    assert [(flight.role, flight.answer) for flight in after.flights] == [("answered", meme())] * 2


def test_a_fault_of_the_store_belongs_to_no_payload():
    assert endings(run((Inject(CATS, Faults(store=(DOWN,))), None), *submitted(request("a"))), "a") == {made()}


def test_faults_are_met_once():
    faults = Faults(scorer=(DOWN,))
    degraded = generate(CATS, WORLD, faults)
    observed = [
        (Inject(CATS, faults), None),
        *submitted(request("a")),
        (Finish("a"), Ending(degraded.outcome, FULL)),
        *submitted(request("b")),
    ]
    assert endings(run(*observed), "b") == {made()}


# Time


def test_a_retry_takes_its_back_off():
    states = run((Inject(CATS, Faults(text=(DOWN,))), None), *submitted(request("a")))
    assert endings(states, "a") == set()
    assert endings(follow(states, Advance(0.1), None), "a") == {made()}


def test_time_does_not_pass_a_deadline():
    states = run(*submitted(request("a", deadline_s=5.0)))
    assert results(states, Advance(5.0)) == {None}
    assert results(states, Advance(5.1)) == set()


def test_at_its_deadline_a_request_times_out_wherever_it_is_or_just_makes_it():
    states = run(*submitted(request("a", deadline_s=5.0)), (Advance(5.0), None))
    timed_out = {Ending(TimedOut(), (*FULL[:length], "timed_out")) for length in range(8)}
    assert endings(states, "a") == {made(), *timed_out}


def test_a_timer_may_be_late_on_real_threads():
    late = Rules(lateness_s=1.0)
    assert results(run(*submitted(request("a", deadline_s=5.0)), rules=late), Advance(6.0)) == {None}


def test_a_hanging_port_runs_into_the_deadline():
    observed = [(Inject(CATS, Faults(text=(Fault(hangs=True),))), None), *submitted(request("a", deadline_s=5.0)), (Advance(5.0), None)]
    assert endings(run(*observed), "a") == {Ending(TimedOut(), (*FULL[:length], "timed_out")) for length in range(4)}


# Cancelling


def test_a_cancelled_request_ends_cancelled_wherever_it_was():
    states = run(*submitted(request("a")), (Cancel("a"), True))
    assert endings(states, "a") == {Ending(Cancelled(), (*FULL[:length], "cancelled")) for length in range(8)}


def test_a_cancel_that_comes_too_late_changes_nothing():
    states = run(*submitted(request("a")), (Cancel("a"), False))
    assert endings(states, "a") == {made()}
    assert results(run(*submitted(request("a")), (Finish("a"), made())), Cancel("a")) == {False}


def test_nobody_is_cancelled_twice():
    assert results(run(*submitted(request("a")), (Cancel("a"), True)), Cancel("a")) == {False}


def test_a_cancelled_leader_hands_over():
    states = run(*submitted(request("a"), request("b")), (Cancel("a"), True), (Finish("a"), Ending(Cancelled(), (*FULL[:3], "cancelled"))))
    assert endings(states, "b") == {made()}


def test_a_request_cancelled_while_storing_may_be_found_in_the_store_or_not_yet():
    states = run(*submitted(request("a")), (Cancel("a"), True), (Finish("a"), Ending(Cancelled(), (*FULL[:7], "cancelled"))))
    assert results(states, Inspect()) == {((), ()), ((record(),), ())}


def test_a_request_cancelled_before_storing_leaves_nothing():
    states = run(*submitted(request("a")), (Cancel("a"), True), (Finish("a"), Ending(Cancelled(), (*FULL[:6], "cancelled"))))
    assert results(states, Inspect()) == {((), ())}


# Store


def test_what_was_made_is_stored_and_a_hit_stores_nothing():
    observed = [*submitted(request("a", TEA)), (Finish("a"), made(TEA)), *submitted(request("b")), (Finish("b"), made())]
    both = tuple(sorted((record(), record(TEA)), key=lambda each: each.meme.id))
    assert results(run(*observed, *submitted(request("c")), (Finish("c"), hit())), Inspect()) == {(both, ())}


def deferred(payload=CATS):
    return Ending(replace(meme(payload), degraded=("store_deferred",)), FULL)


def test_while_the_store_is_away_memes_are_deferred_in_order():
    observed = [(Outage(down=True), None), *submitted(request("a", TEA)), (Finish("a"), deferred(TEA)), *submitted(request("b"))]
    states = run(*observed)
    assert endings(states, "b") == {deferred()}
    assert results(follow(states, Finish("b"), deferred()), Inspect()) == {((), (record(TEA), record()))}


def test_when_the_store_is_back_the_outbox_is_drained_before_its_timer_is_over():
    observed = [(Outage(down=True), None), *submitted(request("a")), (Finish("a"), deferred()), (Outage(down=False), None)]
    waiting, drained = ((), (record(),)), ((record(),), ())
    assert results(run(*observed), Inspect()) == {waiting, drained}
    assert results(run(*observed, (Advance(4.9), None)), Inspect()) == {waiting, drained}
    assert results(run(*observed, (Advance(5.0), None)), Inspect()) == {drained}


def test_the_timer_counts_from_the_return_of_the_store_and_from_the_last_deferral():
    observed = [(Outage(down=True), None), *submitted(request("a")), (Finish("a"), deferred()), (Advance(10.0), None)]
    waiting = ((), (record(),))
    assert waiting in results(run(*observed, (Outage(down=False), None), (Advance(14.9), None)), Inspect())
    crashed = [(Crash("store"), "restarted"), (Crash("store"), "restarted")]
    late = [(Advance(10.0), None), *submitted(request("a")), *crashed, (Finish("a"), deferred())]
    assert waiting in results(run(*late, (Advance(14.9), None)), Inspect())
    assert waiting not in results(run(*late, (Advance(15.0), None)), Inspect())


def test_what_waits_is_written_before_the_next_write():
    observed = [(Outage(down=True), None), *submitted(request("a")), (Finish("a"), deferred()), (Outage(down=False), None)]
    [(records, outbox)] = results(run(*observed, *submitted(request("b", TEA)), (Finish("b"), made(TEA))), Inspect())
    assert (len(records), outbox) == (2, ())


def test_a_request_under_way_when_the_store_goes_may_be_stored_or_deferred():
    assert endings(run(*submitted(request("a")), (Outage(down=True), None)), "a") == {made(), deferred()}


def test_a_deferred_meme_is_not_cached():
    observed = [(Outage(down=True), None), *submitted(request("a")), (Finish("a"), deferred()), (Outage(down=False), None)]
    assert endings(run(*observed, *submitted(request("b"))), "b") == {made()}


# Crashes


def test_one_crash_of_a_worker_changes_nothing():
    assert endings(run(*submitted(request("a")), (Crash("scorer"), "restarted")), "a") == {made()}


def test_two_crashes_on_one_piece_of_work_count_as_the_port_raising():
    states = run(*submitted(request("a")), (Crash("scorer"), "restarted"), (Crash("scorer"), "restarted"))
    degraded = generate(CATS, WORLD, Faults(scorer=(DOWN,))).outcome
    assert endings(states, "a") == {made(), Ending(degraded, FULL)}


def test_crashes_before_a_request_are_nothing_to_it():
    crashes = [(Crash("scorer"), "restarted"), (Crash("scorer"), "restarted")]
    assert endings(run(*crashes, *submitted(request("a"))), "a") == {made()}


def test_a_crashed_text_worker_is_retried_like_a_raising_port():
    crashes = [(Crash("text"), "restarted")] * 4
    states = run(*submitted(request("a")), *crashes, (Advance(0.1), None))
    assert endings(states, "a") == {made(), Ending(Failed("ActorCrashed", "text"), ("routing", "cache", "text", "failed"))}


def test_a_crashed_cache_has_forgotten_everything():
    observed = [*submitted(request("a")), (Finish("a"), made()), (Crash("cache"), "restarted"), *submitted(request("b"))]
    assert endings(run(*observed), "b") == {made()}


def test_a_meme_made_around_a_crash_of_the_cache_is_cached_or_lost():
    observed = [*submitted(request("a")), (Crash("cache"), "restarted"), (Finish("a"), made()), *submitted(request("b"))]
    assert endings(run(*observed), "b") == {made(), hit()}


def test_after_a_crash_of_the_orchestrator_a_request_begins_again_with_the_cache():
    states = run(*submitted(request("a")), (Crash("generator"), "restarted"))
    again = {Ending(meme(), FULL[:length] + FULL[1:]) for length in range(2, 8)}
    assert endings(states, "a") == {made(), *again}


def test_after_two_crashes_of_the_orchestrator_a_request_may_be_given_up():
    states = run(*submitted(request("a")), (Crash("generator"), "restarted"), (Crash("generator"), "restarted"))
    assert Ending(Failed("ActorCrashed", "routing"), ("routing", "cache", "text", "failed")) in endings(states, "a")
    assert {ending.outcome for ending in endings(states, "a")} == {meme(), Failed("ActorCrashed", "routing")}


def test_a_dead_orchestrator_may_have_met_the_faults_already():
    degraded = generate(CATS, WORLD, Faults(scorer=(DOWN,))).outcome
    states = run((Inject(CATS, Faults(scorer=(DOWN,))), None), *submitted(request("a")), (Crash("generator"), "restarted"))
    assert {ending.outcome for ending in endings(states, "a")} == {meme(), degraded}


def test_a_crash_of_the_router_loses_nothing():
    assert endings(run(*submitted(request("a")), (Crash("router"), "restarted")), "a") == {made()}


def test_too_many_crashes_end_the_pipeline():
    states = run(*submitted(request("a")), *[(Crash("router"), "restarted")] * 5, (Crash("router"), "escalated"))
    stopped = {Ending(Failed("RestartLimitExceeded", FULL[max(0, n - 1)]), (*FULL[:n], "failed")) for n in range(8)}
    assert endings(states, "a") == {made(), *stopped}
    assert results(states, Submit(request("b"))) == {"stopped"}
    assert results(states, Crash("router")) == {"stopped"}


# Stopping


def test_a_stopped_pipeline_takes_no_more():
    states = run(*submitted(request("a")), (Finish("a"), made()), (Stop(5.0), None))
    assert results(states, Submit(request("b"))) == results(states, Submit(request("a"))) == {"stopped"}


def test_what_is_in_flight_may_finish_within_the_grace_period_and_fails_after_it():
    states = run(*submitted(request("a")), (Stop(5.0), None))
    assert endings(states, "a") == {made()}
    over = follow(states, Advance(5.0), None)
    stopped = {Ending(Failed("ServiceStopped", FULL[max(0, n - 1)]), (*FULL[:n], "failed")) for n in range(8)}
    assert endings(over, "a") == {made(), *stopped}
    assert results(states, Advance(5.1)) == set()


# What holds whatever happens

PAYLOADS = st.sampled_from([CATS, TEA, Payload("cats", max_refinements=0)])
CALLS = st.one_of(
    st.builds(Submit, st.builds(Request, st.sampled_from("abc"), PAYLOADS)),
    st.builds(Finish, st.sampled_from("abc")),
    st.builds(Cancel, st.sampled_from("abc")),
    st.builds(Outage, st.booleans()),
    st.builds(Crash, st.sampled_from(["cache", "scorer", "generator", "router"])),
    st.builds(Inject, PAYLOADS, st.sampled_from([Faults(image=(DOWN,)), Faults(scorer=(DOWN,)), Faults(text=(DOWN, DOWN))])),
)
ROUGH = scripted(PERFECT, (Quality(20, taste="foul"), Quality(4), Quality(8), Quality(7), Quality(20)))


def walk(data, calls):
    """A path through the model: for each call that has a legal result, one of them, and what may come of it unseen."""
    state = init(ROUGH, Rules(cache_capacity=1))
    yield state
    for call in calls:
        choices = step(state, call)
        if choices:
            state = data.draw(st.sampled_from(unseen(data.draw(st.sampled_from(choices))[1])))
            yield state


@given(st.data(), st.lists(CALLS, max_size=8))
def test_only_flawless_memes_are_cached_and_never_too_many(data, calls):
    for state in walk(data, calls):
        assert len(state.cache.entries) <= 1
        assert all(isinstance(entry.value, Meme) and not entry.value.degraded for entry in state.cache.entries)


@given(st.data(), st.lists(CALLS, max_size=8))
def test_a_request_is_in_flight_or_landed_and_never_both(data, calls):
    for state in walk(data, calls):
        ids = [flight.request.request_id for flight in state.flights] + [landed.request_id for landed, _ in state.landed]
        assert len(ids) == len(set(ids))


@given(st.data(), st.lists(CALLS, max_size=8))
def test_every_request_in_flight_can_end(data, calls):
    *_, state = walk(data, calls)
    for flight in state.flights:
        others = [other for other in state.flights if other is not flight and other.request.payload == flight.request.payload]
        # Too many crashes may have ended the pipeline: then it fails at once.
        later = (state,) if state.stop_error else follow((state,), Advance(state.now_s + 0.2), None)
        assert others or any(endings(later, flight.request.request_id))


@given(st.data(), st.lists(CALLS, max_size=8))
def test_a_payload_has_at_most_one_leader_and_followers_have_one(data, calls):
    for state in walk(data, calls):
        for payload in dict.fromkeys(flight.request.payload for flight in state.flights):
            roles = [flight.role for flight in state.flights if flight.request.payload == payload]
            assert roles.count("leader") <= 1
            assert "follower" not in roles or "leader" in roles


@given(st.data(), st.lists(CALLS, max_size=8))
def test_stored_memes_are_never_marked_deferred(data, calls):
    for state in walk(data, calls):
        assert all("store_deferred" not in kept.meme.degraded for kept in (*state.store.records, *state.store.outbox, *state.late))
