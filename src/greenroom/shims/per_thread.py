"""What asyncio keeps for each thread, kept for each task: its running loop, and the hooks of asynchronous generators.

All tasks of a stage share one thread of the operating system. As long as there is a loop, greenlet tells of each switch, and the one task's
state is put aside for the other's; a program without loops pays nothing for that.
"""

from __future__ import annotations

import sys
from _thread import _local
from typing import TYPE_CHECKING, Any, Final

import greenlet

from greenroom.task import TaskGreenlet

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.scheduler import Scheduler

_State = tuple[Any, Any, Any, int, Any]  # the loop, two hooks, how deep origins of coroutines are tracked, the loop's current task
_PLAIN: Final[_State] = (None, None, None, 0, None)
_SWAPS: Final = sys.version_info >= (3, 14)  # from then on the current task is kept for each thread, too


class _Switches(_local):
    """Of one thread: the states put aside, by greenlet; None stands for everything outside the tasks."""

    def __init__(self) -> None:
        self.depth = 0
        self.aside: dict[Any, _State] = {}
        self.before: Callable[[Any, Any], object] | None = None


_switches: Final = _Switches()


def begin(scheduler: Scheduler) -> None:
    """From now on, and until the stage of ``scheduler`` is closed, each task has a state of its own; calls nest."""
    switches = _switches
    switches.depth += 1
    scheduler.at_close.append(_end)
    if switches.depth == 1:
        switches.before = greenlet.settrace(_switched)


def begin_under_a_loop(scheduler: Scheduler) -> None:
    """As ``begin``, where the stage is opened by code that runs in a loop: the tasks do not."""
    events: Any = sys.modules.get("asyncio.events")
    if events is not None and events._get_running_loop() is not None:
        begin(scheduler)


def _end() -> None:
    switches = _switches
    switches.depth -= 1
    if not switches.depth:
        greenlet.settrace(switches.before)
        switches.before = None
        switches.aside.clear()


def _switched(event: Any, parties: Any) -> None:
    switches = _switches
    origin, target = map(_place, parties)
    if origin is not target:
        state = _taken_away()
        if state != _PLAIN:
            switches.aside[origin] = state
        wanted = switches.aside.pop(target, _PLAIN)
        if wanted != _PLAIN or state != _PLAIN:
            _put_back(wanted)
    if switches.before is not None:
        switches.before(event, parties)


def _place(running: Any) -> Any:
    """The task's greenlet that a greenlet belongs to: a library may run greenlets of its own inside a task."""
    while running is not None and type(running) is not TaskGreenlet:
        running = running.parent
    return running


def _taken_away() -> _State:
    events: Any = sys.modules["asyncio.events"]
    loop = events._get_running_loop()
    hooks = sys.get_asyncgen_hooks()
    current = sys.modules["asyncio.tasks"]._swap_current_task(loop, None) if _SWAPS and loop is not None else None
    return loop, hooks.firstiter, hooks.finalizer, sys.get_coroutine_origin_tracking_depth(), current


def _put_back(state: _State) -> None:
    events: Any = sys.modules["asyncio.events"]
    loop, firstiter, finalizer, depth, current = state
    events._set_running_loop(loop)
    sys.set_asyncgen_hooks(firstiter, finalizer)
    sys.set_coroutine_origin_tracking_depth(depth)
    if current is not None:
        sys.modules["asyncio.tasks"]._swap_current_task(loop, current)
