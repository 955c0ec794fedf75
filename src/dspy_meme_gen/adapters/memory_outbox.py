"""An outbox in memory: records that could not be stored yet, in order."""

import threading
from collections.abc import Callable

from dspy_meme_gen.domain import MemeRecord

__all__ = ["MemoryOutbox"]


class MemoryOutbox:
    """Keeps records until they are written, each exactly once. It belongs to the pipeline and outlives the store actor.

    Any thread may add; only one at a time may drain (the store actor, and after it has stopped, the pipeline).
    """

    durable = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, MemeRecord] = {}

    def add(self, record: MemeRecord) -> None:
        """Queue a record. One with the same id that still waits is replaced where it stands: writing both would write the meme twice."""
        with self._lock:
            self._records[record.id] = record

    def find(self, meme_id: str) -> MemeRecord | None:
        """The waiting record of a meme, or None."""
        with self._lock:
            return self._records.get(meme_id)

    def waiting(self) -> tuple[MemeRecord, ...]:
        """The records that wait, oldest first."""
        with self._lock:
            return tuple(self._records.values())

    def __len__(self) -> int:
        """How many records wait."""
        with self._lock:
            return len(self._records)

    def drain(self, put: Callable[[MemeRecord], None]) -> None:
        """Write with `put`, oldest first, until nothing is left. What `put` raises goes to the caller; its record stays first in line."""
        while True:
            with self._lock:
                record = next(iter(self._records.values()), None)
            if record is None:
                return
            put(record)
            with self._lock:
                # A newer record of the same meme may have come meanwhile; that one is still to be written.
                if self._records.get(record.id) is record:
                    del self._records[record.id]
