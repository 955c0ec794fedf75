"""What a scenario may ask of the stage it runs on; off stage these do the obvious thing."""

from __future__ import annotations

from typing import TypeVar

from greenroom.describe import describe
from greenroom.elsewhere import here
from greenroom.errors import UsageError
from greenroom.task import current_task

T = TypeVar("T")


def choose(*values: T) -> T:
    """One of ``values``: explored, drawn, shrunk and replayed like a scheduling choice; the first one off stage.

    Raises:
        UsageError: there are no values.
    """
    if not values:
        raise UsageError("choose() needs at least one value")
    task = current_task()
    if task is None:
        player = here()
        return values[0 if player is None else player.chosen()]
    scheduler = task.scheduler
    value = values[scheduler.choose_value(len(values))]
    if scheduler.history is not None:
        scheduler.record("choose", "", 0, describe(value))
    return value


class _Checkpoint:
    def __init__(self, name: str) -> None:
        self.greenroom_name = name


def checkpoint(name: str) -> None:
    """A visible operation on shared state that is no actor (a row, a file, a global) of that name; nothing off stage."""
    task = current_task()
    if task is None:
        player = here()
        if player is not None:
            player.pass_by("checkpoint")
        return
    scheduler = task.scheduler
    target = scheduler.checkpoints.setdefault(name, _Checkpoint(name))
    scheduler.point("checkpoint", target)
    task.committed = True
    if scheduler.trace is not None:
        scheduler.trace.touch(target, "write")
    if scheduler.history is not None:
        scheduler.record("checkpoint", name)
