"""A database comes to the newest schema from wherever it is, and keeps its memes."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from dspy_meme_gen.adapters import schema
from dspy_meme_gen.adapters.database import database_url, open_engine
from dspy_meme_gen.adapters.records import row_from_record
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.errors import SchemaUnknown
from tests.memespy.contracts.memes import record

Run = Callable[[int, Callable[[int], Any]], list[Any]]

FIRST = """CREATE TABLE memes (position {serial}, id VARCHAR(32) NOT NULL, topic TEXT NOT NULL, style TEXT, context TEXT,
meme TEXT NOT NULL, png {blob} NOT NULL, UNIQUE (id))"""
"""The table as the first release made it."""


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=pytest.mark.integration)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    made: str = f"sqlite:///{tmp_path}/memes.db" if request.param == "SQLite" else request.getfixturevalue("postgres_url")
    return made


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = open_engine(database_url(url), 10.0)
    yield engine
    engine.dispose()


def make_first(engine: Engine) -> None:
    """A database of the first release with two memes in it."""
    sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        serial = "INTEGER NOT NULL PRIMARY KEY" if sqlite else "SERIAL PRIMARY KEY"
        connection.execute(text(FIRST.format(serial=serial, blob="BLOB" if sqlite else "BYTEA")))
        for identity in ("m-2", "m-1"):
            columns = "id, topic, style, context, meme, png"
            values = ", ".join(f":{name.strip()}" for name in columns.split(","))
            connection.execute(text(f"INSERT INTO memes ({columns}) VALUES ({values})"), row_from_record(record(identity)))


def test_an_empty_database_has_exactly_the_tables_that_the_code_knows(url: str, engine: Engine) -> None:
    assert schema.prepare(engine) == ""
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.METADATA) == []
        assert schema.revision(connection) == schema.HEAD
    assert schema.prepare(engine) is None


def test_a_database_of_the_first_release_is_migrated_to_the_same_and_keeps_its_memes(url: str, engine: Engine) -> None:
    make_first(engine)
    store = SqlAlchemyStore(url)
    assert store.migrate() == "0001"
    assert store.all() == (record("m-2"), record("m-1"))
    store.put(record("m-3"))
    assert [each.stored_at_s > 0 for each in store.page(limit=5).memes] == [True, False, False]
    store.close()
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.METADATA) == []
        assert "memes_by_time" in {index["name"] for index in inspect(connection).get_indexes("memes")}


def test_a_store_migrates_what_it_opens(url: str, engine: Engine) -> None:
    make_first(engine)
    store = SqlAlchemyStore(url)
    assert store.get("m-1") == record("m-1")
    assert store.migrate() is None
    store.close()


@pytest.mark.parametrize("old", [False, True])
def test_many_may_open_it_at_once(url: str, engine: Engine, old: bool, in_threads: Run) -> None:
    if old:
        make_first(engine)
    stores = [SqlAlchemyStore(url, limit_s=20.0) for _ in range(4)]
    assert in_threads(4, lambda number: stores[number].put(record(f"m-{number + 1}"))) == [None] * 4
    assert {each.id for each in stores[0].all()} == {"m-1", "m-2", "m-3", "m-4"}
    for store in stores:
        store.close()


def test_a_database_of_a_newer_release_is_left_alone(url: str, engine: Engine) -> None:
    schema.prepare(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store = SqlAlchemyStore(url)
    with pytest.raises(SchemaUnknown, match="9999"):
        store.put(record())
    assert store.trouble() == "SchemaUnknown"
    store.close()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM memes")).scalar() == 0


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(database_url(f"sqlite:///{tmp_path}/memes.db"), 10.0)
    make_first(engine)
    before = sqlite3.connect(tmp_path / "memes.db")
    monkeypatch.setattr("alembic.operations.Operations.create_index", _raise)
    with pytest.raises(RuntimeError, match="halfway"):
        schema.prepare(engine)
    engine.dispose()
    columns = [row[1] for row in before.execute("PRAGMA table_info(memes)")]
    tables = [row[0] for row in before.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    before.close()
    assert "stored_at_s" not in columns
    assert tables == ["memes"]


def test_the_revision_of_this_release_is_the_last_migration() -> None:
    scripts = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    assert scripts.get_heads() == [schema.HEAD]


def _raise(*_: object, **__: object) -> None:
    raise RuntimeError("halfway")
