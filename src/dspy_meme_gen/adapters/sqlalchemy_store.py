"""Memes in a database, through SQLAlchemy: SQLite or PostgreSQL."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects import postgresql, sqlite

from dspy_meme_gen.adapters.database import database_url, deadline_for, open_engine
from dspy_meme_gen.adapters.records import meme_from_json, record_from_row, row_from_record
from dspy_meme_gen.adapters.schema import MEMES, prepare
from dspy_meme_gen.adapters.system_clock import SystemClock
from dspy_meme_gen.domain import MemePage, MemeRecord, StoredMeme
from dspy_meme_gen.ports import Clock

__all__ = ["SqlAlchemyStore"]

_LISTED = (MEMES.c.position, MEMES.c.meme, MEMES.c.topic, MEMES.c.style, MEMES.c.context, MEMES.c.stored_at_s)
_UPDATED = ("topic", "style", "context", "meme", "png")
_LONGEST_PAGE = 100


class SqlAlchemyStore:
    """Keeps records in one table. Raises InvalidSettings for a URL that is none, and in use whatever SQLAlchemy raises.

    Nothing is opened before the first call, which also brings the schema up to date. `close` lets go of everything; a later call opens it
    anew. Any thread may call. A call takes at most about `limit_s` seconds (2 more if it must connect), whatever the server does, and
    after an outage the same store works again. SQLite serves one caller at a time: in memory it has but one connection, and a reader's
    end would roll a writer's work back.
    """

    def __init__(self, url: str, *, limit_s: float = 5.0, clock: Clock | None = None) -> None:
        self._url = database_url(url)
        self._limit_s = limit_s
        self._clock: Clock = clock or SystemClock()
        self._deadline = deadline_for(self._url, limit_s)
        self._opening = threading.Lock()
        self._in_turn: Any = threading.Lock() if self._url.get_backend_name() == "sqlite" else contextlib.nullcontext()
        self._insert: Any = (sqlite if self._url.get_backend_name() == "sqlite" else postgresql).insert
        self._engine: Engine | None = None
        self._trouble: str | None = None

    def put(self, record: MemeRecord) -> None:
        """Insert the record, or update the one with its id, which keeps its place and its time. One statement: nobody races it."""
        row = row_from_record(record)
        statement = self._insert(MEMES).values(**row, stored_at_s=self._clock.wall_s())
        statement = statement.on_conflict_do_update(index_elements=["id"], set_={name: row[name] for name in _UPDATED})
        with self._connected() as connection:
            connection.execute(statement)
            connection.commit()

    def get(self, meme_id: str) -> MemeRecord | None:
        """The record of a meme, or None."""
        with self._connected() as connection:
            row = connection.execute(select(MEMES).where(MEMES.c.id == meme_id)).mappings().first()
        return None if row is None else record_from_row(dict(row))

    def all(self) -> tuple[MemeRecord, ...]:
        """Every record, in the order in which their ids were first put."""
        with self._connected() as connection:
            rows = connection.execute(select(MEMES).order_by(MEMES.c.position)).mappings().all()
        return tuple(record_from_row(dict(row)) for row in rows)

    def page(self, *, limit: int, start: int | None = None) -> MemePage:
        """At most `limit` (1 to 100) memes, newest first; no picture is read for it. ValueError for another limit."""
        if not 1 <= limit <= _LONGEST_PAGE:
            raise ValueError(f"limit is {limit}; expected 1 to {_LONGEST_PAGE}")
        query = select(*_LISTED).order_by(MEMES.c.position.desc()).limit(limit + 1)
        if start is not None:
            query = query.where(MEMES.c.position <= start)
        with self._connected() as connection:
            rows = connection.execute(query).all()
        memes = tuple(StoredMeme(meme_from_json(row.meme), row.topic, row.style, row.context, row.stored_at_s) for row in rows[:limit])
        return MemePage(memes, rows[limit].position if len(rows) > limit else None)

    def migrate(self) -> str | None:
        """Bring the schema up to date; the revision that was found ("" for an empty database), or None if there was nothing to do."""
        with self._guarded(), self._opening:
            if self._engine is not None:
                return None
            self._engine, found = self._open()
            return found

    def trouble(self) -> str | None:
        """The class of what the last call raised, or None."""
        return self._trouble

    def close(self) -> None:
        """Let go of the database."""
        with self._in_turn, self._opening:
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._guarded(), self._in_turn, self._opened().connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """A deadline, and a note of how it went."""
        try:
            with self._deadline():
                yield
        except Exception as error:
            self._trouble = type(error).__name__
            raise
        self._trouble = None

    def _opened(self) -> Engine:
        engine = self._engine
        if engine is not None:
            return engine
        with self._opening:
            if self._engine is None:
                self._engine, _ = self._open()
            return self._engine

    def _open(self) -> tuple[Engine, str | None]:
        engine = open_engine(self._url, self._limit_s)
        try:
            found = prepare(engine)
        except BaseException:
            engine.dispose()
            raise
        return engine, found
