"""The coordinator: keeps the workers busy, takes in what they tell, and ends the run without losing anything."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from greenroom.errors import UsageError
from greenroom.fuzz import plan
from greenroom.fuzz.crew import Worker
from greenroom.fuzz.distinct import fingerprint
from greenroom.fuzz.failures import FoundFailure, replay_line
from greenroom.fuzz.state import TestRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from greenroom.fuzz.channel import Message
    from greenroom.fuzz.dashboard import Dashboard
    from greenroom.fuzz.state import State

HUNG_S: Final = 300.0  # without a word from a worker that runs a batch
HUNG_AT_THE_END_S: Final = 20.0
_SAVE_EVERY_S: Final = 5.0
_SUMMARY_EVERY_S: Final = 60.0
_REPLAY_EVERY: Final = 25  # batches of a test after which what other machines have saved is looked at
_MOST_DEATHS: Final = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """When a session ends, and what a worker may take. None is without end."""

    minutes: float | None
    examples: int | None
    workers: int
    memory_mb: float


class Coordinator:
    """One session of a long run.

    Args:
        state: what is known; it is changed, and saved to ``folder / "state.json"``.
        folder: where the run keeps its files.
        first: what each worker is told first: tests, database, profile.
        limits: as above.
        dashboard: shows it.
        summarise: called now and then to write the summary.
        shared: whether other machines may save failures to the database too.
        clock: seconds.
    """

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        state: State,
        folder: Path,
        first: Message,
        limits: Limits,
        dashboard: Dashboard,
        *,
        summarise: Callable[[], None],
        shared: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = state
        self.limits = limits
        self.stopping = ""
        self.left_out: dict[str, str] = {}
        self.broken: dict[str, str] = {}
        self.workers = [Worker(number + 1, folder / f"worker-{number + 1}.log") for number in range(limits.workers)]
        self.session_s = 0.0
        self.session_examples = 0
        self.found_now: set[str] = set()
        self._folder = folder
        self._first = {**first, "memory_mb": limits.memory_mb, "folder": str(folder)}
        self._dashboard = dashboard
        self._summarise = summarise
        self._shared = shared
        self._clock = clock
        self._tests: list[TestRecord] = []
        self._interrupts = 0
        self._started_s = clock()
        self._before_s = state.elapsed_s
        self._next_save_s = self._next_summary_s = 0.0

    # -- from outside ------------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Ctrl-C: the first lets what is being shrunk be finished, the second ends at once."""
        self._interrupts += 1

    def run(self) -> str:
        """Run until something ends it: "time", "examples", or "interrupted".

        Raises:
            UsageError: there is nothing to run, or no worker can begin; the message says why.
        """
        try:
            for worker in self.workers:
                worker.start(self._first, self._clock())
            while any(worker.alive for worker in self.workers):
                self._listen()
                self._tick()
            return self.stopping
        finally:
            for worker in self.workers:
                if worker.alive:
                    worker.kill()
                    worker.reap()
            self._time_passes()
            self.state.save(self._folder / "state.json")
            self._dashboard.close()

    # -- what workers tell -------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        channels = {worker.channel.fileno(): worker for worker in self.workers if worker.channel is not None}
        for ready in select.select(list(channels), [], [], 0.1)[0]:
            worker = channels[ready]
            assert worker.channel is not None
            for message in worker.channel.receive():
                worker.heard_s = self._clock()
                self._take(worker, message)
            if worker.channel.closed:
                self._gone(worker)

    def _take(self, worker: Worker, message: Message) -> None:
        match message["say"]:
            case "ready":
                self._ready(worker, message)
            case "progress":
                self._progress(worker, message)
            case "seen":
                self._seen(FoundFailure.from_json(message["failure"]))
            case "done":
                self._done(worker, message)
            case "cannot":
                raise UsageError(self._why_not(worker, message))

    def _why_not(self, worker: Worker, message: Message) -> str:
        text = message["text"] or worker.log_tail()
        if "INTERNALERROR> " in text:
            text = text.rpartition("INTERNALERROR> ")[2]
        return f"no test can be run: {text or 'nothing was collected'}"

    def _ready(self, worker: Worker, message: Message) -> None:
        worker.ready = True
        if self._tests:
            return
        self.left_out = message["left_out"]
        if not message["tests"]:
            reasons = sorted(set(self.left_out.values()))
            raise UsageError(f"none of the tests can be fuzzed: {', '.join(reasons) or 'nothing was collected'}")
        share = min((test.share for test in self.state.tests.values()), default=0.0)
        for name in message["tests"]:
            self._tests.append(self.state.tests.setdefault(name, TestRecord(name, share=share)))
        self._dashboard.tests(len(self._tests), self.left_out)

    def _progress(self, worker: Worker, message: Message) -> None:
        worker.mb, worker.shrinking = message["mb"], message["shrinking"]
        worker.peak_mb = max(worker.peak_mb, worker.mb)
        worker.deaths = 0
        self.state.peak_mb = max(self.state.peak_mb, worker.mb)
        if worker.batch is None:
            return
        test = self.state.tests[worker.batch.test]
        test.examples += message["examples"]
        self.session_examples += message["examples"]
        for value in message["schedules"]:
            test.schedules.add(value)
        for text in message["behaviours"]:
            if test.behaviours.add(fingerprint(text)):
                test.interest += 1
                self._dashboard.latest = text

    def _seen(self, failure: FoundFailure) -> None:
        """A worker has come to a failure, and begins to shrink it."""
        known = self.state.failures.get(failure.id)
        if known is None:
            self._time_passes()
            failure.found_s, failure.session = round(self.state.elapsed_s, 1), self.state.session
            self.state.failures[failure.id] = failure
            self.found_now.add(failure.id)
            self._save()

    def _done(self, worker: Worker, message: Message) -> None:
        batch, worker.batch = worker.batch, None
        worker.shrinking = False
        assert batch is not None
        test = self.state.tests[batch.test]
        known = sum(message["known"].values())
        if not batch.replays:
            plan.learn(test, examples=message["examples"], seconds=message["seconds"], known=known)
        self._count(test, batch, message)
        for value in message["failures"]:
            self._shrunk(FoundFailure.from_json(value))
        for name in set(message["unfinished"]):
            self._go_on_later(test, name)
        if message["broken"] or message["skipped"]:
            why = message["broken"] or f"it was skipped: {message['skipped']}"
            (self.broken if message["broken"] else self.left_out)[test.id] = why
            self._tests = [other for other in self._tests if other is not test]
            self.state.incident("left out", test=test.id, text=why)
            self._dashboard.say(f"! {test.id} is left out: {why}")
        if self._shared and not batch.replays and test.batches % _REPLAY_EVERY == 0:
            test.replay_due = True
        self._save()
        if message["mb"] > plan.RECYCLE_FROM * self.limits.memory_mb or message["ended"] == "memory":
            worker.end()

    def _count(self, test: TestRecord, batch: plan.Batch, message: Message) -> None:
        times: dict[str, int] = message["known"]
        for name, count in times.items():
            failure = self.state.failures.get(name)
            if failure is not None:
                failure.times += count
                failure.still = True
        if batch.replays and message["ended"] == "complete":
            again = {*times, *(failure["id"] for failure in message["failures"])}
            for failure in self.state.failures.values():
                if failure.test == test.id and failure.session < self.state.session:
                    failure.still = failure.id in again

    def _shrunk(self, failure: FoundFailure) -> None:
        """A failure is reduced: it is saved, and then shown, once."""
        seen = self.state.failures.get(failure.id)
        if seen is not None:
            if seen.shrunk:
                return
            failure.found_s, failure.session, failure.times = seen.found_s, seen.session, seen.times
        else:
            failure.found_s, failure.session = round(self.state.elapsed_s, 1), self.state.session
        self.state.failures[failure.id] = failure
        self.found_now.add(failure.id)
        self._save()
        self._show(failure)

    def _show(self, failure: FoundFailure) -> None:
        self._dashboard.failure(failure, 1 + list(self.state.failures).index(failure.id))

    def _go_on_later(self, test: TestRecord, name: str) -> None:
        """A batch was ended while it shrank: what is saved is shrunk further by a fresh worker, a few times, then shown as it is."""
        failure = self.state.failures.get(name)
        if failure is None or failure.shrunk:
            return
        test.continued += 1
        if test.continued <= plan.MOST_CONTINUED:
            test.replay_due = True
            return
        failure.text = (
            failure.text or "Shrinking it took more memory than a worker may have; run the test with pytest to shrink it further."
        )
        failure.replay = failure.replay or replay_line(failure.test, self._first["profile"])
        failure.shrunk = True
        self._show(failure)

    def _gone(self, worker: Worker) -> None:
        """A worker's messages have ended, and so has the worker."""
        batch, expected = worker.batch, worker.ending
        how = worker.reap()
        if not expected:
            worker.deaths += 1
            where = f" in {batch.test} (seed {batch.seed})" if batch is not None else ""
            self.state.incident("worker died", worker=worker.number, text=f"{how}{where}", log=worker.log_tail()[-1000:])
            self._dashboard.say(
                f"! worker {worker.number} {how}{where}; {'it is started again' if not self.stopping else 'the run is ending'}"
            )
            if batch is not None:
                test = self.state.tests[batch.test]
                test.replay_due = True
                test.share += plan.BATCH_S / plan.weight(test)
            if worker.deaths >= _MOST_DEATHS and self.session_examples == 0:
                raise UsageError(f"worker {worker.number} {how} {_MOST_DEATHS} times before its first example: {worker.log_tail()}")
        if not self.stopping and worker.deaths < 10 * _MOST_DEATHS:
            worker.start(self._first, self._clock())

    # -- what is done now and then -----------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = self._clock()
        self._time_passes()
        self._stop_in_time()
        for worker in self.workers:
            if worker.idle:
                self._employ(worker)
            elif worker.batch is not None and now - worker.heard_s > self._patience_s(worker):
                self._hung(worker)
        self.state.sample(max((worker.mb for worker in self.workers), default=0.0))
        self._dashboard.show(self)
        if now >= self._next_save_s:
            self._save()
        if now >= self._next_summary_s:
            self._next_summary_s = now + _SUMMARY_EVERY_S
            self._summarise()

    def _patience_s(self, worker: Worker) -> float:
        return HUNG_AT_THE_END_S if self.stopping and not worker.shrinking else HUNG_S

    def _stop_in_time(self) -> None:
        if self._interrupts > 1:
            self.stopping = "interrupted"
            for worker in self.workers:
                worker.ending = True
                worker.kill()
            return
        if not self.stopping:
            self.stopping = self._reason()
            if self.stopping == "interrupted":
                self._dashboard.say("ending; what is being shrunk is finished first (Ctrl-C again: at once)")
            if self.stopping:
                for worker in self.workers:
                    if worker.batch is not None:
                        worker.send({"do": "stop"})
                    elif worker.alive and not worker.ready:
                        worker.ending = True
                        worker.kill()

    def _reason(self) -> str:
        if self._interrupts:
            return "interrupted"
        if self.limits.minutes is not None and self.session_s >= self.limits.minutes * 60:
            return "time"
        if self.limits.examples is not None and self.session_examples >= self.limits.examples:
            return "examples"
        if self.state.tests and not self._tests and any(worker.ready for worker in self.workers):
            return "nothing left"
        return ""

    def _employ(self, worker: Worker) -> None:
        if self.stopping:
            worker.end()
            return
        busy = [other.batch.test for other in self.workers if other.batch is not None]
        test = plan.next_test(self._tests, busy)
        replays, test.replay_due = test.replay_due, False
        room_mb = plan.END_BATCH_FROM * self.limits.memory_mb - (worker.mb or 100.0)
        examples = plan.examples_for(test, room_mb=room_mb)
        if self.limits.examples is not None:
            examples = max(1, min(examples, self.limits.examples - self.session_examples))
        number = self.state.next_batch
        self.state.next_batch += 1
        batch = plan.Batch(number, test.id, plan.seed_of(self.state.seed, number), examples, replays)
        known = [failure.id for failure in self.state.failures.values() if failure.test == test.id and failure.shrunk]
        worker.give(batch, known, plan.LONGEST_BATCH_S, self._clock())

    def _hung(self, worker: Worker) -> None:
        assert worker.batch is not None
        text = f"{worker.batch.test} (seed {worker.batch.seed}): one example takes more than {self._patience_s(worker):g} s"
        self.state.incident("worker hung", worker=worker.number, text=text)
        self._dashboard.say(f"! worker {worker.number} is ended: {text}")
        worker.kill()

    def _time_passes(self) -> None:
        self.session_s = self._clock() - self._started_s
        self.state.elapsed_s = self._before_s + self.session_s

    def _save(self) -> None:
        self._next_save_s = self._clock() + _SAVE_EVERY_S
        self.state.save(self._folder / "state.json")

    def view(self) -> dict[str, Any]:
        """What the dashboard shows of the workers: one line's worth each."""
        return {
            "workers": [
                (worker.number, worker.mb, worker.batch.test if worker.batch is not None else "", worker.shrinking, worker.ready)
                for worker in self.workers
                if worker.alive
            ]
        }
