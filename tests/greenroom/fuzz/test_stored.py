"""The database of a long run deletes nothing, and hands out what a killed process left half shrunk as something to shrink."""

from __future__ import annotations

import tempfile

import pytest
from hypothesis.database import DirectoryBasedExampleDatabase, InMemoryExampleDatabase, MultiplexedDatabase

from greenroom.errors import UsageError
from greenroom.fuzz.stored import KeepingDatabase, joined, opened


@pytest.fixture
def inner():
    database = InMemoryExampleDatabase()
    database.save(b"key", b"smallest")
    database.save(b"key.secondary", b"larger than that")
    return database


def test_nothing_is_deleted_and_all_else_is_passed_on(inner, tmp_path):
    database = KeepingDatabase(inner, tmp_path)
    database.delete(b"key", b"smallest")
    database.save(b"key", b"new")
    database.move(b"key", b"key.secondary", b"smallest")
    assert list(database.fetch(b"key")) == [b"new"]
    assert set(inner.fetch(b"key.secondary")) == {b"smallest", b"larger than that"}


def test_a_replay_offers_everything_as_not_yet_shrunk(inner, tmp_path):
    database = KeepingDatabase(inner, tmp_path, replays=True)
    assert list(database.fetch(b"key")) == []
    assert list(database.fetch(b"key.secondary")) == [b"smallest", b"larger than that"]


def test_a_file_takes_its_place_as_a_whole_from_the_same_disk(tmp_path, monkeypatch):
    folder, prepared = tmp_path / "here", []
    folder.mkdir()
    make = tempfile.mkstemp

    def mkstemp(*arguments, **options):
        descriptor, name = make(*arguments, **options)
        prepared.append(name)
        return descriptor, name

    monkeypatch.setattr(tempfile, "mkstemp", mkstemp)
    before = tempfile.tempdir
    KeepingDatabase(DirectoryBasedExampleDatabase(tmp_path / "examples"), folder).save(b"key", b"value")
    assert prepared
    assert all(name.startswith(str(folder)) for name in prepared)
    assert tempfile.tempdir == before
    assert list(folder.iterdir()) == []


def test_tests_without_a_database_get_the_usual_one_and_a_shared_one_comes_beside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(joined(None, None), DirectoryBasedExampleDatabase)
    own, shared = InMemoryExampleDatabase(), InMemoryExampleDatabase()
    assert joined(own, None) is own
    both = joined(own, shared)
    assert isinstance(both, MultiplexedDatabase)
    both.save(b"key", b"value")
    assert list(own.fetch(b"key")) == list(shared.fetch(b"key")) == [b"value"]


def test_a_place_is_a_folder_or_a_redis(tmp_path):
    assert opened(None) is None
    assert opened(str(tmp_path)) == DirectoryBasedExampleDatabase(str(tmp_path))
    with pytest.raises(UsageError, match=r"redis://127\.0\.0\.1:1"):
        opened("redis://127.0.0.1:1/0")
