"""A store that remembers what went through it lately, for the time when it cannot be asked."""

import threading
from collections import OrderedDict
from typing import Protocol

from dspy_meme_gen.domain import MemePage, MemeRecord
from dspy_meme_gen.ports import Closeable, MemeCatalogue, MemeStore, Troubled

__all__ = ["RecallingStore"]


class _Whole(MemeStore, MemeCatalogue, Troubled, Closeable, Protocol):
    """What it stands before."""


class RecallingStore:
    """The store behind it, and the latest records that were put or got, up to `limit_bytes` of pictures. Any thread may call.

    Its own calls are the store's, and raise what that raises: only `recall` answers from memory, for those who say so to their readers.
    """

    def __init__(self, store: _Whole, limit_bytes: int) -> None:
        self._store = store
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._records: OrderedDict[str, MemeRecord] = OrderedDict()
        self._bytes = 0

    def put(self, record: MemeRecord) -> None:
        """As the store's."""
        self._store.put(record)
        self._remember(record)

    def get(self, meme_id: str) -> MemeRecord | None:
        """As the store's."""
        record = self._store.get(meme_id)
        if record is not None:
            self._remember(record)
        return record

    def recall(self, meme_id: str) -> MemeRecord | None:
        """The record as it was last put or got through here, or None; asks nobody."""
        with self._lock:
            return self._records.get(meme_id)

    def all(self) -> tuple[MemeRecord, ...]:
        """As the store's."""
        return self._store.all()

    def page(self, *, limit: int, start: int | None = None) -> MemePage:
        """As the store's."""
        return self._store.page(limit=limit, start=start)

    def trouble(self) -> str | None:
        """As the store's."""
        return self._store.trouble()

    def close(self) -> None:
        """As the store's."""
        self._store.close()

    def _remember(self, record: MemeRecord) -> None:
        with self._lock:
            self._forget(self._records.pop(record.id, None))
            self._records[record.id] = record
            self._bytes += len(record.png)
            while self._bytes > self._limit_bytes:
                self._forget(self._records.popitem(last=False)[1])

    def _forget(self, record: MemeRecord | None) -> None:
        if record is not None:
            self._bytes -= len(record.png)
