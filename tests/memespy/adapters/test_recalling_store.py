"""What went through a store lately can be recalled, and no more than it may keep."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dspy_meme_gen.adapters.recalling_store import RecallingStore
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.errors import StoreAway
from tests.memespy.contracts.conftest import ManualClock
from tests.memespy.contracts.memes import record
from tests.memespy.fakes import PortDown


@pytest.fixture
def behind():
    store = SqlAlchemyStore("sqlite://")
    yield store
    store.close()


def test_what_was_put_or_got_is_recalled(behind):
    behind.put(record("m-2"))
    store = RecallingStore(behind, 10_000)
    store.put(record("m-1"))
    assert (store.recall("m-1"), store.recall("m-2")) == (record("m-1"), None)
    assert store.get("m-2") == store.recall("m-2") == record("m-2")
    assert store.get("m-3") is None
    assert [each.id for each in store.all()] == ["m-2", "m-1"]
    assert len(store.page(limit=5).memes) == 2


def test_what_the_store_refused_is_neither_remembered_nor_hidden(behind):
    def refuse(_):
        raise PortDown

    behind.put = refuse
    store = RecallingStore(behind, 10_000)
    with pytest.raises(PortDown):
        store.put(record("m-1"))
    assert store.recall("m-1") is None


def test_the_oldest_goes_when_the_pictures_are_too_many_and_a_new_edition_takes_the_place_of_the_old(behind):
    store = RecallingStore(behind, 300)
    for number in range(3):
        store.put(replace(record(f"m-{number}"), png=bytes(100)))
    store.put(replace(record("m-1"), png=bytes(101)))
    assert [store.recall(f"m-{number}") is not None for number in range(3)] == [False, True, True]
    assert store.recall("m-1").png == bytes(101)
    store.put(replace(record("m-4"), png=bytes(1000)))
    assert store.recall("m-4") is None


def test_after_a_put_that_failed_the_store_is_left_alone_until_something_works_again(behind):
    clock, put, tried = ManualClock(0.0), behind.put, []

    def refuse(record):
        tried.append(record.id)
        behind._trouble = "OperationalError"
        raise PortDown

    store = RecallingStore(behind, 10_000, rest_s=5.0, clock=clock)
    behind.put = refuse
    for error in (PortDown, StoreAway, StoreAway):
        with pytest.raises(error):
            store.put(record("m-1"))
    clock.now_s = 5.0
    with pytest.raises(PortDown):
        store.put(record("m-2"))
    assert tried == ["m-1", "m-2"]
    behind.put = put
    assert store.get("health") is None, "it works again"
    store.put(record("m-3"))
    assert [each.id for each in store.all()] == ["m-3"]


def test_a_rest_that_an_answer_has_ended_does_not_come_back_when_a_read_fails(behind):
    clock, put, get = ManualClock(0.0), behind.put, behind.get

    def refuse(_):
        behind._trouble = "OperationalError"
        raise PortDown

    store = RecallingStore(behind, 10_000, rest_s=5.0, clock=clock)
    behind.put = refuse
    with pytest.raises(PortDown):
        store.put(record("m-1"))
    for answer in (lambda: store.get("m-1"), store.all, lambda: store.page(limit=1)):
        with pytest.raises(StoreAway):
            store.put(record("m-1"))
        answer()
        behind.get = refuse
        with pytest.raises(PortDown):
            store.get("m-1")
        behind.get = get
        with pytest.raises(PortDown):
            store.put(record("m-1"))
    store.all()
    behind.put = put
    store.put(record("m-1"))


def test_trouble_is_the_stores_own(behind):
    store = RecallingStore(behind, 0)
    assert store.trouble() is None
    behind._trouble = "OperationalError"
    assert store.trouble() == "OperationalError"
