"""The service's own store in memory, with a switch by which it goes away as databases do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import OperationalError

from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore

if TYPE_CHECKING:
    from dspy_meme_gen.domain import MemePage, MemeRecord
    from machines.world import ScriptedPorts

SECRET: Final = "postgresql://memes:hunter2@10.0.0.7/memes"
"""What the database says when it is away, and nobody outside may read."""


class ShelfStore:
    """SQLite in memory. It outlives the pipeline, whose `close` it does not hear: clients still look at it."""

    def __init__(self, script: ScriptedPorts) -> None:
        self._script = script
        self._store = SqlAlchemyStore("sqlite://")
        self._trouble: str | None = None

    def put(self, record: MemeRecord) -> None:
        self._meet()
        self._store.put(record)

    def get(self, meme_id: str) -> MemeRecord | None:
        self._meet()
        return self._store.get(meme_id)

    def all(self) -> tuple[MemeRecord, ...]:
        self._meet()
        return self._store.all()

    def page(self, *, limit: int, start: int | None = None) -> MemePage:
        self._meet()
        return self._store.page(limit=limit, start=start)

    def trouble(self) -> str | None:
        return self._trouble

    def close(self) -> None:
        """The pipeline has stopped."""

    def end(self) -> None:
        """Nobody looks any more."""
        self._store.close()

    def _meet(self) -> None:
        if self._script.store_is_down:
            self._trouble = "OperationalError"
            raise OperationalError(f"SELECT 1 -- {SECRET}", {}, ConnectionError(SECRET))
        self._trouble = None
