"""Nothing is left: no task, no message in an inbox, no lock, no slot of a semaphore."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from greenroom.checker import Judgement, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenroom.history import History


def no_leak(*, tasks: bool = True, messages: bool = True, locks: bool = True) -> NoLeak:
    """Claims that an execution leaves nothing behind.

    What a history shows is looked at, and no memory: for that a machine's invariants are the place, while the objects live.

    Args:
        tasks: every actor and thread has ended.
        messages: every message was taken out of its inbox.
        locks: every lock was released as often as it was taken, and every slot of a semaphore given back.
    """
    return NoLeak(tasks=tasks, messages=messages, locks=locks)


class NoLeak:
    """Made by ``no_leak``."""

    claim = "nothing is left behind"
    reads_real_time = False

    def __init__(self, *, tasks: bool, messages: bool, locks: bool) -> None:
        self._tasks = tasks
        self._messages = messages
        self._locks = locks

    def check(self, history: History) -> Judgement:
        """Look at how the history ends."""
        found: list[tuple[str, str]] = []
        if self._tasks:
            found += [(f"{name} has not ended (in {operation}())", name) for name, operation in history.ended_blocked.items()]
        if self._messages:
            found += _lying(history)
        if self._locks:
            found += _held(history)
        if not found:
            return Judgement(Verdict.OK, self.claim, explored=len(history))
        about = tuple(dict.fromkeys(name for _, name in found))
        return Judgement(Verdict.VIOLATED, self.claim, "; ".join(text for text, _ in found), len(history), about=about)


def _lying(history: History) -> Iterator[tuple[str, str]]:
    taken = {(event.target, event.number) for event in history.of("receive")}
    for event in history.of("send", "lost"):
        if (event.target, event.number) not in taken:
            yield f"{event.detail} from {event.task} (#{event.number}) was never taken out of the inbox of {event.target}", event.target


def _held(history: History) -> Iterator[tuple[str, str]]:
    held: Counter[tuple[str, str]] = Counter()
    slots: Counter[str] = Counter()
    for event in history.of("lock", "unlock"):
        held[event.target, event.task] += 1 if event.kind == "lock" else -1
    for event in history.of("acquire", "release"):
        slots[event.target] += 1 if event.kind == "acquire" else -1
    locks: Counter[str] = Counter()
    for (lock, _), count in held.items():
        locks[lock] += count  # a plain lock may be released by another task
    for (lock, task), count in held.items():
        if count > 0 and locks[lock] > 0:
            yield f"{task} still holds {lock}", task
    for semaphore, count in slots.items():
        if count > 0:
            yield f"{semaphore} misses {count} slot{'s' if count > 1 else ''}", semaphore
