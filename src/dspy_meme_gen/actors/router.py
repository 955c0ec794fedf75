"""The router gives each admitted request its turn, keeps its deadline, and brings it to the next orchestrator when one crashes."""

import time
from functools import partial

from dspy_meme_gen import names
from dspy_meme_gen.actors.supervised import Identity, SupervisedActor
from dspy_meme_gen.address import FULL, NOBODY, Address
from dspy_meme_gen.domain import Failed, TimedOut
from dspy_meme_gen.ledger import Entry, Ledger
from dspy_meme_gen.messages import ChildRestarted, DeadlinePassed, Generate, OfferAgain, Recover, Released, Submit, Withdraw
from dspy_meme_gen.ports import Timers
from dspy_meme_gen.resilience.waiting import Waiting
from dspy_meme_gen.resilience.window import Window, WindowPolicy

__all__ = ["Router"]

OFFER_AGAIN_S = 0.1
"""How long an orchestrator whose inbox is full is left alone."""


class Router(SupervisedActor):
    """All that must not be lost is in the ledger, which outlives it; who waits, and in which order, can be told from there.

    How many may be at work at once is the adaptive window's to say. A place is taken when the ledger notes a turn, and free as soon as it
    notes the outcome, so no place can be lost on the way.
    """

    def __init__(  # noqa: PLR0913 - one parameter for each thing it needs
        self, identity: Identity, *, address: Address, orchestrator: Address, ledger: Ledger, timers: Timers, window: WindowPolicy
    ) -> None:
        super().__init__(identity)
        self._address = address
        self._orchestrator = orchestrator
        self._ledger = ledger
        self._timers = timers
        self._policy = window
        self._window = Window.new(window, time.monotonic())
        self._waiting: Waiting[str] = Waiting()
        self._queued: set[str] = set()
        self._offers_again = False

    def handle(self, message: object) -> None:
        """Route a request, time it out, or make up for what a crash may have lost."""
        match message:
            case Submit(request_id):
                entry = self._ledger.find(request_id)
                if entry is not None:
                    self._queue(entry)
                    self._next_turns()
            case Released():
                self._release(message)
            case DeadlinePassed(request_id):
                entry = self._ledger.settled(request_id, TimedOut())
                if entry is not None and entry.routed:  # the orchestrator has not heard of any other
                    self._orchestrator.tell(Withdraw(request_id))
            case OfferAgain():
                self._offers_again = False
                self._resubmit(self._orchestrator.incarnation)
            case ChildRestarted(names.MEME_GENERATOR, incarnation):
                self._resubmit(incarnation)
            case Recover():
                self._recover()

    def _queue(self, entry: Entry) -> None:
        request = entry.request
        if entry.routed or request.request_id in self._queued:
            return
        self._arm(entry)
        self._queued.add(request.request_id)
        self._waiting.add(request.priority, request.request_id)

    def _next_turns(self) -> None:
        """Whoever is next, as long as the window has room."""
        while self._queued and self._window.admits(self._ledger.generating()):
            request_id = self._waiting.take()
            assert request_id is not None, "who is queued waits in a line"
            self._queued.remove(request_id)
            entry = self._ledger.route(request_id)
            if entry is not None:
                self._ledger.report(request_id, "routing")
                self._tell(entry)
        if self._queued:
            self._window = self._window.refused()

    def _release(self, message: Released) -> None:
        if message.request_id in self._queued:
            self._queued.remove(message.request_id)
            self._waiting.remove(message.request_id)
        elif message.latency_s is not None:
            self._window = self._window.finished(self._policy, message.latency_s, time.monotonic())
        self._next_turns()

    def _resubmit(self, incarnation: int) -> None:
        """Bring everything that an earlier incarnation of the orchestrator was told to this one."""
        for entry in self._ledger.in_flight():
            if not entry.routed or entry.told >= incarnation:
                continue
            if entry.told > NOBODY:
                entry.crashes += 1
            if entry.crashes > 1:
                self._ledger.settle(entry.request.request_id, Failed("ActorCrashed", "routing"))
            else:
                self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        """Bring a request to the orchestrator; if its inbox is full, again in a while: the request keeps its place and its deadline."""
        entry.told = self._orchestrator.tell(Generate(entry.request))
        if entry.told == FULL and not self._offers_again:
            self._offers_again = True
            self._timers.call_later(OFFER_AGAIN_S, partial(self._address.tell, OfferAgain()))

    def _recover(self) -> None:
        """A Submit, a ChildRestarted or a DeadlinePassed may have gone down with the predecessor: the ledger tells what they were about."""
        self._resubmit(self._orchestrator.incarnation)
        for entry in self._ledger.in_flight():
            if entry.routed:
                self._arm(entry)
            else:
                self._queue(entry)
        self._next_turns()

    def _arm(self, entry: Entry) -> None:
        request_id = entry.request.request_id
        if entry.deadline is not None:
            entry.deadline.cancel()
        delay_s = entry.expires_at_s - time.monotonic()
        entry.deadline = self._timers.call_later(delay_s, partial(self._address.tell, DeadlinePassed(request_id)))
        if entry.outcome is not None:
            # Settled meanwhile, by a client or a stop that found no deadline to cancel.
            entry.deadline.cancel()
