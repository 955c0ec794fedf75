"""What would block the whole stage for real, and is known to: it is refused at once, by name and line.

An event loop of asyncio runs inside a task as long as it has something to do; where it would wait for time to pass or for somebody else,
it is refused. Whatever else waits for the outside world (a socket, a subprocess, ``select``) is let through, for it may well come back at
once; the watchdog ends it where it does not.
"""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

from greenroom.errors import BlockedForReal
from greenroom.shims.sites import is_program
from greenroom.task import Task, current_task

if TYPE_CHECKING:
    from types import FrameType

_LOOP: Final = (
    "waits in the event loop of asyncio",
    "that waits in real time and lets no other task run; use what greenroom simulates (threads, queues, time.sleep), or a fake",
)
_INPUT: Final = ("calls input()", "nobody is there to answer; put a fake in its place")


def methods() -> list[tuple[Any, str, Any]]:
    """Owners, names, and what refuses in a task what it does elsewhere."""
    found: list[tuple[Any, str, Any]] = [(builtins, "input", _input(builtins.input))]
    if "asyncio.base_events" in sys.modules:  # a program without asyncio need not wait for its import
        selectors = sys.modules["selectors"]
        kinds = [kind for kind in vars(selectors).values() if isinstance(kind, type) and issubclass(kind, selectors.BaseSelector)]
        found += [(kind, "select", _select(vars(kind)["select"])) for kind in dict.fromkeys(kinds) if "select" in vars(kind)]
    return found


def _input(real: Any) -> Any:
    def input(prompt: object = "", /) -> str:
        task = current_task()
        if task is not None:
            _refuse(task, *_INPUT)
        return str(real(prompt))

    return input


def _select(real: Any) -> Any:
    def select(self: Any, timeout: float | None = None) -> Any:
        task = current_task()
        if task is not None and timeout != 0 and sys._getframe(1).f_globals.get("__name__") == "asyncio.base_events":
            _refuse(task, *_LOOP)
        return real(self, timeout)

    select.__doc__ = real.__doc__
    return select


def _refuse(task: Task, what: str, advice: str) -> NoReturn:
    here = sys._getframe(2)
    frame: FrameType | None = here
    while frame is not None and not is_program(sys.modules.get(frame.f_globals.get("__name__", ""))):
        frame = frame.f_back
    found = here if frame is None else frame
    raise BlockedForReal(f"{task.name} {what} at {found.f_code.co_filename}:{found.f_lineno}: {advice}")
