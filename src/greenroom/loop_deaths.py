"""What has ended inside event loops of asyncio by an exception that nobody saw: callbacks, and tasks and futures.

asyncio tells of both in its log: of a callback at once, of a task or a future when it is collected. The stage keeps them, and looks at
the end, by asyncio's own mark: whoever awaits one, or asks it for its result or its exception, has seen it. A program that has set an
exception handler of its own sees what goes there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.describe import describe_among
from greenroom.errors import AsyncioTaskDied, CallbackRaised
from greenroom.shims.loop_queue import LoopQueue, Raised, asyncio_task_text, raised_at_text

if TYPE_CHECKING:
    from greenroom.task import Task


def unseen_raise(tasks: list[Task]) -> CallbackRaised | AsyncioTaskDied | None:
    """The error for the first exception that came to the default handler of a loop, or None."""
    return next((_told(raised, queue, tasks) for queue in _loops(tasks) for raised in queue.raised), None)


def unretrieved(tasks: list[Task]) -> AsyncioTaskDied | None:
    """The error for the first asyncio task or future whose exception nobody has retrieved, or None.

    Only at the end is that certain: who has it may still await it.
    """
    for queue in _loops(tasks):
        if queue.loop._exception_handler is not None:
            continue
        for future in queue.failed():
            exception = future.greenroom_exception()
            ended = f"{_name(future)} of {queue.greenroom_name} ended by {_described(exception, tasks)}"
            died = AsyncioTaskDied(f"{ended}, and nobody retrieved it (await it, use a TaskGroup, or catch it in the coroutine)")
            died.__cause__ = exception
            died.about = queue.runners() or (tasks[0].name,)
            return died
    return None


def _loops(tasks: list[Task]) -> list[LoopQueue]:
    return tasks[0].scheduler.kept.get(LoopQueue, []) if tasks else []


def _told(raised: Raised, queue: LoopQueue, tasks: list[Task]) -> CallbackRaised | AsyncioTaskDied:
    described = _described(raised.exception, tasks)
    error: CallbackRaised | AsyncioTaskDied
    if raised.task is not None:
        ended = f"{_name(raised.task)} of {queue.greenroom_name} ended by {described} while its loop was shut down"
        error = AsyncioTaskDied(f"{ended}, and nobody saw it (await it before, or catch it in the coroutine)")
    else:
        advice = "catch it in the callback, or give the loop an exception handler"
        error = CallbackRaised(f"{raised.what} of {queue.greenroom_name} raised {described}, and nobody saw it ({advice})")
    error.__cause__ = raised.exception
    error.about = (raised.by,)
    return error


def _name(future: object) -> str:
    return f"asyncio task {asyncio_task_text(future)}" if hasattr(future, "get_coro") else getattr(future, "greenroom_name", "a future")


def _described(exception: BaseException, tasks: list[Task]) -> str:
    return describe_among(exception, tasks) + raised_at_text(exception)
