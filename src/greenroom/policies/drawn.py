"""Hypothesis draws the choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenroom.task import Task

MOST_DRAWS = 1_000  # an example has room for about 3,000 small decisions; the default order follows


class Drawn:
    """Asks ``draw(count)`` for each choice, up to ``MOST_DRAWS`` of them, then keeps to the default order."""

    def __init__(self, draw: Callable[[int], int], *, most: int = MOST_DRAWS) -> None:
        self._draw = draw
        self._left = most

    def begin(self, execution: int) -> None:
        """An example is one execution; there is nothing to prepare."""

    def choose(self, options: Sequence[Task]) -> int:
        """What was drawn."""
        return self.choose_value(len(options))

    def choose_value(self, count: int) -> int:
        """What was drawn."""
        if self._left <= 0:
            return 0
        self._left -= 1
        return self._draw(count)


def from_bytes(data: bytes) -> Drawn:
    """One byte a choice, byte % options; when the bytes are used up the default order follows."""
    feed = iter(data)
    return Drawn(lambda count: next(feed, 0) % count, most=len(data))
