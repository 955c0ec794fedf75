"""What would block the whole stage for real, and is known to: it is refused at once, by name and line.

Whatever else waits for the outside world (a socket, a subprocess, ``select``) is let through, for it may well come back at once; the
watchdog ends it where it does not.
"""

from __future__ import annotations

import builtins
import sys
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from greenroom.errors import BlockedForReal
from greenroom.shims.sites import is_program
from greenroom.task import current_task

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_ADVICE = {
    "asyncio": "an event loop waits in real time and lets no other task run: await its coroutines in a thread of their own, off the stage, "
    "or put a fake in the place of the actor that needs it",
    "input()": "nobody is there to answer: put a fake in its place",
}


def methods() -> list[tuple[Any, str, Any]]:
    """Owners, names, and what refuses in a task what it does elsewhere."""
    found = [_refused(builtins, "input", "input()")]
    loops = sys.modules.get("asyncio.base_events")
    runners = sys.modules.get("asyncio.runners")
    if loops is not None and runners is not None:  # a program without asyncio need not wait for its import
        found += [_refused(loops.BaseEventLoop, name, "asyncio") for name in ("run_forever", "run_until_complete")]
        found += [_refused(runners.Runner, name, "asyncio") for name in ("__enter__", "run")]
    return found


def _refused(owner: Any, name: str, what: str) -> tuple[Any, str, Callable[..., Any]]:
    real = vars(owner)[name]

    def call(*args: Any, **kwargs: Any) -> Any:
        task = current_task()
        if task is None:
            return real(*args, **kwargs)
        for value in (*args, sys._getframe(1).f_locals.get("main")):  # asyncio.run() calls it that
            if isinstance(value, CoroutineType):
                value.close()  # or Python warns that nobody awaited it
        raise BlockedForReal(f"{task.name} calls {what} at {_line_of_program()}: {_ADVICE[what]}")

    call.__name__ = real.__name__
    call.__doc__ = real.__doc__
    return owner, name, call


def _line_of_program() -> str:
    """Where the program is: its innermost line that is no library's."""
    here = sys._getframe(2)
    frame: FrameType | None = here
    while frame is not None and not is_program(sys.modules.get(frame.f_globals.get("__name__", ""))):
        frame = frame.f_back
    found = here if frame is None else frame
    return f"{found.f_code.co_filename}:{found.f_lineno}"
