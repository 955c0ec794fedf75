"""The database and the outbox of the store machine: they outlive the process that uses them, and fail as they are told to."""

from __future__ import annotations

import sqlite3
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.adapters.records import record_from_row
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.adapters.sqlite_outbox import SqliteOutbox
from dspy_meme_gen.domain import MemePage, MemeRecord, StoredMeme
from machines.world import PortDown

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["memory", "durable", "real"]
"""What is used: an outbox in memory or in a file, a scripted database or SQLite."""

SLOW_S: Final = 3.13
LATE_S: Final = 23.29  # past the limit of a call, and of another one that was made meanwhile
HANGS_S: Final = 25.71
NAPS: Final = {"slow": SLOW_S, "late": LATE_S, "hangs": HANGS_S}


class Died(BaseException):
    """The store's actor dies in the middle of what it does: no `except Exception` on the way may catch it."""


class Life:
    """A process: once it is over, nothing that is left of it has any effect."""

    def __init__(self) -> None:
        self.ended = False
        self._over = threading.Event()

    def end(self) -> None:
        """As SIGKILL does."""
        self.ended = True

    def wake(self) -> None:
        """Whoever naps need not go on with it."""
        self._over.set()

    def nap(self, seconds: float) -> None:
        """Wait, but not longer than this life."""
        self._over.wait(seconds)


class Database:
    """What outlives every process: the memes, and the outbox where it is a file.

    Each of `troubles` befalls one write: it "fails"; it is done and the reply is "lost"; it is "slow"; its reply comes "late", past the
    limit of a call; it "hangs", and then fails. Or the store's actor "dies first" or "dies after" the write; or the whole process is
    "killed first" or "killed after". `note` is told of every write and read in the very step in which it happens.
    """

    def __init__(self, kind: Kind, note: Callable[..., None]) -> None:
        self.kind = kind
        self.note = note
        self.down = False
        self.troubles: list[str] = []
        self.rows: dict[str, MemeRecord] = {}
        self._folder = None if kind == "memory" else tempfile.TemporaryDirectory(prefix="store-machine-")
        self._lookers: dict[str, sqlite3.Connection] = {}
        self._files: list[SqliteOutbox] = []
        if kind == "real":
            (self.folder / "memes.db").write_bytes(_empty_database())

    @property
    def folder(self) -> Path:
        """Where the files are."""
        assert self._folder is not None
        return Path(self._folder.name)

    def store(self, life: Life) -> _Store:
        """The database as a process sees it."""
        return _Store(self, life, SqlAlchemyStore(f"sqlite:///{self.folder / 'memes.db'}") if self.kind == "real" else _Rows(self.rows))

    def outbox(self, life: Life) -> _Outbox:
        """The outbox of a process: its own, or the one file."""
        if self.kind == "memory":
            return _Outbox(self, life, MemoryOutbox())
        self._files.append(SqliteOutbox(self.folder / "outbox.db"))
        return _Outbox(self, life, self._files[-1])

    def stored(self) -> tuple[MemeRecord, ...]:
        """What the database holds, looked at from outside."""
        if self.kind != "real":
            return tuple(self.rows.values())
        return self._look("memes.db", "SELECT * FROM memes ORDER BY position")

    def waiting(self) -> tuple[MemeRecord, ...]:
        """What is in the outbox's file, looked at from outside; nothing where there is none."""
        if self.kind == "memory":
            return ()
        return self._look("outbox.db", "SELECT * FROM outbox ORDER BY number")

    def _look(self, file: str, query: str) -> tuple[MemeRecord, ...]:
        """What a connection of its own is shown: no more than what was committed."""
        if not (self.folder / file).exists():
            return ()
        connection = self._lookers.get(file)
        if connection is None:
            connection = self._lookers[file] = sqlite3.connect(self.folder / file, check_same_thread=False)
            connection.row_factory = sqlite3.Row
        try:
            return tuple(record_from_row(row) for row in connection.execute(query).fetchall())
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return ()

    def close(self) -> None:
        """Remove the files. Whoever looked into an outbox after its service had stopped has opened it anew."""
        for outbox in self._files:
            outbox.close()
        for connection in self._lookers.values():
            connection.close()
        if self._folder is not None:
            self._folder.cleanup()


