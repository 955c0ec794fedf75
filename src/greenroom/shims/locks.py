"""Locks and conditions as a simulated task sees them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from greenroom.shims.gates import Gate, Named, deadline_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from greenroom.scheduler import Scheduler
    from greenroom.task import Task

RealCondition: Final = threading.Condition


class Lock(Named):
    """A simulated ``threading.Lock``; any of those that wait may get it.

    A release commutes with what others do meanwhile, unless somebody tries without blocking: from the first time on that anyone
    did, it is a visible operation with a point of its own (``_tried``).
    """

    def __init__(self, depth: int = 3) -> None:
        self._born("Lock" if type(self) is Lock else "RLock", depth)
        self.owner: Task | None = None
        self._held = False
        self._gate = Gate()
        self._tried = False
        self._released_unseen = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        scheduler = self._greenroom
        if not blocking and timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        if timeout < 0 and timeout != -1:
            raise ValueError("timeout value must be a non-negative number")
        if blocking and timeout == -1:
            self._gate.enter(scheduler, "lock", self, closed=self._held, mode="acquire")
            while self._held:  # only outside every task, and behind a wait that something else has ended
                scheduler.wait("lock", self, self._gate.waiting)
        elif not self._acquired_in_time(scheduler, timeout if blocking else 0):
            self._tell("busy")
            return False
        self._take(scheduler.current)
        return True

    def _acquired_in_time(self, scheduler: Scheduler, timeout: float) -> bool:
        task, trace = scheduler.current, scheduler.trace
        deadline = deadline_of(scheduler, timeout)
        scheduler.point("lock", self)
        if timeout == 0:
            self._note_try()
            if task is not None:
                task.committed = True
            return not self._held
        while self._held:
            if trace is not None:
                trace.touch(self, "read")
            if not scheduler.wait("lock", self, self._gate.waiting, deadline):
                if trace is not None:
                    trace.passed(self, "try", timed=True, shut="acquire")
                return False
            if task in self._gate.able:
                self._gate.able.remove(task)
        if trace is not None:
            trace.passed(self, "acquire", timed=True)
        return True

    def _note_try(self) -> None:
        self._tried = True
        trace = self._greenroom.trace
        if trace is not None:
            trace.touch(self, "try", shut="acquire" if self._held else "")
            if self._released_unseen:
                trace.incomplete = f"{self._name} is tried without blocking, and its releases before that are no scheduling points"

    def _take(self, task: Task | None) -> None:
        self._held = True
        self.owner = task
        self._gate.close(self._greenroom)
        if self._greenroom.history is not None:
            self._greenroom.record("lock", self._name)

    def release(self) -> None:
        if not self._held:
            raise RuntimeError("release unlocked lock")
        task = self._greenroom.current
        if self._tried:
            self._greenroom.visible("unlock", self)
        else:
            self._released_unseen = True
            if task is not None:
                task.committed = True
        if self._greenroom.trace is not None:
            self._greenroom.trace.touch(self, "release")
        self._held = False
        self.owner = None
        if self._greenroom.history is not None:
            self._greenroom.record("unlock", self._name)
        self._gate.open(self._greenroom)

    def locked(self) -> bool:
        self._greenroom.visible("read", self)
        self._note_try()
        return self._held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    # What threading.Condition asks of its lock.
    def _is_owned(self) -> bool:
        return self._held

    def _release_save(self) -> Any:
        self.release()
        return None

    def _acquire_restore(self, state: Any) -> None:
        self.acquire()

    def _at_fork_reinit(self) -> None:
        self._held = False


class RLock(Lock):
    """A simulated ``threading.RLock``."""

    def __init__(self) -> None:
        super().__init__(depth=4)
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        task = self._greenroom.current
        if self._held and self.owner is task:
            self._depth += 1
            return True
        if not super().acquire(blocking, timeout):
            return False
        self._depth = 1
        return True

    def release(self) -> None:
        if not self._held or self.owner is not self._greenroom.current:
            raise RuntimeError("cannot release un-acquired lock")
        self._depth -= 1
        if self._depth == 0:
            super().release()

    def _is_owned(self) -> bool:
        return self._held and self.owner is self._greenroom.current

    def _release_save(self) -> Any:
        depth, self._depth = self._depth, 0
        super().release()
        return depth

    def _acquire_restore(self, state: Any) -> None:
        self.acquire()
        self._depth = state


class Condition(Named, threading.Condition):
    """A simulated ``threading.Condition``; notified in the order of waiting, as Python does it."""

    def __init__(self, lock: Any = None) -> None:
        self._born("Condition")
        self._lock: Any = RLock() if lock is None else lock
        self.acquire = self._lock.acquire  # type: ignore[method-assign]
        self.release = self._lock.release  # type: ignore[method-assign]
        self._sleepers: list[Task] = []

    def __repr__(self) -> str:
        return f"<{self._name}>"

    def __enter__(self) -> Any:
        return self._lock.__enter__()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._lock.__exit__(kind, value, trace)

    def _is_owned(self) -> bool:
        return bool(self._lock._is_owned()) if hasattr(self._lock, "_is_owned") else True

    def wait(self, timeout: float | None = None) -> bool:
        if not self._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        scheduler = self._greenroom
        state = self._lock._release_save() if hasattr(self._lock, "_release_save") else self._lock.release()
        try:
            woken = scheduler.wait("wait", self, self._sleepers, deadline_of(scheduler, timeout))
            if scheduler.trace is not None and timeout is not None:
                scheduler.trace.passed(self, "read", timed=True)
            if woken:
                self._tell("notified")
            return woken
        finally:
            if hasattr(self._lock, "_acquire_restore"):
                self._lock._acquire_restore(state)
            else:
                self._lock.acquire()

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        scheduler = self._greenroom
        deadline = deadline_of(scheduler, timeout)
        result = predicate()
        while not result:
            left = None
            if deadline is not None:
                left = (deadline - scheduler.clock.now_ns) / 1e9
                if left <= 0:
                    break
            self.wait(left)
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        if not self._is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        scheduler = self._greenroom
        if scheduler.trace is not None:
            scheduler.trace.touch(self, "write")
        self._tell("notify")
        for task in self._sleepers[:n]:
            self._sleepers.remove(task)
            scheduler.wake(task)

    def notify_all(self) -> None:
        self.notify(len(self._sleepers))
