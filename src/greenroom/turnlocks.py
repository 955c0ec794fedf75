"""Real locks and queues that are written in C, with a turnstile before each operation: they have no methods that could be replaced."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

from greenroom import waits
from greenroom.elsewhere import here

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from greenroom.forced import Forced
    from greenroom.waits import Wait


class _Turning:
    """What the two have in common."""

    def __init__(self, forced: Forced) -> None:
        self._forced = forced

    def _turn(self, operation: str, call: Callable[[], Any], wait: Wait | None = None) -> Any:
        player = here()
        if player is None or player.inside:
            return call()
        return self._forced.perform(player, operation, self, call, wait)


class TurnLock(_Turning):
    """A real ``threading.Lock`` behind a turnstile."""

    def __init__(self, forced: Forced, real: Any) -> None:
        super().__init__(forced)
        self._real = real

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:  # noqa: FBT001, FBT002 - as threading.Lock has it
        wait = waits.acquire_lock(self._real, blocking, timeout)
        return bool(self._turn("acquire", lambda: self._real.acquire(blocking, timeout), wait))

    def release(self) -> None:
        self._turn("release", self._real.release)

    def locked(self) -> bool:
        return bool(self._turn("locked", self._real.locked))

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    # What threading.Condition asks of its lock.
    def _is_owned(self) -> bool:
        return bool(self._real.locked())

    def _release_save(self) -> Any:
        self.release()

    def _acquire_restore(self, state: Any) -> None:  # noqa: ARG002 - as threading.RLock has it
        self._take_back(1)

    def _take_back(self, depth: int) -> None:
        def attempt(seconds: float) -> tuple[bool, None]:
            acquired = bool(self._real.acquire(True, seconds))  # noqa: FBT003 - as threading.Lock has it
            for _ in range(depth - 1 if acquired else 0):
                self._real.acquire()
            return acquired, None

        def call() -> None:
            for _ in range(depth):
                self._real.acquire()

        self._turn("acquire", call, waits.Wait(None, attempt, lambda: None))


class TurnRLock(TurnLock):
    """A real ``threading.RLock`` behind a turnstile."""

    def _is_owned(self) -> bool:
        return bool(self._real._is_owned())

    def _release_save(self) -> Any:
        return self._turn("release", self._real._release_save)

    def _acquire_restore(self, state: Any) -> None:
        self._take_back(int(state[0]))


class TurnQueue(_Turning):
    """A real ``queue.SimpleQueue`` behind a turnstile."""

    def __init__(self, forced: Forced, real: queue.SimpleQueue[Any]) -> None:
        super().__init__(forced)
        self._real = real

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:  # noqa: ARG002, FBT001, FBT002 - as queue.SimpleQueue has it
        self._turn("put", lambda: self._real.put(item))

    def get(self, block: bool = True, timeout: float | None = None) -> Any:  # noqa: FBT001, FBT002 - as above
        wait = waits.get_of_queue(queue.SimpleQueue.get, self._real, block, timeout)
        return self._turn("get", lambda: self._real.get(block, timeout), wait)

    def put_nowait(self, item: Any) -> None:
        self.put(item, block=False)

    def get_nowait(self) -> Any:
        return self.get(block=False)

    def qsize(self) -> int:
        return int(self._turn("qsize", self._real.qsize))

    def empty(self) -> bool:
        return bool(self._turn("empty", self._real.empty))
