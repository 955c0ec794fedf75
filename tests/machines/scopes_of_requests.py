"""Small scopes, complete: a request or two on their way through the service, and one mishap at any moment."""

from __future__ import annotations

import queue
import threading
from functools import partial
from types import SimpleNamespace

from dspy_meme_gen import bootstrap, names
from dspy_meme_gen.actors.meme_generator import MemeGenerator, Surroundings
from dspy_meme_gen.actors.router import Router
from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import KINDS, Failed, Priority, TimedOut
from dspy_meme_gen.errors import ServiceStopped
from dspy_meme_gen.ledger import Entry, Ledger
from dspy_meme_gen.messages import Crash, Generate, Submit
from dspy_meme_gen.pipeline import Pipeline
from dspy_meme_gen.resilience.breakers import Breakers
from dspy_meme_gen.resilience.supervision import Group, Supervision
from dspy_meme_gen.resilience.window import Window, WindowPolicy
from dspy_meme_gen.roster import Roster
from dspy_meme_gen.settings import Settings
from tests.machines.scopes import MEME, AtOnce, NoTimers, Scope, Serials, identity, request, stop_all

WORKERS = (names.CACHE, names.TEXT_GENERATOR, *KINDS, names.SCORER, names.IMAGE_GENERATOR, names.STORE)
ONE = WindowPolicy(first=1, least=1, most=1)


class Turns(Address):
    """An orchestrator's address: whose turn it is, for the scenario to carry out."""

    def __init__(self):
        super().__init__(names.MEME_GENERATOR)
        self.turns = queue.SimpleQueue()

    def tell(self, message):
        if isinstance(message, Generate):
            self.turns.put(message.request.request_id)
        return 1


def routed(orchestrator, *, at_work=(), waiting=()):
    """A ledger that has accepted these; and the address of its router, which gives one turn at a time, and knows of none of them yet."""
    router = Address(names.ROUTER)
    kept = Ledger(lambda _: None, 10, released=partial(bootstrap._tell_released, router))
    for each in (*at_work, *waiting):
        kept.admit(each)
    for each in at_work:
        kept.route(each.request_id)
    start = partial(Router.start, address=router, orchestrator=orchestrator, ledger=kept, timers=NoTimers(), window=ONE)
    router.point_at(start(identity(names.ROUTER)), 1)
    return kept, router


def end(address):
    """Stop an actor, and wait until it has ended."""
    address.ref.stop(block=False)
    address.ref.actor_stopped.wait()


def counted(kept, router):
    """How many are at work, and how many wait, when the router has ended."""
    end(router)
    return kept.generating(), kept.waiting()


def told_by(router, request_id):
    """A client that tells the router of a request. Partial, for a search takes all that a task has at hand to be read by its steps."""
    return threading.Thread(target=partial(router.tell, Submit(request_id)))


def two_of_different_priority_come_at_once():
    orchestrator = Turns()
    kept, router = routed(orchestrator, at_work=(), waiting=(request(1, priority=Priority.LOW), request(2, priority=Priority.HIGH)))
    clients = [told_by(router, request_id) for request_id in ("r1", "r2")]
    turn, count_all = partial(orchestrator.turns.get), partial(counted, kept, router)
    del kept, router, orchestrator
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert turn() in {"r1", "r2"}
    assert count_all() == (1, 1)


def who_waits_is_cancelled():
    orchestrator = Turns()
    kept, router = routed(orchestrator, at_work=(request(1),), waiting=(request(2),))
    tell, cancel, count_all = partial(router.tell, Submit("r2")), partial(kept.cancel, "r2"), partial(counted, kept, router)
    del kept, router
    tell()
    cancel()
    assert count_all() == (1, 0)
    assert orchestrator.turns.empty()


def the_same_request_comes_twice_at_once():
    orchestrator = Turns()
    kept, router = routed(orchestrator)
    answers = []

    def submit():
        future, new = kept.admit(request(1))
        if new:
            router.tell(Submit("r1"))
        answers.append((new, future))

    other = threading.Thread(target=submit)
    other.start()
    submit()
    assert orchestrator.turns.get() == "r1"
    other.join()
    kept.settle("r1", TimedOut())
    end(router)
    assert orchestrator.turns.empty()
    assert sorted(new for new, _ in answers) == [False, True]
    assert [future.get() for _, future in answers] == [TimedOut()] * 2


