"""The pipeline as its clients see it: submit, cancel, look, stop."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Self

import pykka  # noqa: TC002 - one import style for all files

from dspy_meme_gen import names
from dspy_meme_gen.address import Address, InboxReport
from dspy_meme_gen.domain import Cancelled, GenerateMeme, MemePage, MemeRecord, Outcome, terminal_stage, validate
from dspy_meme_gen.health import Check, Health, Status
from dspy_meme_gen.lasting import Lasting
from dspy_meme_gen.measurements import Snapshot
from dspy_meme_gen.messages import Abandon, Submit, Withdraw
from dspy_meme_gen.ports import Closeable, MemeCatalogue, Recalling, Troubled
from dspy_meme_gen.resilience.breaker import State
from dspy_meme_gen.resilience.chaos import Chaos
from dspy_meme_gen.resilience.pressure import Pressure
from dspy_meme_gen.subscribers import Listener

__all__ = ["Found", "Pipeline", "RequestStatus"]

logger = logging.getLogger("memespy.pipeline")


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """A request and how far it has come: "waiting" for its turn, one of STAGES, or one of TERMINAL_STAGES with its outcome.

    `stages` are all that it came through so far, as often as it did.
    """

    request: GenerateMeme
    stage: str
    stages: tuple[str, ...]
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Found:
    """A record that was looked for; `degraded` where the store itself does not have it, or could not be asked."""

    record: MemeRecord
    degraded: bool


class Pipeline:
    """A running pipeline; `bootstrap.start_pipeline` makes one. Any number of client threads may call any method; actors may not.

    It is a context manager: leaving the block stops it.
    """

    def __init__(self, lasting: Lasting) -> None:
        self._settings = lasting.settings
        self._ports = lasting.ports
        self._ledger = lasting.ledger
        self._outbox = lasting.outbox
        self._roster = lasting.roster
        self._breakers = lasting.breakers
        self._admission = lasting.admission
        self._subscribers = lasting.subscribers
        self._measurements = lasting.measurements
        self._checks = lasting.checks
        self._stopping = threading.Lock()
        self._stopped = False

    @property
    def addresses(self) -> Mapping[str, Address]:
        """The address of each actor by its name (see `names`), in order of start: for those who watch, and for fault tests."""
        return MappingProxyType({address.name: address for address in self._roster.addresses()})

    def submit(self, request: GenerateMeme) -> "pykka.Future[Outcome]":
        """Accept a request; the future gets its outcome, exactly one, whatever happens.

        The same request_id with the same payload is the same request and gets the same outcome. Raises InvalidRequest, RequestConflict
        (the request_id is known with another payload), RateLimited or Overloaded (they say when to come back), or ServiceStopped, at once;
        then nothing was accepted.
        """
        checked = validate(request)
        router = self._roster.address(names.ROUTER)
        assert router is not None, "a pipeline that is handed out has all its actors"
        with router.held_open() as room:
            future, new = self._ledger.admit(checked, room=room)
            if new:
                # If the router is down this is lost, and its successor finds the request in the ledger.
                router.tell(Submit(checked.request_id))
        return future

    def when_settled(self, request_id: str, listener: Callable[[Outcome], None]) -> bool:
        """Call `listener` once with the outcome of a request, on whichever thread settles it; False if the request is unknown.

        It must be quick and must not raise. Where the request has its outcome already, it is called at once.
        """
        entry = self._ledger.known(request_id)
        if entry is None:
            return False
        entry.promise.when_set(listener)
        return True

    def status(self, request_id: str) -> RequestStatus | None:
        """How far a request has come; None if it is unknown, or was settled so long ago that it is forgotten."""
        entry = self._ledger.known(request_id)
        if entry is None:
            return None
        outcome = entry.outcome
        stage = terminal_stage(outcome) if outcome is not None else entry.stage if entry.routed else "waiting"
        return RequestStatus(entry.request, stage, tuple(entry.stages), outcome)

    def cancel(self, request_id: str) -> bool:
        """Settle a request as Cancelled; False if it is unknown or has its outcome already."""
        entry = self._ledger.settled(request_id, Cancelled())
        if entry is None:
            return False
        if entry.routed:  # the orchestrator has not heard of any other
            self._tell(names.MEME_GENERATOR, Withdraw(request_id))
        return True

    def stored(self) -> tuple[MemeRecord, ...]:
        """What the store holds, in the order in which the memes were first stored. Raises what the store raises."""
        return self._ports.store.all()

    def page(self, *, limit: int, start: int | None = None) -> MemePage:
        """A page of what the store holds, newest first; see ports.MemeCatalogue. Raises what the store raises."""
        store = self._ports.store
        if not isinstance(store, MemeCatalogue):
            raise TypeError(f"{type(store).__name__} cannot be leafed through; expected a store with the method page")
        return store.page(limit=limit, start=start)

    def deferred(self) -> tuple[MemeRecord, ...]:
        """What waits for the store, oldest first."""
        return self._outbox.waiting()

    def deferred_count(self) -> int:
        """How many memes wait for the store; unlike `deferred` it reads none of them, and raises nothing."""
        return len(self._outbox)

    def record(self, meme_id: str) -> MemeRecord | None:
        """The record of a meme, also one that still waits for the store, or None. Raises what the store raises."""
        return self._outbox.find(meme_id) or self._ports.store.get(meme_id)

    def find(self, meme_id: str) -> Found | None:
        """The record of a meme wherever it can be had, or None. Raises what the store raises for one that is nowhere else."""
        waiting = self._outbox.find(meme_id)
        if waiting is not None:
            return Found(waiting, degraded=True)
        store = self._ports.store
        recalled = store.recall(meme_id) if isinstance(store, Recalling) else None
        if recalled is not None and isinstance(store, Troubled) and store.trouble() is not None:
            return Found(recalled, degraded=True)  # at once: whoever asks a store that is away waits for it first
        try:
            record = store.get(meme_id)
        except Exception as error:
            if recalled is None:
                raise
            logger.warning("the store raised %s; a meme is shown from memory", type(error).__name__)
            return Found(recalled, degraded=True)
        return None if record is None else Found(record, degraded=False)

    def breakers(self) -> dict[str, State]:
        """The state of the breaker of each kind of work: closed, open or half-open."""
        return self._breakers.states(time.monotonic())

    def pressure(self) -> Pressure:
        """How full the service is."""
        return self._admission.pressure(self._ledger.waiting())

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called with every Progress from now on, on the event bus's thread; it must be quick.

        Returns what ends that. A listener that raises `SubscriberGone` is taken off; what else it raises is logged. If the bus crashes, or
        its inbox is full, events may be missed: what became of a request is in its future.
        """
        return self._subscribers.add(listener)

    def measurements(self) -> Snapshot:
        """What was done so far, in numbers."""
        return self._measurements.snapshot()

    def refused(self) -> dict[str, int]:
        """How many requests were refused, by the reason."""
        return dict(self._admission.refused)

    def inboxes(self) -> dict[str, InboxReport]:
        """Each actor's inbox now, by the actor's name."""
        return {address.name: address.inbox() for address in self._roster.addresses()}

    def chaos(self) -> Chaos | None:
        """What spoils calls of ports on purpose; None where nothing does."""
        return self._ports.chaos

    def health(self) -> Health:
        """How the service is, from what is known now; asks nobody and waits for nobody."""
        checks = self._checks.read()
        dead = [name for name, address in self.addresses.items() if address.ref is not None and not address.ref.is_alive()]
        if self._ledger.closed:
            checks["pipeline"] = Check("down", "takes no more requests")
        elif dead:
            checks["actors"] = Check("degraded", f"being started again: {', '.join(dead)}")
        else:
            checks["actors"] = Check("ok")
        open_breakers = [name for name, state in self.breakers().items() if state != "closed"]
        checks["breakers"] = Check("degraded", f"not closed: {', '.join(open_breakers)}") if open_breakers else Check("ok")
        if isinstance(cache := self._ports.cache, Troubled):
            trouble = cache.trouble()
            checks["cache"] = Check("degraded", f"out of order ({trouble}); memes are made without it") if trouble else Check("ok")
        if self._ports.chaos is not None:
            checks["chaos"] = Check("ok", self._ports.chaos.told())
        crowded = [f"{name} ({inbox.waiting} messages)" for name, inbox in self.inboxes().items() if inbox.crowded]
        checks["inboxes"] = Check("degraded", f"crowded: {', '.join(crowded)}") if crowded else Check("ok")
        waiting = len(self._outbox)
        checks["outbox"] = Check("degraded", f"{waiting} memes wait for the store") if waiting else Check("ok")
        pressure = self.pressure()
        status: Status = "ok" if pressure is Pressure.NONE else "down" if pressure is Pressure.FULL else "degraded"
        checks["pressure"] = Check(status, "" if status == "ok" else pressure.name.lower())
        return Health(checks)

    def in_flight(self) -> tuple[str, ...]:
        """The request_ids that were accepted and have no outcome yet, in order of acceptance."""
        return tuple(entry.request.request_id for entry in self._ledger.in_flight())

    def stop(self, *, grace_s: float | None = None) -> None:
        """Take no more; give what is in flight `grace_s` seconds (None: the settings'); fail the rest; end every actor, thread and port.

        Returns when all is ended, and at once when it was stopped before. A second call while the first is at it waits for the first.
        """
        with self._stopping:
            if self._stopped:
                return
            self._ledger.close()
            self._ledger.wait_until_idle(self._settings.stop_grace_s if grace_s is None else grace_s)
            self._ledger.fail_all("ServiceStopped")
            self._tell(names.MEME_GENERATOR, Abandon())
            self._stop_actors()
            self._drain_outbox()
            self._close_ports()
            self._stopped = True

    def give_up(self) -> None:
        """Fail all that is in flight with RestartLimitExceeded and take no more: the supervisor's last resort. `stop` is still needed."""
        self._ledger.close()
        self._ledger.fail_all("RestartLimitExceeded")
        self._tell(names.MEME_GENERATOR, Abandon())

    def __enter__(self) -> Self:
        """The pipeline itself, which runs already."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Stop, and do not make a caller that failed wait for what it no longer wants."""
        self.stop(grace_s=None if error is None else 0)

    def _tell(self, name: str, message: object) -> None:
        address = self._roster.address(name)
        if address is not None:
            address.tell(message)

    def _stop_actors(self) -> None:
        """In reverse order of start. No child is restarted any more, and none reports its end: the supervisor is not to be told."""
        self._roster.close()
        actors = [(address.name, address.ref) for address in self._roster.addresses()]
        for address in self._roster.addresses():
            if address.name == names.SUPERVISOR:
                address.close()
        for name, ref in reversed(actors):
            if ref is None:
                continue
            ref.stop(block=False)
            # Not the stop's own future: it is never set if the actor crashes after Pykka's alive check and before the stop is in its inbox.
            if not ref.actor_stopped.wait(self._settings.actor_stop_s):
                logger.error("%s is still inside a port call after %g s and was left behind", name, self._settings.actor_stop_s)

    def _drain_outbox(self) -> None:
        """A last try; the store actor has stopped, so nobody else writes."""
        try:
            self._outbox.drain(self._ports.store.put)
        except Exception as error:  # noqa: BLE001 - whatever the store raises, the stop goes on
            waiting = len(self._outbox)
            fate = "stays in the outbox until the next start" if self._outbox.durable else "is lost"
            logger.error("the store raised %s; what waited for it %s (memes: %d)", type(error).__name__, fate, waiting)  # noqa: TRY400 - no traceback for an outage

    def _close_ports(self) -> None:
        ports = self._ports
        every = (ports.timers, ports.text, ports.appropriateness, ports.factuality, ports.instructions, ports.scorer, ports.refiner)
        for port in (*every, ports.image, ports.cache, ports.store, self._outbox):
            if isinstance(port, Closeable):
                try:
                    port.close()
                except Exception:
                    logger.exception("closing %s raised; the others are closed all the same", type(port).__name__)
