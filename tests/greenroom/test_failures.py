"""A view of the example database that replays without writing, and knows whether there was anything to replay."""

from __future__ import annotations

import unittest

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import (
    BackgroundWriteDatabase,
    DirectoryBasedExampleDatabase,
    InMemoryExampleDatabase,
    MultiplexedDatabase,
    ReadOnlyDatabase,
)

import greenroom
from greenroom.failures import (
    INDEX,
    Entry,
    Kept,
    Replayed,
    ReplayView,
    entries,
    forget,
    keys,
    read_index,
    remove,
    replay_settings,
    write_index,
)


@pytest.fixture
def database():
    database = InMemoryExampleDatabase()
    database.save(b"key", b"example")
    database.save(b"key", b"another")
    return database


def test_a_view_hands_out_what_is_there_and_counts_it(database):
    view = ReplayView(database)
    assert view.replayed == 0
    assert sorted(view.fetch(b"key")) == [b"another", b"example"]
    assert list(view.fetch(b"other key")) == []
    assert view.replayed == 2


def test_a_mark_without_content_is_no_example():
    database = InMemoryExampleDatabase()
    database.save(b"key", b"")
    view = ReplayView(database)
    assert list(view.fetch(b"key")) == [b""]
    assert view.replayed == 0


def test_a_view_changes_nothing(database):
    view = ReplayView(database)
    view.save(b"key", b"new")
    view.delete(b"key", b"example")
    view.move(b"key", b"other key", b"example")
    assert sorted(database.fetch(b"key")) == [b"another", b"example"]
    assert list(database.fetch(b"other key")) == []


def test_a_view_says_of_what(database):
    assert repr(ReplayView(database)) == f"ReplayView({database!r})"


def test_what_no_longer_fails_stays_in_the_database_behind_a_view():
    database, limit = InMemoryExampleDatabase(), [10]

    def run(**options):
        @settings(**options)
        @given(st.integers())
        def small(number):
            assert number < limit[0]

        small()

    with pytest.raises(AssertionError):
        run(database=database, phases=[Phase.generate, Phase.shrink])
    saved = {key: set(values) for key, values in database.data.items() if values}
    assert saved
    limit[0] = 10**100  # the program is corrected
    view = ReplayView(database)
    run(database=view, phases=[Phase.reuse])
    assert view.replayed >= 1
    assert {key: set(values) for key, values in database.data.items() if values} == saved
    limit[0] = 10  # and broken again
    with pytest.raises(AssertionError):
        run(database=ReplayView(database), phases=[Phase.reuse])


def test_a_replay_of_nothing_counts_nothing():
    view = ReplayView(InMemoryExampleDatabase())

    @settings(database=view, phases=[Phase.reuse])
    @given(st.integers())
    def never(number):
        raise AssertionError

    with pytest.raises(unittest.SkipTest):
        never()
    assert view.replayed == 0


def test_larger_examples_of_a_failure_are_replayed_with_it():
    database = InMemoryExampleDatabase()
    for key, value in [(b"key", b"small"), (b"key.secondary", b"larger"), (b"key.secondary", b"small"), (b"key.pareto", b"passed")]:
        database.save(key, value)
    view = ReplayView(database)
    assert sorted(view.fetch(b"key")) == [b"larger", b"small"]
    assert list(view.fetch(b"key.secondary")) == []
    assert view.replayed == 2


def test_a_view_of_some_entries_hands_out_no_others(database):
    view = ReplayView(database, only=[b"another", b"elsewhere"])
    assert list(view.fetch(b"key")) == [b"another"]
    assert view.replayed == 1


def test_what_hypothesis_would_delete_has_not_failed(database):
    view = ReplayView(database)
    list(view.fetch(b"key"))
    view.ending = "passes"
    view.delete(b"key", b"example")
    view.delete(b"key.secondary", b"example")
    view.delete(b"key", b"never handed out")
    assert view.take() == {(b"key", b"example"): "passes", (b"key", b"another"): "fails"}
    assert view.take() == {}
    list(view.fetch(b"key"))
    view.delete(b"key", b"another")
    assert Replayed.of(view.take().values()) == Replayed(fails=1, invalid=1)


@pytest.mark.parametrize(
    ("replayed", "told"),
    [
        (Replayed(2, 1, 0), "2 still fail, 1 passes now"),
        (Replayed(1, 0, 2), "1 still fails, 2 are no valid examples any more"),
        (Replayed(), ""),
    ],
)
def test_results_are_told_in_words(replayed, told):
    assert str(replayed) == told
    assert replayed.entries == replayed.fails + replayed.passes + replayed.invalid


