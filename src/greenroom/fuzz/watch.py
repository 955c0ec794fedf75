"""What a worker sees of one batch while it runs: it counts, tells what is new, and says when to stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from greenroom.fuzz import plan
from greenroom.fuzz.distinct import fingerprint
from greenroom.fuzz.failures import identified
from greenroom.fuzz.memory import resident_mb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenroom.fuzz.behaviours import Behaviours
    from greenroom.fuzz.channel import Channel
    from greenroom.history import History

TELL_EVERY_S: Final = 0.25


class EndOfBatch(KeyboardInterrupt):
    """Ends a batch between two examples; as an interrupt, it is nobody's failure, and Hypothesis saves nothing for it."""


class Watch:
    """One batch: its counts since the last report, the failures that it came to, and why it must end, if it must.

    Args:
        channel: where reports go, and orders come from.
        test: whose batch it is.
        known: the ids of failures that have been shown; examples that come to them count as passed.
        memory_mb: the limit of the process.
        behaviours: what this process has seen of the test so far.
        seconds: after which a batch that found nothing ends; None for never.
        clock: seconds.
        memory: megabytes resident.
    """

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        channel: Channel,
        test: str,
        *,
        known: Sequence[str],
        memory_mb: float,
        behaviours: Behaviours,
        seconds: float | None = plan.LONGEST_BATCH_S,
        clock: Callable[[], float] = time.monotonic,
        memory: Callable[[], float] = resident_mb,
    ) -> None:
        self._channel = channel
        self._test = test
        self._known = frozenset(known)
        self._limit_mb = memory_mb
        self._behaviours = behaviours
        self._clock = clock
        self._memory = memory
        self._deadline = None if seconds is None else clock() + seconds
        self._next_report = clock() + TELL_EVERY_S
        self._schedules: list[int] = []
        self._news: list[str] = []
        self._unreported = 0
        self.examples = 0
        self.shrinks = 0
        self.known_times: dict[str, int] = {}
        self.seen: set[str] = set()
        self.ended = "complete"
        self.peak_mb = 0.0

    # -- called around each example --------------------------------------------------------------------------------

    def example_begins(self) -> None:
        """Report now and then; end the batch where it is time to.

        Raises:
            EndOfBatch: time is over, the run is to stop, too much memory is resident, or the coordinator is gone; ``ended`` says which.
        """
        now = self._clock()
        if now >= self._next_report:
            self.report()
            self._next_report = self._clock() + TELL_EVERY_S
            self._obey()
        if self._deadline is not None and now >= self._deadline and not self.seen:
            self._end("time")
        if self.seen:
            self.shrinks += 1
        else:
            self.examples += 1
            self._unreported += 1

    def example_failed(self, error: BaseException) -> bool:
        """An example has failed; whether as others have before, so that it is to count as passed."""
        failure = identified(self._test, error)
        if failure.id in self._known:
            self.known_times[failure.id] = self.known_times.get(failure.id, 0) + 1
            return True
        if failure.id not in self.seen:
            self.seen.add(failure.id)
            self._channel.send({"say": "seen", "failure": failure.to_json()})
        return False

    def execution_ended(self, history: History, deviations: Sequence[tuple[int, str]]) -> None:
        """As ``Onlooker``: count the schedule, and look for new behaviour."""
        self._schedules.append(fingerprint(deviations))
        self._news += self._behaviours.new_in(history)

    def event(self, text: str) -> None:
        """Hypothesis was told of an event: a behaviour that the test itself names."""
        self._news.append(text)

    # -- reports and orders ----------------------------------------------------------------------------------------

    def report(self) -> None:
        """Tell what is new since the last report."""
        mb = self._memory()
        self.peak_mb = max(self.peak_mb, mb)
        self._channel.send({"say": "progress", **self.news(), "mb": mb, "shrinking": bool(self.seen), "shrinks": self.shrinks})

    def news(self) -> dict[str, Any]:
        """What is new since the last report; it is told once."""
        news = {"examples": self._unreported, "schedules": self._schedules, "behaviours": self._news}
        self._unreported, self._schedules, self._news = 0, [], []
        return news

    def _obey(self) -> None:
        for order in self._channel.receive():
            if order["do"] == "stop" and not self.seen:
                self._end("stopped")
        if self._channel.closed:
            self._end("orphaned")
        mb = self._memory()
        if mb > self._limit_mb * (plan.STOP_SHRINKING_FROM if self.seen else plan.END_BATCH_FROM):
            self._end("memory")

    def _end(self, why: str) -> None:
        self.ended = why
        raise EndOfBatch(why)