class _Rows:
    """A database that is a dictionary."""

    def __init__(self, rows: dict[str, MemeRecord]) -> None:
        self._rows = rows

    def put(self, record: MemeRecord) -> None:
        self._rows[record.id] = record

    def get(self, meme_id: str) -> MemeRecord | None:
        return self._rows.get(meme_id)

    def all(self) -> tuple[MemeRecord, ...]:
        return tuple(self._rows.values())

    def page(self, *, limit: int, start: int | None = None) -> MemePage:
        rows = list(self._rows.values())
        end = len(rows) if start is None else start
        memes = tuple(StoredMeme(row.meme, row.topic, row.style, row.context, 0.0) for row in reversed(rows[max(0, end - limit) : end]))
        return MemePage(memes, end - limit if end > limit else None)

    def close(self) -> None:
        pass


class _Store:
    """A process's way to the database."""

    def __init__(self, database: Database, life: Life, inner: Any) -> None:
        self._database = database
        self._life = life
        self._inner = inner
        self._trouble: str | None = None

    def put(self, record: MemeRecord) -> None:
        if self._life.ended:
            return
        database = self._database
        database.note("begins", record)
        trouble = "fails" if database.down else database.troubles.pop(0) if database.troubles else ""
        if trouble in ("slow", "hangs"):
            self._life.nap(NAPS[trouble])
        if trouble == "killed first":
            self._life.end()
        if self._life.ended:
            return
        if trouble == "dies first":
            self._end("unheard")
            raise Died
        if database.down or trouble in ("fails", "hangs"):
            self._end("failed")
            raise PortDown("the database is down")
        self._write(record, trouble)

    def _write(self, record: MemeRecord, trouble: str) -> None:
        try:
            self._inner.put(record)
        except Exception:
            self._end("failed")
            raise
        if trouble == "late":
            self._life.nap(LATE_S)
        if trouble == "killed after":
            self._life.end()
        if self._life.ended:
            return
        if trouble in ("lost", "dies after"):
            self._end("unheard")
            raise Died if trouble == "dies after" else PortDown("the reply was lost")
        self._end("done")

    def get(self, meme_id: str) -> MemeRecord | None:
        found: MemeRecord | None = self._read(lambda: self._inner.get(meme_id))
        return found

    def all(self) -> tuple[MemeRecord, ...]:
        every: tuple[MemeRecord, ...] = self._read(self._inner.all)
        return every

    def page(self, *, limit: int, start: int | None = None) -> MemePage:
        page: MemePage = self._read(lambda: self._inner.page(limit=limit, start=start))
        return page

    def trouble(self) -> str | None:
        return self._trouble

    def close(self) -> None:
        self._inner.close()

    def _read(self, read: Callable[[], Any]) -> Any:
        if self._database.down:
            self._trouble = "PortDown"
            self._database.note("reads", False, None)
            raise PortDown("the database is down")
        result = read()
        self._trouble = None
        self._database.note("reads", True, result if isinstance(result, MemeRecord) else None)
        return result

    def _end(self, how: str) -> None:
        self._trouble = None if how == "done" else "PortDown"
        self._database.note("ends", how)


class _Outbox:
    """A process's way to its outbox. It notes what is put in; what is taken out shows in the writes."""

    def __init__(self, database: Database, life: Life, inner: Any) -> None:
        self._database = database
        self._life = life
        self._inner = inner
        self.durable = inner.durable

    def add(self, record: MemeRecord) -> None:
        if not self._life.ended:
            self._database.note("queues", record)
            self._inner.add(record)
            self._database.note("queued")

    def find(self, meme_id: str) -> MemeRecord | None:
        found: MemeRecord | None = self._inner.find(meme_id)
        return found

    def waiting(self) -> tuple[MemeRecord, ...]:
        every: tuple[MemeRecord, ...] = self._inner.waiting()
        return every

    def __len__(self) -> int:
        return len(self._inner)

    def drain(self, put: Callable[[MemeRecord], None]) -> None:
        if not self._life.ended:
            self._inner.drain(self._while_alive(put))

    def close(self) -> None:
        if self.durable:
            self._inner.close()

    def _while_alive(self, put: Callable[[MemeRecord], None]) -> Callable[[MemeRecord], None]:
        """The dead take nothing out of a file."""

        def put_or_stop(record: MemeRecord) -> None:
            put(record)
            if self._life.ended:
                raise PortDown("killed")

        return put_or_stop


@cache
def _empty_database() -> bytes:
    """A database with our schema and no memes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memes.db"
        store = SqlAlchemyStore(f"sqlite:///{path}")
        store.migrate()
        store.close()
        return path.read_bytes()
