"""Who is next: high before normal before low, and nobody passed over for ever."""

from collections import deque
from typing import Generic, TypeVar

from dspy_meme_gen.domain import Priority

__all__ = ["MOST_PASSED", "Waiting"]

Item = TypeVar("Item")

MOST_PASSED = 8
"""How often a priority that waits is passed over in a row before it has its turn."""

_ORDER = (Priority.HIGH, Priority.NORMAL, Priority.LOW)


class Waiting(Generic[Item]):
    """A line for each priority, first come first served in each; `len` counts all. Not safe for several threads at once."""

    def __init__(self) -> None:
        self._lines: dict[Priority, deque[Item]] = {priority: deque() for priority in _ORDER}
        self._passed = dict.fromkeys(_ORDER, 0)

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def add(self, priority: Priority, item: Item) -> None:
        """Join the line of a priority."""
        self._lines[priority].append(item)

    def remove(self, item: Item) -> bool:
        """Leave the line; whether it was in one."""
        for priority, line in self._lines.items():
            if item in line:
                line.remove(item)
                if not line:
                    self._passed[priority] = 0  # whoever comes next has not waited yet
                return True
        return False

    def take(self) -> Item | None:
        """Whoever is next, or None: the highest priority, unless a lower one has been passed over `MOST_PASSED` times."""
        lines = [priority for priority in _ORDER if self._lines[priority]]
        if not lines:
            return None
        starving = [priority for priority in lines if self._passed[priority] >= MOST_PASSED]
        chosen = starving[-1] if starving else lines[0]
        for priority in lines:
            self._passed[priority] += 1
        self._passed[chosen] = 0
        return self._lines[chosen].popleft()