def orchestrated(kept, address, *, cached):
    """What starts an incarnation of an orchestrator, whose workers answer at once."""
    settings = Settings()
    around = Surroundings(
        address=address,
        workers={name: (AtOnce(name, address, cached=cached),) for name in WORKERS},
        breakers=Breakers(settings.breakers()),
        ledger=kept,
        outbox=MemoryOutbox(),
        timers=NoTimers(),
        serials=Serials(),
        settings=settings,
        placeholder=lambda *_: None,
    )
    return lambda incarnation: MemeGenerator.start(identity(names.MEME_GENERATOR, incarnation), around)


def crashing(*wanted, cached):
    """What a scenario does with an orchestrator: tell it, wait for its end, bring its successor what is in flight, wait for outcomes."""
    kept, address = Ledger(lambda _: None, 10), Address(names.MEME_GENERATOR)
    start = orchestrated(kept, address, cached=cached)
    address.point_at(start(1), 1)
    futures = [kept.admit(each)[0] for each in wanted]
    return partial(address.tell), partial(address.ref.actor_stopped.wait), partial(succeed, kept, address, start), futures


def succeed(kept, address, start):
    address.point_at(start(2), 2)
    for entry in kept.in_flight():
        address.tell(Generate(entry.request))


def a_crash_on_the_way_of_a_request():
    tell, has_ended, go_on, futures = crashing(request(1), cached=True)
    tell(Generate(request(1)))
    tell(Crash())
    has_ended()
    go_on()
    assert [future.get() for future in futures] == [MEME]
    stop_all()


def served(kept, roster):
    """A pipeline over these, whose ports have nothing to let go of."""
    ports = SimpleNamespace(
        **dict.fromkeys(("timers", "text", *KINDS, "scorer", "refiner", "image", "cache")), store=SimpleNamespace(put=None)
    )
    others = dict.fromkeys(("breakers", "admission", "subscribers", "measurements", "checks"))
    return Pipeline(SimpleNamespace(settings=Settings(), ports=ports, ledger=kept, outbox=MemoryOutbox(), roster=roster, **others))


def a_submit_races_with_a_stop():
    roster = Roster(Supervision(Group("all", (names.ROUTER,))))
    roster.add(Address(names.ROUTER), lambda _: None)  # one that is down: what it has missed its successor finds in the ledger
    service = served(Ledger(lambda _: None, 10), roster)
    answers = []

    def submit():
        try:
            answers.append(service.submit(request(1)))
        except ServiceStopped:
            answers.append(None)

    client = threading.Thread(target=submit)
    client.start()
    service.stop(grace_s=0)
    client.join()
    assert answers[0] is None or answers[0].get() == Failed("ServiceStopped", "routing")


def a_cancel_frees_a_place_that_was_not_taken(patch):
    original = Ledger._close_entry

    def close_entry(self, entry, outcome):
        original(self, entry, outcome)
        self._generating -= not entry.routed

    patch.setattr(Ledger, "_close_entry", close_entry)


def the_window_lets_one_more_in(patch):
    patch.setattr(Window, "admits", lambda self, in_flight: in_flight <= self.size)


def jobs_outlive_the_orchestrator(patch):
    original = MemeGenerator.__init__

    def init(self, identity, surroundings):
        original(self, identity, surroundings)
        self._jobs = vars(surroundings.breakers).setdefault("jobs", {})

    patch.setattr(MemeGenerator, "__init__", init)
    patch.setattr(MemeGenerator, "on_death", lambda self: super(MemeGenerator, self).on_death())


def admission_looks_and_then_leaps(patch):
    def admit(self, request):
        known = self.known(request.request_id)
        if known is not None:
            return known.promise.future, False
        entry = Entry(request, "key", float("inf"))
        with self._changed:
            self._open[request.request_id] = entry
        return entry.promise.future, True

    patch.setattr(Ledger, "admit", admit)


def a_stop_closes_too_late(patch):
    original = Ledger.fail_all

    def fail_all(self, error):
        self._closed = False
        original(self, error)
        self.close()

    patch.setattr(Ledger, "fail_all", fail_all)


SCOPES = (
    Scope(two_of_different_priority_come_at_once, 8, the_window_lets_one_more_in),
    Scope(who_waits_is_cancelled, 34, a_cancel_frees_a_place_that_was_not_taken),
    Scope(a_crash_on_the_way_of_a_request, 14, jobs_outlive_the_orchestrator),
    Scope(the_same_request_comes_twice_at_once, 47, admission_looks_and_then_leaps),
    Scope(a_submit_races_with_a_stop, 8, a_stop_closes_too_late),
)
