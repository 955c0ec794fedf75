"""Connections to PostgreSQL that give up in time.

A server that is paused keeps its sockets open and its kernel acknowledges what is sent: neither keepalives nor the server's own
statement_timeout ever fire, and libpq waits for ever. So the wait itself has an end here.
"""

import contextlib
import time
from collections.abc import Generator, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

import psycopg

__all__ = ["DeadlineConnection", "connect", "deadline"]

_CONNECT_S = 2
"""The least that libpq allows for one attempt to connect."""

_expires_at_s: ContextVar[float] = ContextVar("memespy_database_deadline", default=float("inf"))

Result = TypeVar("Result")


@contextlib.contextmanager
def deadline(limit_s: float) -> Iterator[None]:
    """Everything that this thread asks of PostgreSQL in the block ends within `limit_s` seconds, and 2 s more where it must connect."""
    token = _expires_at_s.set(time.monotonic() + limit_s)
    try:
        yield
    finally:
        _expires_at_s.reset(token)


def connect(*arguments: Any, **options: Any) -> "DeadlineConnection":  # noqa: ANN401 - psycopg's own parameters
    """A connection, as psycopg.connect makes it. Raises psycopg.OperationalError, also when there is no time left to try."""
    if time.monotonic() >= _expires_at_s.get():
        raise psycopg.OperationalError("no time is left to connect to the database")
    return DeadlineConnection.connect(*arguments, connect_timeout=_CONNECT_S, **options)


class DeadlineConnection(psycopg.Connection[Any]):
    """A connection that is closed when the deadline passes while it waits: nobody knows what the server will still say on it."""

    def wait(self, gen: Generator[Any, Any, Result], *arguments: Any, **options: Any) -> Result:  # noqa: ANN401 - as connect
        """Wait for the server as psycopg does. Raises psycopg.OperationalError when the deadline passes first."""
        return super().wait(self._in_time(gen), *arguments, **options)

    def _in_time(self, gen: Generator[Any, Any, Result]) -> Generator[Any, Any, Result]:
        """The same conversation; psycopg looks in every tenth of a second, also when nothing came."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() >= _expires_at_s.get():
                    self.pgconn.finish()
                    raise psycopg.OperationalError("the database did not answer in time; the connection was closed")
                wanted = gen.send(ready)
        except StopIteration as end:
            result: Result = end.value
            return result
