"""``concurrent.futures`` as a simulated task sees it: what it sorts by address has a number instead, the same in every execution."""

from __future__ import annotations

import concurrent.futures._base
import concurrent.futures.thread
from typing import Any, Final

from greenroom.shims.gates import scheduler_of_task

RealPoolFuture: Final = concurrent.futures._base.Future


class PoolFuture(concurrent.futures._base.Future[Any]):
    """A ``concurrent.futures.Future`` whose hash is the order of making."""

    def __init__(self) -> None:
        self._serial = scheduler_of_task().next_number("pool future")
        super().__init__()

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"<Future {self._serial}: {str(self._state).lower()}>"


def stable_id(value: Any) -> int:
    """What ``concurrent.futures`` sorts its futures by."""
    return value._serial if isinstance(value, PoolFuture) else id(value)


def next_pool() -> int:
    """The number in a pool's name, counted by the stage and not by the process; the first is 0."""
    return scheduler_of_task().next_number("pool") - 1


class _InOrder(dict[Any, None]):
    """A set of threads that is walked through in the order of adding, and not of addresses."""

    def add(self, thread: Any) -> None:
        self[thread] = None


def initialise(pool: Any, *args: Any, **kwargs: Any) -> None:
    """``ThreadPoolExecutor.__init__``; shutting down joins the threads in the order of their starts."""
    _real_initialise(pool, *args, **kwargs)
    pool._threads = _InOrder()


def forget_threads() -> None:
    """Take the simulated threads from the list of those that Python joins when the process ends."""
    queues: Any = concurrent.futures.thread._threads_queues
    for thread in [thread for thread in queues if hasattr(thread, "_greenroom_task")]:
        del queues[thread]


_real_initialise: Final = concurrent.futures.thread.ThreadPoolExecutor.__init__