def test_every_failure_is_replayed_however_many_there_are():
    database, limit = InMemoryExampleDatabase(), [0]

    def small(number):
        assert number < limit[0]

    def run(options):
        options(given(st.integers(0, 10**6))(small))()

    for limit[0] in range(5, 45):
        with pytest.raises(AssertionError):
            run(settings(database=database, phases=[Phase.generate, Phase.shrink], max_examples=30))
    saved = [entry for entry in entries(database) if entry.kind != "pareto"]
    assert len(saved) > 30
    limit[0] = 10**9
    options = replay_settings(settings(database=database, max_examples=3, report_multiple_bugs=False))
    run(options)
    assert len(options.database.take()) == len({entry.value for entry in saved})
    assert options.phases == (Phase.reuse,)


def test_there_is_nothing_to_replay_without_a_database():
    with pytest.raises(greenroom.UsageError, match="database=None"):
        replay_settings(settings(database=None))


def test_a_view_is_not_viewed_again(database):
    once = replay_settings(settings(database=database))
    assert replay_settings(once).database is once.database


# -- what is in a database --------------------------------------------------------------------------------------------------------


def filled(database):
    for key, value in [(b"one", b"\x01\x02"), (b"one.secondary", b"\x03"), (b"one.pareto", b"\x04"), (b"two", b"\x05"), (b"two", b"")]:
        database.save(key, value)
    return database


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda inner, _: inner,
        lambda inner, _: ReadOnlyDatabase(inner),
        lambda inner, _: ReplayView(ReadOnlyDatabase(inner)),
        lambda inner, other: MultiplexedDatabase(other, ReadOnlyDatabase(inner)),
        lambda inner, _: BackgroundWriteDatabase(inner),
    ],
    ids=["plain", "read-only", "replay view", "multiplexed", "background"],
)
@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_every_entry_is_found_behind_every_view(wrapped, kind, tmp_path):
    inner = filled(InMemoryExampleDatabase() if kind == "memory" else DirectoryBasedExampleDatabase(tmp_path))
    database = wrapped(inner, InMemoryExampleDatabase())
    assert {b"one", b"two"} <= keys(database)
    looked_at = database.database if isinstance(database, ReplayView) else database
    found = entries(looked_at)
    assert [(entry.key, entry.kind, entry.value) for entry in found] == [
        (b"one", "primary", b"\x01\x02"),
        (b"one", "secondary", b"\x03"),
        (b"one", "pareto", b"\x04"),
        (b"two", "primary", b"\x05"),
    ]
    assert len({entry.name for entry in found}) == 4
    assert all((entry.saved_s is not None) is (kind == "folder") for entry in found)


def test_a_database_that_cannot_name_its_keys_is_asked_for_known_ones():
    class Mute(InMemoryExampleDatabase):
        def __init__(self):
            super().__init__()
            self.hidden, self.data = self.data, {}

        def fetch(self, key):
            yield from self.hidden.get(key, ())

    database = Mute()
    database.hidden[b"key"] = {b"example"}
    assert entries(database) == []
    assert entries(database, [b"key", b"key.secondary"]) == [Entry(b"key", "primary", b"example")]


def test_an_entry_is_removed_unless_it_stands_in_a_read_only_part(tmp_path):
    database = filled(DirectoryBasedExampleDatabase(tmp_path))
    secondary = entries(database)[1]
    assert not remove(ReadOnlyDatabase(database), secondary)
    assert remove(database, secondary)
    assert secondary not in entries(database)


# -- what is kept about failures ----------------------------------------------------------------------------------------------


def test_what_is_kept_about_a_failure_is_read_back_the_latest_for_each_key():
    database = filled(InMemoryExampleDatabase())
    old = Kept(b"one".hex(), "test_a.py::test", "2026-01-01", "AssertionError: é", "picture", "code")
    new = Kept(b"one".hex(), "test_a.py::test", "2026-01-02", "ValueError", why_not="argument 'x'")
    write_index(database, old)
    assert read_index(database) == [old]
    write_index(database, new)
    assert read_index(database) == [new]
    assert len(set(database.fetch(INDEX))) == 1
    other = Kept(b"two".hex(), "test_b.py::test", "2026-01-02", "KeyError")
    write_index(database, other)
    assert read_index(database) == [new, other]
    forget(database, b"one")
    assert read_index(database) == [other]
    assert all(entry.key != INDEX for entry in entries(database))


def test_what_cannot_be_read_is_passed_over():
    database = InMemoryExampleDatabase()
    for text in (b"", b"[1]", b"{", b'{"key": "zz", "test": "", "seen": "", "headline": ""}', b'{"other": 1}'):
        database.save(INDEX, text)
    assert read_index(database) == []
    write_index(database, Kept("00", "t", "2026", "E"))
    assert len(read_index(database)) == 1


def test_what_is_kept_finds_entries_that_a_database_does_not_name():
    database = InMemoryExampleDatabase()
    database.save(b"key.secondary", b"example")
    write_index(database, Kept(b"key".hex(), "t", "2026", "E"))
    assert [(entry.key, entry.kind) for entry in entries(database)] == [(b"key", "secondary")]
