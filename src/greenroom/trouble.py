"""What a machine has in store for one actor: how it crashes, is paused, is slow, at its inbox and so without a change to its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenroom.clock import to_ns
from greenroom.describe import describe, describe_message
from greenroom.errors import UsageError
from greenroom.faults import INJECTED, Crash, Injected, Pause, Slow

if TYPE_CHECKING:
    from greenroom.history import History
    from greenroom.runtime import Inbox
    from greenroom.task import Task


class ActorTrouble:
    """The faults injected into one actor. ``raised`` is what it was made to raise last."""

    greenroom_name = "the machine to resume it"

    def __init__(self, task: Task, history: History) -> None:
        self.task = task
        self.raised: BaseException | None = None
        self.crashes: list[Injected[Crash]] = []
        self.paused: Injected[Pause] | None = None
        self.slowed: Injected[Slow] | None = None
        self._until_ns: int | None = None
        self._history = history
        self._sleepers: list[Task] = []

    # -- what the machine calls ----------------------------------------------------------------------------------------

    def inject(self, fault: Crash | Pause | Slow) -> Injected[Any]:
        """Have ``fault`` in store from now on; a new pause or slowness takes the place of one that is there."""
        injected: Injected[Any]
        if isinstance(fault, Crash):
            injected = Injected(fault, self._history, fault.at or 1)
            self.crashes = [other for other in self.crashes if (other.left, other.fault.when) != (injected.left, fault.when)]
            self.crashes.append(injected)
        elif isinstance(fault, Pause):
            self.resume()
            injected = self.paused = Injected(fault, self._history, 1)
            clock = self.task.scheduler.clock
            self._until_ns = None if fault.seconds is None else clock.now_ns + to_ns(fault.seconds)
        else:
            self.hurry()
            injected = self.slowed = Injected(fault, self._history, fault.messages or 0)
        return injected

    def is_paused(self) -> bool:
        """Whether it would not read a message now."""
        if self.paused is not None and self._until_ns is not None and self._until_ns <= self.task.scheduler.clock.now_ns:
            self.resume()
        return self.paused is not None

    def resume(self) -> None:
        """It reads its messages again."""
        if self.paused is not None:
            self.paused.end(self._history)
            self.paused = None
            self.task.scheduler.wake_all(self._sleepers)

    def hurry(self) -> None:
        """It is as fast as ever."""
        if self.slowed is not None:
            self.slowed.end(self._history)
            self.slowed = None

    def heal(self) -> None:
        """Nothing more befalls it."""
        for injected in self.crashes:
            injected.end(self._history)
        self.crashes.clear()
        self.hurry()
        self.resume()

    # -- what its inbox calls, in its task -----------------------------------------------------------------------------

    def before(self, inbox: Inbox) -> None:
        """It is about to take a message."""
        if not self.is_paused():
            return
        self._tell(f"paused, with {_counted(len(inbox.waiting()), 'message')} in its inbox")
        while self.is_paused():
            self.task.scheduler.wait("pause", self, self._sleepers, self._until_ns)
        self._tell("over, goes on")

    def taken(self, inbox: Inbox, envelope: Any) -> None:
        """It has taken a message, and is about to handle it."""
        slowed = self.slowed
        if slowed is not None:
            self._tell(f"slow, {slowed.fault.seconds:g} s for this message")
            scheduler = self.task.scheduler
            scheduler.wait("sleep", self, [], scheduler.clock.now_ns + to_ns(slowed.fault.seconds))
            slowed.left -= 1
            if slowed.left == 0:
                self.hurry()
        for injected in [injected for injected in self.crashes if _strikes(injected.fault, envelope.message)]:
            injected.left -= 1
            if not injected.left:
                self._crash(injected, inbox, envelope)
                return

    def _crash(self, injected: Injected[Crash], inbox: Inbox, envelope: Any) -> None:
        self.crashes.remove(injected)
        injected.end(self._history)
        error = injected.fault.error
        raised = (
            RuntimeError(f"crash {INJECTED}")
            if error is None
            else error.with_traceback(None)
            if isinstance(error, Exception)
            else error(self.task)
        )
        self.raised = raised
        self._tell(f"raises {describe(raised)} in place of handling this")
        inbox.crash(envelope, raised)

    def _tell(self, detail: str) -> None:
        scheduler = self.task.scheduler
        if scheduler.history is not None:
            scheduler.record("fault", "", 0, detail)


def _strikes(fault: Crash, message: Any) -> bool:
    try:
        return fault.strikes(message)
    except Exception as error:
        raise UsageError(
            f"crash(when=…) raised {describe(error)} for {describe_message(message)}: it is called with every message"
        ) from error


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
