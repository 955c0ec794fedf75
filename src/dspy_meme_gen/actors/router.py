"""The router sees each admitted request on its way, keeps its deadline, and brings it to the next orchestrator when one crashes."""

import time
from functools import partial

from dspy_meme_gen import names
from dspy_meme_gen.actors.supervised import Identity, SupervisedActor
from dspy_meme_gen.address import NOBODY, Address
from dspy_meme_gen.domain import Failed, TimedOut
from dspy_meme_gen.ledger import Entry, Ledger
from dspy_meme_gen.messages import ChildRestarted, DeadlinePassed, Generate, Recover, Submit, Withdraw
from dspy_meme_gen.ports import Timers

__all__ = ["Router"]


class Router(SupervisedActor):
    """All it knows is in the ledger, which outlives it."""

    def __init__(self, identity: Identity, address: Address, orchestrator: Address, ledger: Ledger, timers: Timers) -> None:
        super().__init__(identity)
        self._address = address
        self._orchestrator = orchestrator
        self._ledger = ledger
        self._timers = timers

    def handle(self, message: object) -> None:
        """Route a request, time it out, or make up for what a crash may have lost."""
        match message:
            case Submit(request_id):
                entry = self._ledger.find(request_id)
                if entry is not None:
                    self._route(entry)
            case DeadlinePassed(request_id):
                if self._ledger.settle(request_id, TimedOut()):
                    self._orchestrator.tell(Withdraw(request_id))
            case ChildRestarted(names.MEME_GENERATOR, incarnation):
                self._resubmit(incarnation)
            case Recover():
                self._recover()

    def _route(self, entry: Entry) -> None:
        if entry.routed:
            return
        entry.routed = True
        self._ledger.report(entry.request.request_id, "routing")
        self._arm(entry)
        entry.told = self._orchestrator.tell(Generate(entry.request))

    def _resubmit(self, incarnation: int) -> None:
        """Bring everything that an earlier incarnation of the orchestrator was told to this one."""
        for entry in self._ledger.in_flight():
            if not entry.routed or entry.told >= incarnation:
                continue
            if entry.told != NOBODY:
                entry.crashes += 1
            if entry.crashes > 1:
                self._ledger.settle(entry.request.request_id, Failed("ActorCrashed", "routing"))
            else:
                entry.told = self._orchestrator.tell(Generate(entry.request))

    def _recover(self) -> None:
        """A Submit, a ChildRestarted or a DeadlinePassed may have gone down with the predecessor: the ledger tells what they were about."""
        self._resubmit(self._orchestrator.incarnation)
        for entry in self._ledger.in_flight():
            if entry.routed:
                self._arm(entry)
            else:
                self._route(entry)

    def _arm(self, entry: Entry) -> None:
        request_id = entry.request.request_id
        if entry.deadline is not None:
            entry.deadline.cancel()
        delay_s = entry.expires_at_s - time.monotonic()
        entry.deadline = self._timers.call_later(delay_s, partial(self._address.tell, DeadlinePassed(request_id)))
        if entry.outcome is not None:
            # Settled meanwhile, by a client or a stop that found no deadline to cancel.
            entry.deadline.cancel()
