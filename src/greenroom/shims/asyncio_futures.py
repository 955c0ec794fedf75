"""Futures and tasks of asyncio as a simulated task makes them: asyncio's own, which can be told apart, and which say who uses them.

asyncio, and programs, keep them in sets: their hash is the order of making, so that a set is walked through in the same order every time.
And since another task may set, cancel or ask for one, by mistake, that is a visible operation like that of a shared flag.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from greenroom.shims.gates import scheduler_of_task
from greenroom.shims.loop_queue import queue_of
from greenroom.shims.threads import ident_of
from greenroom.task import current_task

if TYPE_CHECKING:
    from collections.abc import Generator


class _Seen:
    """What both have in common; ``asyncio.Future`` comes behind it."""

    __slots__ = ()

    def _born(self: Any) -> Any:
        scheduler = scheduler_of_task()
        self._greenroom_serial = scheduler.next_number("asyncio future")
        self._greenroom_set = False
        if scheduler.trace is not None:
            scheduler.trace.born(self)
        return scheduler

    def __hash__(self: Any) -> int:
        return int(self._greenroom_serial)

    @property
    def greenroom_name(self: Any) -> str:
        """As it stands in histories."""
        return f"asyncio future {self._greenroom_serial}"

    def _access(self: Any, mode: str) -> None:
        """The running task looks at it ("read") or settles it ("write")."""
        task = current_task()
        if task is None or task.scheduler.closing:
            return
        scheduler = task.scheduler
        foreign = getattr(self.get_loop(), "_thread_id", None) not in (None, ident_of(task))
        if foreign:
            scheduler.visible("set" if mode == "write" else "read", self)
        if scheduler.trace is not None:
            scheduler.trace.touch(self, mode)
        if foreign and mode == "write":
            self._greenroom_set = True
            if scheduler.history is not None:
                scheduler.record("set", self.greenroom_name)
        elif self._greenroom_set and scheduler.history is not None:
            scheduler.record("wait", self.greenroom_name)

    def set_result(self, result: Any) -> None:
        self._access("write")
        super().set_result(result)  # type: ignore[misc]  # of asyncio.Future

    def set_exception(self, exception: Any) -> None:
        self._access("write")
        super().set_exception(exception)  # type: ignore[misc]  # of asyncio.Future
        queue = queue_of(self.get_loop())  # type: ignore[attr-defined]
        if queue is not None:
            queue.adopt(self)  # to see whether anybody retrieves it

    def cancel(self, *args: Any, **kwargs: Any) -> bool:
        self._access("write")
        return bool(super().cancel(*args, **kwargs))  # type: ignore[misc]

    def greenroom_done(self) -> bool:
        """As ``done``, for the stage: it looks without being seen."""
        return bool(super().done())  # type: ignore[misc]

    def greenroom_exception(self: Any) -> BaseException | None:
        """As ``exception``, for the stage, once it is done: nobody has retrieved it by that."""
        exception: BaseException | None = self._exception
        return exception

    def done(self) -> bool:
        self._access("read")
        return bool(super().done())  # type: ignore[misc]

    def result(self) -> Any:
        self._access("read")
        return super().result()  # type: ignore[misc]

    def add_done_callback(self, *args: Any, **kwargs: Any) -> None:
        self._access("read")
        super().add_done_callback(*args, **kwargs)  # type: ignore[misc]

    def __await__(self) -> Generator[Any, None, Any]:
        self._access("read")
        return super().__await__()  # type: ignore[misc,no-any-return]


for _name in ("set_result", "set_exception", "cancel"):  # a program passes these on: in a history they bear asyncio's names
    vars(_Seen)[_name].__qualname__ = f"Future.{_name}"


class Future(_Seen, asyncio.Future[Any]):
    """An ``asyncio.Future``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._born()
        super().__init__(*args, **kwargs)

    __iter__ = __await__ = _Seen.__await__


class Task(_Seen, asyncio.Task[Any]):
    """An ``asyncio.Task``, with a name that is counted by the stage and not by the process."""

    def __init__(self, coro: Any, *args: Any, **kwargs: Any) -> None:
        scheduler = self._born()
        if kwargs.get("name") is None:
            kwargs["name"] = f"Task-{scheduler.next_number('asyncio task')}"
        super().__init__(coro, *args, **kwargs)
        queue = queue_of(self.get_loop())
        if queue is not None:
            queue.adopt(self)


RealGathering: Any = asyncio.tasks._GatheringFuture  # type: ignore[attr-defined]


class GatheringFuture(_Seen, RealGathering):  # type: ignore[misc]
    """What ``asyncio.gather`` returns."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._born()
        super().__init__(*args, **kwargs)

    __iter__ = __await__ = _Seen.__await__
