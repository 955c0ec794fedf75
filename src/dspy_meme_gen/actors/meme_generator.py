"""The orchestrator: carries out what each request's Generation wants, and tells it of the results."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from dspy_meme_gen import names
from dspy_meme_gen.actors.supervised import Identity, SupervisedActor
from dspy_meme_gen.address import FULL, NOBODY, Address
from dspy_meme_gen.domain import Meme, MemeText, Rejected, RenderedImage
from dspy_meme_gen.generation import Begin, Call, Defer, Effect, Effects, Finish, Generation, Pause
from dspy_meme_gen.ledger import Ledger
from dspy_meme_gen.messages import (
    Abandon,
    BackoffPassed,
    ChildRestarted,
    DrainOutbox,
    Generate,
    Remember,
    Withdraw,
    Work,
    WorkDone,
    WorkExpired,
    WorkFailed,
    WorkRefused,
)
from dspy_meme_gen.ports import Outbox, TimerHandle, Timers
from dspy_meme_gen.resilience.breaker import Ticket
from dspy_meme_gen.resilience.breakers import Breakers
from dspy_meme_gen.settings import Settings

__all__ = ["MemeGenerator", "Surroundings"]

logger = logging.getLogger("memespy.meme_generator")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an orchestrator works with; all of it outlives the orchestrator.

    `workers` has the addresses of everyone who does a kind of work; `breakers` goes by the same names.
    `serials` is one counter for all incarnations, so that no answer meant for a predecessor is ever taken for one's own.
    """

    address: Address
    workers: Mapping[str, tuple[Address, ...]]
    breakers: Breakers
    ledger: Ledger
    outbox: Outbox
    timers: Timers
    serials: Iterator[int]
    settings: Settings
    placeholder: Callable[[MemeText, str], RenderedImage]


@dataclass(slots=True, eq=False)
class _Outstanding:
    """A call that was made, or (`call` None) a pause. `told` is the incarnation of `worker` that got it, `crashes` how many died of it.

    Without a `ticket` the call was refused, by its breaker or by a full inbox, and nobody was told.
    """

    call: Call | None
    worker: Address | None = None
    ticket: Ticket | None = None
    told: int = NOBODY
    crashes: int = 0
    timer: TimerHandle | None = None


@dataclass(slots=True, eq=False)
class _Job:
    """One request at work: its generation, and what is outstanding by serial."""

    request_id: str
    key: str
    generation: Generation
    outstanding: dict[int, _Outstanding] = field(default_factory=dict)


