"""The store keeps memes whole, each once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.domain import ImageRef, Meme, MemeRecord, MemeText, Score, Verification


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlAlchemyStore]:
    store = SqlAlchemyStore("sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path}/new folder/memes.db")
    yield store
    store.close()


def record(identity: str = "m-1", topic: str = "cats") -> MemeRecord:
    verification = (Verification("appropriateness", passed=True, score=0.9, reason="fine; DROP TABLE memes"),)
    score = Score(0.1, 0.2, 0.3, 0.4, 0.123456)
    meme = Meme(
        identity, MemeText("top 🦄", "b\x00tt\ud800m"), "drake", ImageRef("x.png", "ab", 3, 8, 6), score, verification, 2, ("a", "b")
    )
    return MemeRecord(meme, topic, None, "context", b"\x89PNG")


def test_what_was_put_is_got(store: SqlAlchemyStore) -> None:
    store.put(record())
    assert store.get("m-1") == record()
    assert store.get("m-2") is None


def test_a_meme_put_again_is_one_row_in_its_old_place(store: SqlAlchemyStore) -> None:
    for each in (record("m-2"), record("m-1"), record("m-2", "dogs")):
        store.put(each)
    assert store.all() == (record("m-2", "dogs"), record("m-1"))


def test_it_may_be_closed_twice_and_used_again(tmp_path: Path) -> None:
    store = SqlAlchemyStore(f"sqlite:///{tmp_path}/memes.db")
    store.put(record())
    store.close()
    store.close()
    assert store.all() == (record(),)
    store.close()


def test_readers_do_not_undo_what_is_being_written(
    store: SqlAlchemyStore, in_threads: Callable[[int, Callable[[int], Any]], list[Any]]
) -> None:
    def work(number: int) -> None:
        for each in range(15):
            if number % 2:
                store.all()
            else:
                store.put(replace(record(f"m-{number}-{each}")))

    assert in_threads(4, work) == [None] * 4
    assert len(store.all()) == 30
