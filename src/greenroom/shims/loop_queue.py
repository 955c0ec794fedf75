"""What an event loop of asyncio is to the stage: a queue of callbacks that its own task empties, and a bell that wakes it.

It is like an actor's inbox. ``call_soon``, from the loop's own callbacks and for its timers, puts into it, and so does
``call_soon_threadsafe`` from other tasks; which comes first is up to the schedule, what came first is called first. Whoever puts from
another task by ``call_soon`` (a ``set_result`` of an asyncio future does) does not ring the bell: a loop that waits sleeps on.
"""

from __future__ import annotations

import selectors
import sys
from collections import deque
from types import MethodType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from greenroom.clock import to_ns
from greenroom.shims.blocking import line_of_program, refuse_of_loop
from greenroom.shims.gates import Named
from greenroom.shims.sites import is_program
from greenroom.shims.threads import ident_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from greenroom.task import Task

_LONGEST_S = 24 * 3600  # asyncio never asks a selector to wait for longer, and looks again


class _Posted(NamedTuple):
    """A callback that another task has put, and has perhaps not rung for."""

    number: int
    handle: Any
    by: str


class Raised(NamedTuple):
    """An exception that came to a loop's default handler: what raised it, or the asyncio task that ended by it; ``by`` ran the loop."""

    exception: BaseException
    what: str
    task: Any
    by: str


class LoopQueue(Named, deque[Any]):
    """The callbacks that a loop will call next, in order; those that other tasks have put are numbered from 1.

    ``pending`` holds the asyncio tasks of the loop, which asyncio itself refers to weakly, and its futures that have failed: those that are
    done are dropped now and then, unless their exception waits to be retrieved. ``raised`` is what came to the default exception handler.
    ``by_hand`` is true while ``call_soon_threadsafe`` puts: its scheduling point has been passed, and it rings.
    """

    def __init__(self, loop: Any) -> None:
        super().__init__()
        self._born("EventLoop")
        self._made_at = line_of_program()
        self.loop = loop
        self.waiting: list[Task] = []
        self.pending: list[Any] = []
        self.raised: list[Raised] = []
        self.by_hand = False
        self._runners: dict[str, None] = {}
        self._rung = False
        self._posted: dict[int, _Posted] = {}
        self._count = 0
        self._bell = _Bell()
        if self._greenroom.trace is not None:
            self._greenroom.trace.born(self._bell)

    __hash__ = object.__hash__  # type: ignore[assignment]  # a queue of the stage's, known by what it is
    __eq__ = object.__eq__

    def append(self, handle: Any) -> None:
        """``call_soon``, and a timer that has expired."""
        scheduler = self._greenroom
        task = scheduler.current
        if task is None or scheduler.closing:
            super().append(handle)
            return
        foreign = self.by_hand or self.loop._thread_id not in (None, ident_of(task))
        if not foreign:
            scheduler.commit("call_soon", self)
        elif not self.by_hand:
            scheduler.visible("call_soon", self)
        if scheduler.trace is not None:
            scheduler.trace.touch(self, "send")
        super().append(handle)
        if foreign:
            self._note(handle, task)

    def _note(self, handle: Any, task: Task) -> None:
        scheduler = self._greenroom
        self._count += 1
        self._posted[id(handle)] = _Posted(self._count, handle, task.name)
        if scheduler.trace is not None:
            scheduler.trace.publish((id(self), self._count))
            scheduler.trace.handed += (handle._callback, *(handle._args or ()))
            if not self.by_hand:
                scheduler.trace.touch(self._bell, "write")
        if scheduler.history is not None:
            silently = "" if self.by_hand else ", without waking the loop"
            scheduler.record("call_soon", self._name, self._count, callback_text(handle) + silently)

    def popleft(self) -> Any:
        """The next callback, which is called now."""
        handle = super().popleft()
        running = self._greenroom.current
        if running is not None:
            self._runners[running.name] = None
        trace = self._greenroom.trace
        if trace is not None and hasattr(task := getattr(handle._callback, "__self__", None), "get_coro"):
            trace.touch(task, "read")  # somebody else may cancel it
        posted = self._posted.pop(id(handle), None) if self._posted else None
        if posted is not None:
            scheduler = self._greenroom
            if scheduler.trace is not None:
                scheduler.trace.order((id(self), posted.number))
                scheduler.trace.taken += (handle._callback, *(handle._args or ()))
            if scheduler.history is not None:
                scheduler.record("callback", self._name, posted.number, callback_text(handle))
        return handle

    def ring(self) -> None:
        """Wake the loop, or keep it from going to sleep next time."""
        self._rung = True
        if self.waiting:
            self._greenroom.wake_all(self.waiting)

    def sleep(self, timeout: float | None) -> None:
        """Wait until the bell rings, ``timeout`` seconds at most; not at all if it has rung since the last time."""
        scheduler = self._greenroom
        if scheduler.closing and scheduler.current is not None:
            scheduler._refuse_to_go_on()
        if not self._rung and (timeout is None or timeout > 0):
            trace = scheduler.trace
            if trace is not None:
                trace.touch(self._bell, "read")
            deadline = self._deadline(timeout)
            scheduler.wait("select", self, self.waiting, deadline)
            if trace is not None and deadline is not None:
                trace.passed(self, "read", timed=True)
        self._rung = False

    def _deadline(self, timeout: float | None) -> int | None:
        if timeout is not None and timeout >= _LONGEST_S:
            timeout = self.loop._scheduled[0]._when - self.loop.time()
        return None if timeout is None or timeout == float("inf") else self._greenroom.clock.now_ns + to_ns(timeout)

    def close(self) -> None:
        """No callback is taken from now on: whoever comes too late with one is told."""
        scheduler = self._greenroom
        if scheduler.current is not None and not scheduler.closing:
            scheduler.commit("close", self)
            if scheduler.trace is not None:
                scheduler.trace.touch(self, "write")

    def adopt(self, task: Any) -> None:
        """A new asyncio task of the loop, or a future that has failed."""
        pending = self.pending
        if len(pending) >= 16 and not len(pending) & (len(pending) - 1):
            pending[:] = [task for task in pending if not task.greenroom_done() or task._log_traceback]
        pending.append(task)

    def unheard(self) -> list[str]:
        """The tasks that have put a callback for which the loop has not been woken, while it waits."""
        return list(dict.fromkeys(posted.by for posted in self._posted.values()))

    def unfinished(self) -> list[Any]:
        """The asyncio tasks of the loop that are not done, in the order of their making."""
        return [task for task in self.pending if not task.greenroom_done()]

    def failed(self) -> list[Any]:
        """The asyncio tasks and futures of the loop whose exception nobody has retrieved, in the order of their making."""
        failed = [future for future in self.pending if future.greenroom_done() and future._log_traceback]
        # Who ends itself so ends the loop, which hands it on.
        return [future for future in failed if not isinstance(future.greenroom_exception(), SystemExit | KeyboardInterrupt)]

    def runners(self) -> tuple[str, ...]:
        """The names of the tasks that have run the loop."""
        return tuple(self._runners)

    def to_call(self) -> Iterator[tuple[str, Any]]:
        """The callbacks that are still to come, timers among them, and their arguments."""
        for handle in (*self, *self.loop._scheduled):
            for place, part in enumerate((handle._callback, *(handle._args or ()))):
                yield f"callback {place}", part

    def suspended(self) -> Iterator[tuple[str, FrameType]]:
        """The frames of the coroutines that are not done, each with the number of its asyncio task."""
        for number, task in enumerate(self.unfinished()):
            for frame in _frames(task):
                yield f"coroutine {number} ", frame

    def explanation(self) -> list[str]:
        """What the loop waits for: a line for each of its asyncio tasks, and for each callback that it has not been woken for."""
        lines = [f"{asyncio_task_text(task)} awaits {_place_of(task)}" for task in self.unfinished()]
        for posted in self._posted.values():
            what = f"{posted.by} has put into its queue: {callback_text(posted.handle)}"
            lines.append(f"{what}; but it has not woken the loop, as only call_soon_threadsafe() does")
        return lines


