"""A store that remembers what went through it lately, for the time when it cannot be asked."""

import threading
from collections import OrderedDict
from typing import Protocol, TypeVar

from dspy_meme_gen.adapters.system_clock import SystemClock
from dspy_meme_gen.domain import MemePage, MemeRecord
from dspy_meme_gen.errors import StoreAway
from dspy_meme_gen.ports import Clock, Closeable, MemeCatalogue, MemeStore, Troubled

__all__ = ["RecallingStore"]

_T = TypeVar("_T")


class _Whole(MemeStore, MemeCatalogue, Troubled, Closeable, Protocol):
    """What it stands before."""


class RecallingStore:
    """The store behind it, and the latest records that were put or got, up to `limit_bytes` of pictures. Any thread may call.

    Its own calls are the store's, and raise what that raises: only `recall` answers from memory, for those who say so to their readers.
    After a put that failed no other is tried for `rest_s` seconds, or until some other call succeeds: a server that is paused makes each
    of them wait, one after another. They raise StoreAway at once.
    """

    def __init__(self, store: _Whole, limit_bytes: int, *, rest_s: float = 0.0, clock: Clock | None = None) -> None:
        self._store = store
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._records: OrderedDict[str, MemeRecord] = OrderedDict()
        self._bytes = 0
        self._rest_s = rest_s
        self._clock: Clock = clock or SystemClock()
        self._resting_until_s = float("-inf")

    def put(self, record: MemeRecord) -> None:
        """As the store's, but StoreAway soon after one that failed."""
        if self._clock.monotonic_s() < self._resting_until_s:
            raise StoreAway("the store did not take the last meme, and is left alone for a while")
        try:
            self._store.put(record)
        except Exception:
            self._resting_until_s = self._clock.monotonic_s() + self._rest_s
            raise
        self._remember(record)

    def get(self, meme_id: str) -> MemeRecord | None:
        """As the store's."""
        record = self._answered(self._store.get(meme_id))
        if record is not None:
            self._remember(record)
        return record

    def recall(self, meme_id: str) -> MemeRecord | None:
        """The record as it was last put or got through here, or None; asks nobody."""
        with self._lock:
            return self._records.get(meme_id)

    def all(self) -> tuple[MemeRecord, ...]:
        """As the store's."""
        return self._answered(self._store.all())

    def page(self, *, limit: int, start: int | None = None) -> MemePage:
        """As the store's."""
        return self._answered(self._store.page(limit=limit, start=start))

    def trouble(self) -> str | None:
        """As the store's."""
        return self._store.trouble()

    def close(self) -> None:
        """As the store's."""
        self._store.close()

    def _answered(self, result: _T) -> _T:
        """The store is well: a rest is over for good, also if it fails again soon."""
        self._resting_until_s = float("-inf")
        return result

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
