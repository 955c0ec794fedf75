"""Replies and effects: none is missing, none comes twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenroom.checker import Judgement, Verdict
from greenroom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from greenroom.history import Event, History

    Key = Callable[[Event], Hashable]

_ASK = "ask "


class EveryAskIsAnswered:
    """Made by ``every_ask_is_answered``."""

    claim = "every ask is answered"
    reads_real_time = False

    def check(self, history: History) -> Judgement:
        """Count the replies to each ask; then look for calls of clients that are pending."""
        asks = {
            (event.target, event.number): event
            for event in history.of("send", "lost")
            if event.detail.startswith(_ASK) and event.detail != "ask stop()"
        }
        replies: dict[tuple[str, int], int] = {}
        for event in history.of("reply"):
            message = (event.target, event.number)
            replies[message] = replies.get(message, 0) + 1
        for message, event in asks.items():
            count = replies.get(message, 0)
            if count != 1:
                times = "never answered" if not count else f"answered {count} times"
                reason = f"{event.task}'s {event.detail} to {event.target} (#{event.number}) was {times}"
                return Judgement(Verdict.VIOLATED, self.claim, reason, len(asks), about=(event.task, event.target))
        for operation in history.operations:
            if operation.invoked is not None and not operation.done:
                about = (operation.task,) if operation.task else ()
                return Judgement(Verdict.VIOLATED, self.claim, f"{operation} at the end", len(asks), about=about)
        return Judgement(Verdict.OK, self.claim, explored=len(asks) + len(history.operations))


def every_ask_is_answered() -> EveryAskIsAnswered:
    """Claims that every ask got one reply (a value or an exception) by the end, also where the asker no longer waited for it.

    The asks that stop an actor do not count. A client's call that is pending at the end breaks the claim as well.
    """
    return EveryAskIsAnswered()


class ExactlyOnce:
    """Made by ``exactly_once``."""

    reads_real_time = False
    needs = "its key named no message that was sent"

    def __init__(self, key: Key, claim: str) -> None:
        self.claim = claim
        self._key = key

    def check(self, history: History) -> Judgement:
        """Count how often each piece of work was sent and handled."""
        sent: dict[Any, Event] = {}
        handled: dict[Any, list[Event]] = {}
        for event in history.of("send", "lost", "receive"):
            work = self._named(event)
            if work is None:
                continue
            if event.kind == "receive":
                handled.setdefault(work, []).append(event)
            else:
                sent.setdefault(work, event)
        for work, event in sent.items():
            times = len(handled.get(work, ()))
            if times != 1:
                how_often = "never handled" if not times else f"handled {times} times"
                about = dict.fromkeys((event.task, event.target, *(each.task for each in handled.get(work, ()))))
                return Judgement(Verdict.VIOLATED, self.claim, f"{work} was {how_often}", len(sent), about=tuple(about))
        return Judgement(Verdict.OK, self.claim, explored=len(sent))

    def _named(self, event: Event) -> Hashable:
        try:
            work = self._key(event)
            hash(work)
        except Exception as error:
            raise UsageError(
                f"the key of exactly_once failed for the event {event}: {type(error).__name__}: {error}; "
                "it returns a hashable name of the work that a message asks for, or None"
            ) from error
        return work


def exactly_once(key: Key, *, claim: str = "handled exactly once") -> ExactlyOnce:
    """Claims that each piece of work that was sent for is handled once: neither lost, nor done again by a retry.

    Args:
        key: given a ``send``, ``lost`` or ``receive`` event, returns the name of the work that this message asks for, or None where the
            message does not count; a retry has the name of the first attempt. ``event.target`` is the receiver, ``event.detail`` the
            message as short text, with "ask " in front of an ask.
        claim: how it is called in failures.
    """
    return ExactlyOnce(key, claim)
