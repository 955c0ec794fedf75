"""The databases that MemesPy can use: their URLs, and an engine for each that never waits without end."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, StaticPool

from dspy_meme_gen.errors import InvalidSettings

__all__ = ["database_url", "deadline_for", "open_engine"]

_CONNECTIONS = 10
"""So many may be open to a PostgreSQL server at once."""


def database_url(text: str) -> URL:
    """The URL with its driver. Raises InvalidSettings, which does not repeat the text: there may be a password in it."""
    expected = "expected e.g. sqlite:///memes.db or postgresql://user:password@host/memes"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise InvalidSettings(f"DATABASE_URL is not usable; {expected}") from None
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        return url
    if url.drivername not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise InvalidSettings(f"DATABASE_URL is for {url.drivername}, which MemesPy does not speak to; {expected}")
    try:
        import psycopg  # noqa: F401, PLC0415 - an extra: only who uses it needs it
    except ImportError:
        raise InvalidSettings("DATABASE_URL is for PostgreSQL, which needs a driver: pip install 'greenroom[memespy,postgres]'") from None
    return url.set(drivername="postgresql+psycopg")


def deadline_for(url: URL, limit_s: float) -> Callable[[], AbstractContextManager[None]]:
    """What a call to this database is to be made in, so that it ends in time. SQLite keeps its own time."""
    if url.get_backend_name() == "sqlite":
        return contextlib.nullcontext
    from dspy_meme_gen.adapters.postgres_deadlines import deadline  # noqa: PLC0415 - needs the extra

    return lambda: deadline(limit_s)


def open_engine(url: URL, limit_s: float) -> Engine:
    """An engine for this database; nothing is connected yet. Values never stand in its errors."""
    return _sqlite(url, limit_s) if url.get_backend_name() == "sqlite" else _postgresql(url, limit_s)


def _sqlite(url: URL, limit_s: float) -> Engine:
    arguments = {"timeout": limit_s, "check_same_thread": False}
    if url.database in {None, "", ":memory:"}:
        # One connection for all threads: a second one would be a second, empty database.
        return create_engine(url, poolclass=StaticPool, connect_args=arguments, hide_parameters=True)
    assert url.database is not None
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    # A connection a call: nothing is tied to the thread of an actor that may be replaced.
    return create_engine(url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)


def _postgresql(url: URL, limit_s: float) -> Engine:
    from dspy_meme_gen.adapters.postgres_deadlines import connect  # noqa: PLC0415 - needs the extra

    milliseconds = round(limit_s * 1000)
    # The server is told too: what nobody waits for any more shall not hold its locks for long.
    own = f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} -c idle_in_transaction_session_timeout={2 * milliseconds}"
    theirs = url.query.get("options", "")
    options = f"{theirs if isinstance(theirs, str) else ' '.join(theirs)} {own}".strip()
    engine = create_engine(
        url.difference_update_query(["options"]),
        # A connection in the pool may have died with its server: the next caller is not to pay for it.
        pool_pre_ping=True,
        pool_size=_CONNECTIONS // 2,
        max_overflow=_CONNECTIONS - _CONNECTIONS // 2,
        pool_timeout=limit_s,
        hide_parameters=True,
        connect_args={"options": options, "application_name": "memespy", "tcp_user_timeout": milliseconds, "keepalives_idle": 30},
    )

    @event.listens_for(engine, "do_connect")
    def _connect(dialect: Any, record: Any, arguments: Any, options: Any) -> Any:  # noqa: ANN401, ARG001 - SQLAlchemy's hook
        return connect(*arguments, **options)

    return engine
