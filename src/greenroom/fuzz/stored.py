"""The example database of a long run: what was saved there is never deleted by it."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase, MultiplexedDatabase

from greenroom.errors import UsageError
from greenroom.failures import INDEX

if TYPE_CHECKING:
    from collections.abc import Iterable

SECONDARY: Final = b".secondary"
_MOST_SECONDARY: Final = 20
_KEPT: Final = timedelta(days=60)


class KeepingDatabase(ExampleDatabase):
    """Passes on what is saved, and deletes no example.

    Hypothesis deletes what no longer fails when it is run again; a long run passes over failures that are known, so it must not. With
    ``replays`` the saved examples are handed out as if they had not been shrunk: Hypothesis would otherwise take for finished what a
    killed process has left half shrunk.

    Args:
        database: where it all is.
        folder: where files are prepared that then take their place; on the same disk, so that they do so as a whole.
        replays: as above.
    """

    def __init__(self, database: ExampleDatabase, folder: Path, *, replays: bool = False) -> None:
        super().__init__()
        self._database = database
        self._folder = folder
        self.replays = replays

    def __repr__(self) -> str:
        return f"KeepingDatabase({self._database!r})"

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """The examples of ``key``; of the secondary corpus only the smallest."""
        if not self.replays or key == INDEX:
            yield from self._database.fetch(key)
        elif key.endswith(SECONDARY):
            first = sorted(self._database.fetch(key.removesuffix(SECONDARY)), key=_size)
            rest = sorted(set(self._database.fetch(key)) - set(first), key=_size)
            yield from [*first, *rest[:_MOST_SECONDARY]]

    def save(self, key: bytes, value: bytes) -> None:
        """Save it."""
        with self._nearby():
            self._database.save(key, value)

    def delete(self, key: bytes, value: bytes) -> None:
        """No example is deleted; only what is told of failures takes the place of what was told before."""
        if key == INDEX:
            self._database.delete(key, value)

    def move(self, source: bytes, target: bytes, value: bytes) -> None:
        """As the database does: what is moved stays."""
        with self._nearby():
            self._database.move(source, target, value)

    def _nearby(self) -> _TemporaryFolder:
        return _TemporaryFolder(str(self._folder))


class _TemporaryFolder:
    """Temporary files are made there; Hypothesis makes them where the system says, which is often another disk."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._before: str | None = None

    def __enter__(self) -> None:
        self._before = tempfile.tempdir
        tempfile.tempdir = self._folder

    def __exit__(self, *exception: object) -> None:
        tempfile.tempdir = self._before


def opened(place: str | None) -> ExampleDatabase | None:
    """The database that ``--database`` names: a folder, or ``redis://HOST:PORT/NUMBER``; None for None.

    Raises:
        UsageError: there is no Redis client, or no Redis there.
    """
    if place is None:
        return None
    if not place.startswith(("redis://", "rediss://", "unix://")):
        return DirectoryBasedExampleDatabase(place)
    try:
        import redis  # noqa: PLC0415 - only who joins machines needs it
        from hypothesis.extra.redis import RedisExampleDatabase  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(f"--database {place} needs the redis client: pip install redis") from error
    try:
        client = redis.Redis.from_url(place)
        client.ping()
    except (redis.RedisError, ValueError) as error:
        raise UsageError(f"--database {place}: {error}") from error
    return RedisExampleDatabase(client, expire_after=_KEPT)


def joined(own: ExampleDatabase | None, shared: ExampleDatabase | None) -> ExampleDatabase:
    """Both; where the tests' settings have none, Hypothesis's usual folder takes its place: a run without a database would lose all."""
    first = own if own is not None else DirectoryBasedExampleDatabase(Path(".hypothesis") / "examples")
    return first if shared is None else MultiplexedDatabase(first, shared)


def _size(value: bytes) -> tuple[int, bytes]:
    return len(value), value
