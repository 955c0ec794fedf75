"""The greenlets of tasks, used again: making one costs as much as ten switches, for Python gives each a stack of its own.

A greenlet that has lived one task waits here for the next, of this stage or of a later one, as long as the shims are in place.
"""

from __future__ import annotations

from _thread import _local
from typing import TYPE_CHECKING, Final, cast

from greenlet import GreenletExit, getcurrent

from greenroom.task import TaskGreenlet

if TYPE_CHECKING:
    from greenlet import greenlet

    from greenroom.task import Task


class _Spare(_local):
    """Those that wait; each thread has its own, for a greenlet cannot leave its thread."""

    def __init__(self) -> None:
        self.greenlets: list[TaskGreenlet] = []


_spare: Final = _Spare()


def greenlet_for(task: Task) -> TaskGreenlet:
    """A greenlet that lives ``task`` once it is switched to, and then returns to the hub of the task's stage."""
    hub = task.scheduler.hub
    if _spare.greenlets:
        running = _spare.greenlets.pop()
        running.parent = hub
        running.gr_context = None  # as in a new thread
    else:
        running = TaskGreenlet(_work, hub)
    running.task = task
    return running


def end_spare() -> None:
    """End the greenlets of this thread that wait for a task."""
    while _spare.greenlets:
        running = _spare.greenlets.pop()
        running.parent = getcurrent()
        running.throw(GreenletExit)


def _work() -> None:
    while True:
        _live_one().switch()


def _live_one() -> greenlet:
    """Live the task that this greenlet was given, and wait among the spare ones; the hub to go back to is returned."""
    running = cast("TaskGreenlet", getcurrent())
    task = running.task
    task.scheduler.live(task)
    del running.task  # a spare greenlet must keep nothing of its last stage alive
    _spare.greenlets.append(running)
    return task.scheduler.hub