class _Bell:
    """What a loop listens to before it goes to sleep, and who puts a callback without ringing does not touch."""

    greenroom_name = "the bell of an event loop"


class LoopSelector(selectors.BaseSelector):
    """The selector of a loop on a stage: no file descriptor is ever ready; it is woken by other tasks, and by time."""

    def __init__(self, queue: LoopQueue, given: Any) -> None:
        self.queue = queue
        self._given = given

    def select(self, timeout: float | None = None) -> list[Any]:
        """Wait as the loop wants to."""
        self.queue.sleep(timeout)
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> NoReturn:
        """No loop of a stage looks at the outside world."""
        refuse_of_loop("watches a file descriptor")

    def unregister(self, fileobj: Any) -> NoReturn:
        """Nothing is registered."""
        raise KeyError(fileobj)

    def get_map(self) -> Mapping[Any, Any]:
        """Nothing is registered."""
        return {}

    def close(self) -> None:
        """The one that the program has given is closed with it."""
        if self._given is not None:
            self._given.close()


def _place_of(task: Any) -> str:
    """The innermost line of the program that an asyncio task waits at."""
    found = "something"
    for frame in _frames(task):
        if found == "something" or is_program(sys.modules.get(frame.f_globals.get("__name__", ""))):
            found = f"at {frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno}"
    return found


def _frames(task: Any) -> Iterator[FrameType]:
    """The frames of an asyncio task's coroutine and of those that it awaits, the outermost first."""
    current = task.get_coro()
    while current is not None:
        frame = getattr(current, "cr_frame", None) or getattr(current, "gi_frame", None) or getattr(current, "ag_frame", None)
        if frame is not None:
            yield frame
        current = getattr(current, "cr_await", None) or getattr(current, "gi_yieldfrom", None) or getattr(current, "ag_await", None)


def queue_of(loop: Any) -> LoopQueue | None:
    """The queue of a loop that was made in a task; None for others."""
    ready = getattr(loop, "_ready", None)
    return ready if type(ready) is LoopQueue else None


def callback_text(handle: Any) -> str:
    """A callback as the program's author would name it: whom it wakes, or the function, and whose it is."""
    callback = handle._callback
    owner = getattr(callback, "__self__", None)
    if hasattr(owner, "get_loop"):
        whose = asyncio_task_text(owner) if hasattr(owner, "get_coro") else getattr(owner, "greenroom_name", "a future")
        return f"{callback.__name__}() of {whose}" if isinstance(callback, MethodType) else f"wakes {whose}"
    while hasattr(callback, "func"):
        callback = callback.func
    name = getattr(callback, "__qualname__", None) or type(callback).__name__
    return f"{name.replace('<locals>.', '')}()"


def raised_at_text(error: BaseException) -> str:
    """`` at file.py:12``: the innermost line of the program that has raised ``error``, or a library's; empty where asyncio itself has."""
    found, trace = "", error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        name = frame.f_globals.get("__name__", "")
        if is_program(sys.modules.get(name)) or not (found or name.partition(".")[0] == "asyncio"):
            found = f" at {frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def asyncio_task_text(task: Any) -> str:
    """``Task-2 (fetch)``: an asyncio task by its name and its coroutine's."""
    coro = task.get_coro()
    name = getattr(coro, "__qualname__", None) or type(coro).__name__
    return f"{task.get_name()} ({name.replace('<locals>.', '')})"
