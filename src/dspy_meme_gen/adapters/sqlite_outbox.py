"""An outbox on disk: what waits for the store outlives this process, however it ends."""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.adapters.records import record_from_row, row_from_record
from dspy_meme_gen.domain import MemeRecord

__all__ = ["SqliteOutbox"]

logger = logging.getLogger("memespy.outbox")

_TABLE = """
CREATE TABLE IF NOT EXISTS outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT, edition INTEGER NOT NULL DEFAULT 1, id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL, style TEXT, context TEXT, meme TEXT NOT NULL, png BLOB NOT NULL
)"""
_ADD = """
INSERT INTO outbox (id, topic, style, context, meme, png) VALUES (:id, :topic, :style, :context, :meme, :png)
ON CONFLICT (id) DO UPDATE SET edition = edition + 1, topic = excluded.topic, style = excluded.style, context = excluded.context,
    meme = excluded.meme, png = excluded.png"""
_LOCKED_S = 5.0


class SqliteOutbox:
    """Keeps records in a SQLite file; `add` returns when the record is on the disk.

    A process that dies between the store's answer and the removal of the record writes that record once more when it comes back, which
    changes nothing: a store keeps one record for each id. If the disk refuses a record, it is kept in memory, and the log says so. Raises
    sqlite3.Error where the file cannot be read. Nothing is opened before the first call. Any thread may call, and several processes may
    share a file.
    """

    durable = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._unsaved = MemoryOutbox()

    def add(self, record: MemeRecord) -> None:
        """Queue a record; one with the same id that still waits is replaced where it stands."""
        try:
            with self._transaction() as connection:
                connection.execute(_ADD, row_from_record(record))
        except (sqlite3.Error, OSError) as error:
            logger.error("the outbox %s cannot be written (%s); a meme is kept in memory only", self._path, error)  # noqa: TRY400 - no traceback for a full disk
            self._unsaved.add(record)
        else:
            if self._unsaved.find(record.id) is not None:
                self._unsaved.add(record)  # what could not be saved before must not come after this one, and undo it

    def find(self, meme_id: str) -> MemeRecord | None:
        """The waiting record of a meme, or None."""
        row = self._row("SELECT * FROM outbox WHERE id = ?", meme_id)
        return self._unsaved.find(meme_id) or (None if row is None else record_from_row(row))

    def waiting(self) -> tuple[MemeRecord, ...]:
        """The records that wait, oldest first."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT * FROM outbox ORDER BY number").fetchall()
        return (*map(record_from_row, rows), *self._unsaved.waiting())

    def __len__(self) -> int:
        """How many records wait; those in a file that cannot be read are not counted."""
        try:
            saved: int = self._row("SELECT COUNT(*) FROM outbox")[0]
        except (sqlite3.Error, OSError):
            saved = 0
        return saved + len(self._unsaved)

    def drain(self, put: Callable[[MemeRecord], None]) -> None:
        """Write with `put`, oldest first, until nothing is left; one record is in memory at a time."""
        while (row := self._first()) is not None:
            put(record_from_row(row))
            with self._transaction() as connection:
                # A newer record of the same meme may have come meanwhile; that one is still to be written.
                connection.execute("DELETE FROM outbox WHERE number = ? AND edition = ?", (row["number"], row["edition"]))
        self._unsaved.drain(put)

    def close(self) -> None:
        """Let go of the file; a later call opens it anew."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _first(self) -> Any:  # noqa: ANN401 - as _row
        try:
            return self._row("SELECT * FROM outbox ORDER BY number LIMIT 1")
        except (sqlite3.Error, OSError) as error:
            # The store may be well: a damaged outbox must not keep new memes from it.
            logger.error("the outbox %s cannot be read (%s); what waits in it stays there", self._path, error)  # noqa: TRY400 - as in add
            return None

    def _row(self, query: str, *arguments: str) -> Any:  # noqa: ANN401 - sqlite3.Row or None
        with self._transaction() as connection:
            return connection.execute(query, arguments).fetchone()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection is None:
                self._connection = self._open()
            with self._connection:
                yield self._connection

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_LOCKED_S, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")  # each commit is on the disk before it returns
            connection.execute(_TABLE)
        except BaseException:
            connection.close()
            raise
        return connection
