"""What would block the whole stage for real, and is known to: it is refused at once, by name and line.

An event loop of asyncio that was made in a task waits in virtual time (``shims.loops``). One that was made before the stage opened would
wait for real, and is refused; so is whatever a loop of the stage would do with the outside world. Whatever else waits for that (a socket,
a subprocess, ``select``) is let through, for it may well come back at once; the watchdog ends it where it does not.
"""

from __future__ import annotations

import builtins
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

from greenroom.errors import BlockedForReal
from greenroom.shims.sites import is_program
from greenroom.task import Task, current_task

if TYPE_CHECKING:
    from types import CodeType, FrameType

_LOOP: Final = (
    "waits in an event loop of asyncio that was made before the stage opened",
    "that one waits in real time and lets no other task run; make the loop inside the scenario (asyncio.run, asyncio.new_event_loop)",
)
_OUTSIDE_WORLD: Final = "sockets, processes and signals are not simulated; put a fake in their place (an in-process transport, for HTTP)"
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


def refuse_of_loop(what: str) -> NoReturn:
    """Refuse what a loop of the running task would do with the outside world."""
    task = current_task()
    assert task is not None, "only a task's loop is refused anything"
    _refuse(task, f"{what} of its event loop", _OUTSIDE_WORLD)


def _refuse(task: Task, what: str, advice: str) -> NoReturn:
    code, line = line_of_program()
    raise BlockedForReal(f"{task.name} {what} at {code.co_filename}:{line}: {advice}")


def line_of_program() -> tuple[CodeType, int]:
    """The program's own line that is running now; the caller's where there is none."""
    here = sys._getframe(2)
    frame: FrameType | None = here
    while frame is not None and not is_program(sys.modules.get(frame.f_globals.get("__name__", ""))):
        frame = frame.f_back
    found = here if frame is None else frame
    return found.f_code, found.f_lineno
