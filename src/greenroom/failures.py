"""Views of Hypothesis's example database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis.database import ExampleDatabase

if TYPE_CHECKING:
    from collections.abc import Iterable


class ReplayView(ExampleDatabase):
    """A read-only view that counts what it hands out.

    Replaying over the database itself would delete every entry that no longer fails; and a replay that found nothing to replay must
    not look like a success.
    """

    def __init__(self, database: ExampleDatabase) -> None:
        super().__init__()
        self._database = database
        self.replayed = 0

    def __repr__(self) -> str:
        return f"ReplayView({self._database!r})"

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """The stored examples of ``key``."""
        for value in self._database.fetch(key):
            if value:
                self.replayed += 1
            yield value

    def save(self, key: bytes, value: bytes) -> None:
        """Nothing is written."""

    def delete(self, key: bytes, value: bytes) -> None:
        """Nothing is deleted."""

    def move(self, source: bytes, target: bytes, value: bytes) -> None:
        """Nothing is moved."""