class MemeGenerator(SupervisedActor):
    """One job a request, in a table keyed by request_id; one flight a payload key, its leader first, then those who wait for the leader.

    Nothing else is kept from one message to the next. A job leaves the table with its outcome; whoever gave the outcome, it is the ledger
    that has it. What a crash of this actor loses, the router brings to the next one.
    """

    def __init__(self, identity: Identity, surroundings: Surroundings) -> None:
        super().__init__(identity)
        self._around = surroundings
        self._jobs: dict[str, _Job] = {}
        self._flights: dict[str, list[str]] = {}
        self._load: Counter[str] = Counter()  # calls outstanding, by the worker's name

    def handle(self, message: object) -> None:
        """Begin or drop a request, or go on with it."""
        match message:
            case Generate():
                self._generate(message)
            case WorkDone(request_id, serial, value):
                self._answered(request_id, serial, lambda job, call: job.generation.done(call.worker, value), well=True)
            case WorkFailed(request_id, serial, error):
                self._answered(request_id, serial, lambda job, call: job.generation.failed(call.worker, error), well=False)
            case WorkExpired(request_id, serial):
                self._answered(request_id, serial, lambda job, call: job.generation.expired(call.worker), well=False)
            case WorkRefused(request_id, serial):
                self._answered(request_id, serial, lambda job, call: job.generation.refused(call.worker), well=False)
            case BackoffPassed(request_id, serial):
                self._resume(request_id, serial)
            case ChildRestarted(name, incarnation):
                self._send_again(name, incarnation)
            case Withdraw(request_id):
                self._leave(request_id)
            case Abandon():
                self._drop_everything()

    def on_death(self) -> None:
        """The timers would only talk to the dead."""
        self._drop_everything()
        super().on_death()

    # Beginning

    def _generate(self, message: Generate) -> None:
        request = message.request
        entry = self._around.ledger.find(request.request_id)
        if entry is None or request.request_id in self._jobs:
            return
        generation = Generation(request, entry.key, self._around.settings, self._around.placeholder)
        job = self._jobs[request.request_id] = _Job(request.request_id, entry.key, generation)
        flight = self._flights.setdefault(job.key, [])
        flight.append(job.request_id)
        self._carry_out(job, generation.begin() if len(flight) == 1 else generation.begin_waiting())

    # Going on

    def _answered(self, request_id: str, serial: int, what: Callable[[_Job, Call], Effects], *, well: bool) -> None:
        """Tell the generation, unless nobody waits for this serial any more: the answer is late, or a second one."""
        job = self._jobs.get(request_id)
        outstanding = job.outstanding.pop(serial, None) if job is not None else None
        if job is None or outstanding is None:
            return
        assert outstanding.call is not None, "a worker was never told the serial of a pause"
        self._end(outstanding, well=well)
        self._carry_out(job, what(job, outstanding.call))

    def _resume(self, request_id: str, serial: int) -> None:
        job = self._jobs.get(request_id)
        if job is not None and job.outstanding.pop(serial, None) is not None:
            self._carry_out(job, job.generation.resumed())

    def _send_again(self, name: str, incarnation: int) -> None:
        """Call again for all that an earlier incarnation of this worker has not answered: it went down with it."""
        lost = [
            (job, serial)
            for job in self._jobs.values()
            for serial, outstanding in job.outstanding.items()
            if outstanding.worker is not None and outstanding.worker.name == name and outstanding.told < incarnation
        ]
        for job, serial in lost:
            outstanding = job.outstanding.pop(serial, None)
            if outstanding is None or outstanding.call is None:
                continue  # dropped meanwhile, by what came of another one
            # Told to one that was dead already, it crashed nobody.
            crashes = outstanding.crashes + (outstanding.told != NOBODY)
            # A crashed cache is no cache; a second crash on the same task counts as the port's own error.
            failed = name == names.CACHE or crashes > 1
            self._end(outstanding, well=False if failed else None)
            if failed:
                self._carry_out(job, job.generation.failed(outstanding.call.worker, "ActorCrashed"))
            else:
                self._call(job, outstanding.call, crashes)

    # Carrying out

    def _carry_out(self, job: _Job, effects: Effects) -> None:
        if not all(self._do(job, effect) for effect in effects):
            self._leave(job.request_id)

    def _do(self, job: _Job, effect: Effect) -> bool:
        """Whether the job goes on."""
        match effect:
            case Begin(stage, detail):
                self._drop_outstanding(job)
                return self._around.ledger.report(job.request_id, stage, detail)
            case Call():
                self._call(job, effect, crashes=0)
            case Pause(delay_s):
                serial = next(self._around.serials)
                job.outstanding[serial] = _Outstanding(None, timer=self._later(delay_s, BackoffPassed(job.request_id, serial)))
            case Defer(record):
                self._around.outbox.add(record)
                self._one_of(names.STORE).tell(DrainOutbox())
            case Finish():
                self._finish(job, effect)
                return False
        return True

    def _call(self, job: _Job, call: Call, crashes: int) -> None:
        serial = next(self._around.serials)
        now_s = time.monotonic()
        ticket = self._around.breakers.admit(call.worker, now_s)
        if ticket is None:
            job.outstanding[serial] = _Outstanding(call)
            self._around.address.tell(WorkRefused(job.request_id, serial))
            return
        worker = self._one_of(call.worker)
        outstanding = job.outstanding[serial] = _Outstanding(call, worker, ticket, crashes=crashes)
        self._load[worker.name] += 1
        if call.limit_s is not None:
            outstanding.timer = self._later(call.limit_s, WorkExpired(job.request_id, serial))
        expires_at_s = float("inf") if call.limit_s is None else now_s + call.limit_s
        outstanding.told = worker.tell(Work(job.request_id, serial, call.task, expires_at_s))
        if outstanding.told == FULL:
            self._end(outstanding, well=False)
            job.outstanding[serial] = _Outstanding(call)
            self._around.address.tell(WorkFailed(job.request_id, serial, "InboxFull"))

    def _one_of(self, kind: str) -> Address:
        """The worker of a kind that has the least to do; of several such the first."""
        return min(self._around.workers[kind], key=lambda address: self._load[address.name])

    def _end(self, outstanding: _Outstanding, *, well: bool | None) -> None:
        """A call has ended `well` or not; None if nobody waits for it any more, which says nothing of the worker."""
        if outstanding.timer is not None:
            outstanding.timer.cancel()
            outstanding.timer = None
        if outstanding.call is None or outstanding.worker is None or outstanding.ticket is None:
            return
        self._load[outstanding.worker.name] -= 1
        name, ticket = outstanding.call.worker, outstanding.ticket
        if well is None:
            self._around.breakers.given_up(name, ticket)
        elif well:
            self._around.breakers.success(name, ticket)
        else:
            self._around.breakers.failure(name, ticket, time.monotonic())

    def _later(self, delay_s: float, message: object) -> TimerHandle:
        return self._around.timers.call_later(delay_s, partial(self._around.address.tell, message))

    # Ending

    def _finish(self, job: _Job, finish: Finish) -> None:
        """Settle the request; a meme or a rejection is everyone's on the flight, if it became the leader's outcome."""
        outcome = finish.outcome
        settled = self._around.ledger.settle(job.request_id, outcome)
        if not settled or not isinstance(outcome, Meme | Rejected):
            return
        if finish.fresh and isinstance(outcome, Meme) and not outcome.degraded:
            self._one_of(names.CACHE).tell(Remember(job.key, outcome))
        _leader, *waiting = self._flights[job.key]
        for request_id in waiting:
            self._around.ledger.settle(request_id, outcome)
            self._forget(request_id)

    def _leave(self, request_id: str) -> None:
        """Take a request off; if it led its flight, the one that has waited longest leads from now on."""
        job = self._jobs.get(request_id)
        if job is None:
            return
        led = self._flights[job.key][0] == request_id
        self._forget(request_id)
        # A loop, for those who waited may have their outcome already, every one of them.
        while led and job.key in self._flights:
            successor = self._jobs[self._flights[job.key][0]]
            if all(self._do(successor, effect) for effect in successor.generation.begin_text()):
                return
            self._forget(successor.request_id)

    def _forget(self, request_id: str) -> None:
        job = self._jobs.pop(request_id)
        self._drop_outstanding(job)
        flight = self._flights[job.key]
        flight.remove(request_id)
        if not flight:
            del self._flights[job.key]

    def _drop_everything(self) -> None:
        for job in self._jobs.values():
            self._drop_outstanding(job)
        self._jobs.clear()
        self._flights.clear()

    def _drop_outstanding(self, job: _Job) -> None:
        for outstanding in job.outstanding.values():
            self._end(outstanding, well=None)
        job.outstanding.clear()
