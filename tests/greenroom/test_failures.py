"""A view of the example database that replays without writing, and knows whether there was anything to replay."""

from __future__ import annotations

import unittest

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase

from greenroom.failures import ReplayView


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
