"""The default order: run on, then first come, first served."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.task import Task


class Fifo:
    """Always the default."""

    def begin(self, execution: int) -> None:
        """Nothing to prepare: every execution is the same."""

    def choose(self, options: Sequence[Task]) -> int:  # noqa: ARG002 - whatever they are
        """The default order."""
        return 0

    def choose_value(self, count: int) -> int:  # noqa: ARG002 - however many
        """The first value."""
        return 0
