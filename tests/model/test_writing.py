"""The store from close by: what may be written next, and what is left of it when somebody dies."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model import store as coarse
from model.generation import generate
from model.values import Payload
from model.world import Fault, Faults
from model.writing import Answer, Ask, Begin, Die, End, Look, Over, Queue, Read, Switch, Take, Writing, follow, with_record
from strategies.worlds import scripted

WORLD = scripted()
CATS, TEA, MONDAYS = (generate(Payload(topic), WORLD).record for topic in ("cats", "tea", "Mondays"))
OLD_CATS = generate(Payload("cats"), WORLD, Faults(image=(Fault(),))).record


def after(*events, start=None):
    states = (start or Writing(),)
    for event in events:
        states = follow(states, event)
    return states


def is_illegal(*events, start=None):
    *before, last = events
    states = after(*before, start=start)
    assert states, "what comes before is legal"
    return not follow(states, last)


def waiting(*records, **more):
    return Writing(outbox=records, **more)


def test_what_was_asked_for_is_written_and_answered():
    (state,) = after(Ask(CATS), Take(), Begin(CATS), End("done"), Answer(CATS, deferred=False))
    assert (state.records, state.outbox, state.asked) == ((CATS,), (), ())


def test_what_nobody_has_asked_for_is_not_written():
    assert is_illegal(Begin(CATS))


def test_what_was_written_is_not_written_again():
    assert is_illegal(Ask(CATS), Begin(CATS), End("done"), Begin(CATS))


def test_what_was_asked_for_twice_is_written_twice():
    (state,) = after(Ask(CATS), Ask(CATS), Begin(CATS), End("done"), Begin(CATS), End("done"))
    assert state.records == (CATS,)


def test_a_write_that_was_given_up_is_not_for_who_asks_later():
    given_up = (Ask(CATS), Take(), Begin(CATS), Queue(CATS))
    again = (Ask(CATS), End("done"), Take(), Begin(CATS), End("done"), Begin(CATS), End("done"))
    (state,) = {replace(each, leaving=False) for each in after(*given_up, *again)}
    assert (state.records, state.asked) == ((CATS,), ())
    assert is_illegal(*given_up, *again, Take(), Begin(CATS))
    assert is_illegal(Ask(CATS), Take(), Begin(CATS), Queue(CATS), End("done"), Begin(CATS), End("done"), Begin(CATS))


def test_one_write_comes_after_another():
    assert is_illegal(Ask(CATS), Ask(TEA), Begin(CATS), Begin(TEA))


def test_a_write_that_failed_waits_and_is_tried_again():
    (state,) = after(Ask(CATS), Begin(CATS), End("failed"), Queue(CATS), Answer(CATS, deferred=True), Begin(CATS))
    assert (state.records, state.outbox, state.under_way) == ((), (CATS,), CATS)


def test_a_write_that_failed_is_not_answered_as_stored():
    assert is_illegal(Ask(CATS), Begin(CATS), End("failed"), Queue(CATS), Answer(CATS, deferred=False))


def test_a_lost_reply_leaves_open_whether_it_is_written():
    states = after(Ask(CATS), Begin(CATS), End("unheard"))
    assert {state.records for state in states} == {(), (CATS,)}


def test_a_lost_reply_is_no_answer():
    assert is_illegal(Ask(CATS), Begin(CATS), End("unheard"), Answer(CATS, deferred=False))


def test_a_meme_is_not_answered_before_it_is_safe():
    assert is_illegal(Ask(CATS), Answer(CATS, deferred=True))


@pytest.mark.parametrize("record", [TEA, CATS])
def test_the_oldest_is_written_first(record):
    assert is_illegal(Begin(record), start=waiting(CATS, TEA)) == (record == TEA)


def test_nothing_new_overtakes_what_waits():
    assert is_illegal(Ask(TEA), Take(), Begin(TEA), start=waiting(CATS))


def test_what_was_queued_while_the_store_was_at_it_may_be_overtaken():
    assert after(Ask(CATS), Ask(TEA), Take(), Queue(CATS), Begin(TEA))
    assert is_illegal(Ask(CATS), Ask(TEA), Queue(CATS), Take(), Begin(TEA))


def test_what_was_drained_may_be_seen_for_a_moment_and_not_longer():
    states = after(Begin(CATS), End("done"), start=waiting(CATS, TEA))
    assert follow(states, Look((CATS,), (CATS, TEA)))
    assert follow(states, Look((CATS,), (TEA,)))
    assert not follow(states, Look((CATS,), ()))
    assert not after(Begin(CATS), End("done"), Begin(TEA), Look((CATS,), (CATS, TEA)), start=waiting(CATS, TEA))


def test_a_meme_that_waits_gives_up_its_place_to_its_newer_record():
    (state,) = after(Ask(CATS), Queue(CATS), start=waiting(OLD_CATS, TEA))
    assert state.outbox == (CATS, TEA)


def test_a_drain_may_have_read_what_was_replaced_but_the_newer_is_written_yet():
    (state,) = after(Ask(CATS), Queue(CATS), Begin(OLD_CATS), End("done"), start=waiting(OLD_CATS))
    assert (state.records, state.outbox, state.leaving) == ((OLD_CATS,), (CATS,), False)
    assert not follow((state,), Begin(OLD_CATS))


def test_an_older_record_does_not_undo_a_newer_one_that_waits():
    assert is_illegal(Ask(OLD_CATS), Ask(CATS), Queue(CATS), Queue(OLD_CATS))


def test_an_older_record_does_not_undo_a_newer_one_that_is_written():
    assert is_illegal(Ask(OLD_CATS), Ask(CATS), Begin(CATS), End("done"), Begin(OLD_CATS))


def test_to_queue_what_is_safe_changes_nothing():
    assert {state.outbox for state in after(Queue(CATS), start=waiting(CATS))} == {(CATS,)}
    assert after(Queue(CATS), start=Writing(records=(CATS,)))
    assert is_illegal(Queue(CATS), start=Writing(records=(OLD_CATS,)))
    assert is_illegal(Queue(CATS), start=waiting(OLD_CATS, records=(CATS,)))


def test_a_dead_store_writes_nothing_that_it_was_asked_for():
    assert is_illegal(Ask(CATS), Die(), Begin(CATS))
    assert after(Ask(CATS), Die(), Ask(CATS), Begin(CATS))


def test_what_died_with_the_store_may_be_queued():
    (state,) = after(Ask(CATS), Die(), Queue(CATS))
    assert (state.outbox, state.lost) == ((CATS,), ())


def test_a_store_that_dies_while_it_drains_may_drain_again():
    states = after(Begin(CATS), Die(), start=waiting(CATS))
    assert {(state.records, state.outbox) for state in states} == {((), (CATS,)), ((CATS,), (CATS,))}
    assert follow(states, Begin(CATS))


@pytest.mark.parametrize(("durable", "left"), [(True, (CATS,)), (False, ())])
def test_only_what_is_on_the_disk_outlives_a_process(durable, left):
    (state,) = after(Ask(TEA), Over(), start=waiting(CATS, durable=durable, recalled=(CATS,)))
    assert state == Writing(durable=durable, outbox=left)


def test_a_process_that_is_killed_in_the_middle_of_a_write_leaves_open_whether_it_is_written():
    states = after(Ask(CATS), Begin(CATS), Over())
    assert {state.records for state in states} == {(), (CATS,)}
    assert {state.outbox for state in states} == {()}


def test_what_the_database_answers_is_remembered():
    (state,) = after(Switch(down=True), Read(answered=False), Switch(down=False), Read(answered=True, record=CATS))
    assert (state.recalled, state.troubled, state.up) == ((CATS,), False, True)


def test_a_look_during_a_write_may_show_either():
    states = after(Ask(CATS), Begin(CATS))
    assert follow(states, Look((), ()))
    assert follow(states, Look((CATS,), ()))


RECORDS = st.sampled_from([CATS, OLD_CATS, TEA, MONDAYS])


def in_steps(call, state):
    """A call of the coarse model as what is seen of it from close by."""
    if isinstance(call, coarse.Outage):
        return [Switch(call.down)]
    drain = [event for record in state.outbox for event in (Begin(record), End("done"))]
    if isinstance(call, coarse.Drain):
        return [Take(), *(drain if state.up else [Begin(state.outbox[0]), End("failed")] if state.outbox else [])]
    if state.up:
        return [Ask(call.record), Take(), *drain, Begin(call.record), End("done"), Answer(call.record, deferred=False)]
    first = state.outbox[0] if state.outbox else call.record
    return [Ask(call.record), Take(), Begin(first), End("failed"), Queue(call.record), Answer(call.record, deferred=True)]


@given(st.lists(st.one_of(st.builds(coarse.Write, RECORDS), st.builds(coarse.Outage, st.booleans()), st.just(coarse.Drain())), max_size=12))
def test_from_close_by_it_comes_to_the_same(calls):
    far, near = coarse.Store(), (Writing(),)
    for call in calls:
        for event in in_steps(call, far):
            near = follow(near, event)
            assert near, (call, event)
        [(_, far)] = coarse.step(far, call)
        near = follow(near, Look(far.records, far.outbox))
        assert near, call


EVENTS = st.one_of(
    *(st.builds(event, RECORDS) for event in (Ask, Begin, Queue)),
    st.sampled_from([Take(), Die(), Over(), End("done"), End("failed"), End("unheard")]),
)


@given(st.lists(EVENTS, max_size=25))
def test_what_is_safe_stays_safe_and_is_nowhere_twice(events):
    states = (Writing(),)
    for event in events:
        for state in states:
            for later in follow((state,), event):
                assert ids(state.records) | ids(state.outbox) <= ids(later.records) | ids(later.outbox)
                assert len(ids(later.records)) == len(later.records)
                assert len(ids(later.outbox)) == len(later.outbox)
        states = follow(states, event) or states


def ids(records):
    return {record.meme.id for record in records}


def test_a_record_takes_the_place_of_its_older_one():
    assert with_record((OLD_CATS, TEA), CATS) == (CATS, TEA)
    assert replace(OLD_CATS, meme=CATS.meme, png=CATS.png) == CATS
