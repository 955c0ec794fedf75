"""Memes in a database, through SQLAlchemy: SQLite as a rule, anything it speaks to otherwise."""

import json
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, String, Table, Text, create_engine, insert, make_url, select, update
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool, StaticPool

from dspy_meme_gen.domain import ImageRef, Meme, MemeRecord, MemeText, Score, Verification
from dspy_meme_gen.errors import InvalidSettings

__all__ = ["SqlAlchemyStore"]

_METADATA = MetaData()
_MEMES = Table(
    "memes",
    _METADATA,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("id", String(32), nullable=False, unique=True),
    Column("topic", Text, nullable=False),
    Column("style", Text),
    Column("context", Text),
    Column("meme", Text, nullable=False),
    Column("png", LargeBinary, nullable=False),
)


class SqlAlchemyStore:
    """Keeps records in one table. Raises InvalidSettings for a URL that is none, and in use whatever SQLAlchemy raises.

    Nothing is opened before the first call. `close` lets go of everything; a later call opens it anew. Any thread may call; one at a time
    is served, for SQLite in memory has but one connection, and a reader's end would roll a writer's work back.
    """

    def __init__(self, database_url: str) -> None:
        try:
            self._url = make_url(database_url)
            self._url.get_dialect()
        except (ArgumentError, NoSuchModuleError) as error:
            raise InvalidSettings(f"DATABASE_URL is not usable: {error}; expected e.g. sqlite:///memes.db") from error
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def put(self, record: MemeRecord) -> None:
        """Insert the record, or update the one with its id, which then keeps its place."""
        row = _row(record)
        with self._lock, self._opened().begin() as connection:
            changed = connection.execute(update(_MEMES).where(_MEMES.c.id == record.id).values(row))
            if changed.rowcount == 0:
                connection.execute(insert(_MEMES).values(row))

    def get(self, meme_id: str) -> MemeRecord | None:
        """The record of a meme, or None."""
        with self._lock, self._opened().connect() as connection:
            row = connection.execute(select(_MEMES).where(_MEMES.c.id == meme_id)).mappings().first()
        return None if row is None else _record(dict(row))

    def all(self) -> tuple[MemeRecord, ...]:
        """Every record, in the order in which their ids were first put."""
        with self._lock, self._opened().connect() as connection:
            rows = connection.execute(select(_MEMES).order_by(_MEMES.c.position)).mappings().all()
        return tuple(_record(dict(row)) for row in rows)

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _opened(self) -> Engine:
        if self._engine is None:
            self._engine = self._open()
        return self._engine

    def _open(self) -> Engine:
        in_memory = self._url.get_backend_name() == "sqlite" and self._url.database in {None, "", ":memory:"}
        if in_memory:
            # One connection for all threads: a second one would be a second, empty database.
            engine = create_engine(self._url, poolclass=StaticPool, connect_args={"check_same_thread": False})
        else:
            if self._url.get_backend_name() == "sqlite" and self._url.database is not None:
                Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
            # A connection a call: nothing is tied to the thread of an actor that may be replaced.
            engine = create_engine(self._url, poolclass=NullPool)
        try:
            _METADATA.create_all(engine)
        except BaseException:
            engine.dispose()
            raise
        return engine


def _row(record: MemeRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "topic": record.topic,
        "style": record.style,
        "context": record.context,
        "meme": json.dumps(asdict(record.meme), sort_keys=True),
        "png": record.png,
    }


def _record(row: dict[str, Any]) -> MemeRecord:
    return MemeRecord(_meme(json.loads(row["meme"])), row["topic"], row["style"], row["context"], row["png"])


def _meme(fields: dict[str, Any]) -> Meme:
    return Meme(
        id=fields["id"],
        text=MemeText(**fields["text"]),
        format=fields["format"],
        image=ImageRef(**fields["image"]),
        score=Score(**fields["score"]),
        verification=tuple(Verification(**verification) for verification in fields["verification"]),
        refinement_count=fields["refinement_count"],
        degraded=tuple(fields["degraded"]),
    )
