"""What has been run and found, told to whoever listens: the pytest plugin counts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.failure import Failure
    from greenroom.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Ran:
    """One exploration, or one execution.

    ``schedule`` is that of a single execution, and None where there were several: ``distinct`` then counts their schedules. ``tasks``
    names the tasks of a single execution. ``outcomes`` says how the operations of its clients ended, each kind once. ``unchecked``
    tells what was left unchecked, in sentences: an exhaustive search that ended before its time, a checker that could not decide.
    """

    scenario: str
    executions: int = 1
    distinct: int = 1
    steps: int = 0
    tasks: tuple[str, ...] = ()
    schedule: Schedule | None = None
    failure: Failure | None = None
    outcomes: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


listeners: Final[list[Callable[[Ran], None]]] = []


def tell(ran: Ran) -> None:
    """Tell all who listen."""
    for listener in listeners:
        listener(ran)
