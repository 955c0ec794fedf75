"""What every store keeps to: memes whole, each once, in their order."""

from collections.abc import Callable
from typing import Any

import pytest

from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.domain import StoredMeme
from dspy_meme_gen.ports import MemeCatalogue, Troubled
from tests.memespy.contracts.conftest import ManualClock
from tests.memespy.contracts.memes import meme, record

Run = Callable[[int, Callable[[int], Any]], list[Any]]


def test_what_was_put_is_got(store: SqlAlchemyStore) -> None:
    big = record("m-2", "🦄 'quoted\" topic; --", png=bytes(range(256)) * 4000)
    store.put(record())
    store.put(big)
    assert (store.get("m-1"), store.get("m-2"), store.get("m-3")) == (record(), big, None)


def test_a_meme_put_again_is_one_record_in_its_old_place(store: SqlAlchemyStore) -> None:
    for each in (record("m-2"), record("m-1"), record("m-2", "dogs"), record("m-3"), record("m-2", "dogs")):
        store.put(each)
    assert store.all() == (record("m-2", "dogs"), record("m-1"), record("m-3"))


def test_it_may_be_closed_twice_and_used_again(store: SqlAlchemyStore) -> None:
    store.put(record())
    store.close()
    store.close()
    store.put(record("m-2"))
    assert store.get("m-2") == record("m-2")


def test_threads_that_write_and_read_at_once_do_not_disturb_each_other(store: SqlAlchemyStore, in_threads: Run) -> None:
    def work(number: int) -> None:
        for each in range(8):
            if number % 2:
                store.all()
                store.page(limit=5)
            else:
                store.put(record(f"m-{number}-{each}"))

    assert in_threads(4, work) == [None] * 4
    assert len(store.all()) == 16


def test_threads_that_put_the_same_meme_at_once_store_it_once(store: SqlAlchemyStore, in_threads: Run) -> None:
    assert in_threads(6, lambda number: [store.put(record(f"m-{each}")) for each in range(4)]) == [[None] * 4] * 6
    assert sorted(each.id for each in store.all()) == [f"m-{each}" for each in range(4)]


def test_pages_go_from_the_newest_to_the_oldest(store: SqlAlchemyStore, clock: ManualClock) -> None:
    for number in range(5):
        clock.now_s = 1000.25 + number
        store.put(record(f"m-{number}"))
    first = store.page(limit=2)
    assert first.memes[0] == StoredMeme(meme("m-4"), "cats", None, "context", 1004.25)
    store.put(record("m-5"))
    second = store.page(limit=2, start=first.next)
    third = store.page(limit=2, start=second.next)
    assert [each.meme.id for page in (first, second, third) for each in page.memes] == ["m-4", "m-3", "m-2", "m-1", "m-0"]
    assert third.next is None


def test_a_full_last_page_has_no_next(store: SqlAlchemyStore) -> None:
    assert store.page(limit=1) == store.page(limit=100)
    store.put(record())
    assert store.page(limit=1).next is None


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_page_has_its_limits(store: SqlAlchemyStore, limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        store.page(limit=limit)


def test_a_meme_that_is_put_again_keeps_its_time(store: SqlAlchemyStore, clock: ManualClock) -> None:
    store.put(record())
    clock.now_s += 60
    store.put(record("m-1", "dogs"))
    [stored] = store.page(limit=5).memes
    assert (stored.topic, stored.stored_at_s) == ("dogs", 1_000_000.0)


def test_it_can_be_leafed_through_and_has_no_trouble(store: SqlAlchemyStore) -> None:
    store.put(record())
    assert isinstance(store, MemeCatalogue)
    assert isinstance(store, Troubled)
    assert store.trouble() is None
