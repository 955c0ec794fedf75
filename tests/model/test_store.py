"""The store: rows by id, and an outbox that loses nothing and writes nothing twice."""

from hypothesis import given
from hypothesis import strategies as st

from model.generation import generate
from model.store import Drain, Outage, Store, Write, step
from model.values import Payload
from strategies.worlds import scripted

WORLD = scripted()
CATS, TEA, MONDAYS = (generate(Payload(topic), WORLD).record for topic in ("cats", "tea", "Mondays"))


def after(*calls):
    store, results = Store(), []
    for call in calls:
        [(result, store)] = step(store, call)
        results.append(result)
    return store, results


def test_a_record_is_stored():
    assert after(Write(CATS), Write(TEA)) == (Store((CATS, TEA)), ["stored", "stored"])


def test_a_record_of_the_same_meme_takes_its_place():
    assert after(Write(CATS), Write(TEA), Write(CATS))[0].records == (CATS, TEA)


def test_what_cannot_be_written_waits_in_order():
    store, results = after(Outage(down=True), Write(TEA), Write(CATS))
    assert store == Store((), (TEA, CATS), up=False)
    assert results[1:] == ["deferred", "deferred"]


def test_a_meme_waits_once():
    assert after(Outage(down=True), Write(TEA), Write(CATS), Write(TEA))[0].outbox == (TEA, CATS)


def test_what_waits_is_written_before_what_comes():
    store, _ = after(Outage(down=True), Write(TEA), Outage(down=False), Write(CATS))
    assert store == Store((TEA, CATS))


def test_the_timer_drains_in_order():
    store, results = after(Outage(down=True), Write(TEA), Write(MONDAYS), Outage(down=False), Drain())
    assert store == Store((TEA, MONDAYS))
    assert results[-1] == 2


def test_the_timer_changes_nothing_while_the_database_is_away():
    store, results = after(Outage(down=True), Write(TEA), Drain())
    assert (store.outbox, results[-1]) == ((TEA,), 0)


@given(
    st.lists(
        st.one_of(st.builds(Write, st.sampled_from([CATS, TEA, MONDAYS])), st.builds(Outage, st.booleans()), st.just(Drain())), max_size=15
    )
)
def test_nothing_is_lost_and_nothing_is_there_twice(calls):
    store, _ = after(*calls)
    ids = [record.meme.id for record in store.records]
    waiting = [record.meme.id for record in store.outbox]
    assert {*ids, *waiting} == {call.record.meme.id for call in calls if isinstance(call, Write)}
    assert len(set(ids)) == len(ids)
    assert len(set(waiting)) == len(waiting)
