"""Small scopes, complete: a few actors of each part, and every schedule there is of two requests and one mishap."""

from __future__ import annotations

import threading
from itertools import count

import pykka

import greenroom
from dspy_meme_gen import names
from dspy_meme_gen.actors.meme_generator import MemeGenerator, Surroundings
from dspy_meme_gen.actors.router import Router
from dspy_meme_gen.actors.supervised import Identity, SupervisedActor
from dspy_meme_gen.actors.supervisor import Supervisor
from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import Cancelled, Failed, GenerateMeme
from dspy_meme_gen.ledger import Ledger
from dspy_meme_gen.messages import Crash, Generate, Released, Submit, Withdraw, WorkDone, WorkFailed
from dspy_meme_gen.resilience.breaker import BreakerPolicy
from dspy_meme_gen.resilience.breakers import Breakers
from dspy_meme_gen.resilience.restarts import RestartPolicy, Strategy
from dspy_meme_gen.resilience.supervision import Group, Supervision
from dspy_meme_gen.resilience.window import WindowPolicy
from dspy_meme_gen.roster import Roster
from dspy_meme_gen.settings import Settings

NOBODY = Address("supervisor")


class NoTimers:
    """Nothing takes long enough here."""

    def call_later(self, delay_s, callback):
        return self

    def cancel(self):
        pass


def identity(name):
    return Identity(name, 1, NOBODY)


def request(number, topic="cats"):
    return GenerateMeme.create(request_id=f"r{number}", topic=topic)


class Empty(Address):
    """A cache's address that answers at once: it has nothing."""

    def __init__(self, orchestrator):
        super().__init__(names.CACHE)
        self.orchestrator = orchestrator

    def tell(self, message):
        self.orchestrator.tell(WorkDone(message.request_id, message.serial, None))
        return 1


class Broken(Address):
    """A text generator's address that answers at once: it has failed."""

    def __init__(self, orchestrator):
        super().__init__(names.TEXT_GENERATOR)
        self.orchestrator = orchestrator
        self.calls = 0

    def tell(self, message):
        self.calls += 1
        self.orchestrator.tell(WorkFailed(message.request_id, message.serial, "PortDown"))
        return 1


def orchestrated(ledger, cache, text, *, breaker):
    """An orchestrator and all that a request meets whose text fails: the address of it, which cache and text were made for."""
    orchestrator = cache.orchestrator
    around = Surroundings(
        address=orchestrator,
        workers={names.CACHE: (cache,), names.TEXT_GENERATOR: (text,)},
        breakers=Breakers({names.TEXT_GENERATOR: breaker}),
        ledger=ledger,
        outbox=MemoryOutbox(),
        timers=NoTimers(),
        serials=count(1),
        settings=Settings(text_retries=0),
        placeholder=lambda *_: None,
    )
    orchestrator.point_at(MemeGenerator.start(identity(names.MEME_GENERATOR), around), 1)


def stop_all():
    for ref in pykka.ActorRegistry.get_all():
        ref.stop(block=True)


def two_requests_under_a_breaker_that_opens_at_once():
    orchestrator = Address(names.MEME_GENERATOR)
    text = Broken(orchestrator)
    ledger = Ledger(lambda _: None, 10)
    futures = [ledger.admit(request(number, f"cats {number}"))[0] for number in (1, 2)]
    orchestrated(ledger, Empty(orchestrator), text, breaker=BreakerPolicy(failures=1))
    for number in (1, 2):
        orchestrator.tell(Generate(request(number, f"cats {number}")))
    errors = sorted(future.get().error for future in futures)
    assert errors in (["CircuitOpen", "PortDown"], ["PortDown", "PortDown"])
    assert text.calls == errors.count("PortDown")
    stop_all()


def two_equal_requests_and_the_first_is_cancelled():
    orchestrator = Address(names.MEME_GENERATOR)
    text = Broken(orchestrator)
    ledger = Ledger(lambda _: None, 10)
    futures = [ledger.admit(request(number))[0] for number in (1, 2)]
    orchestrated(ledger, Empty(orchestrator), text, breaker=BreakerPolicy())
    for number in (1, 2):
        orchestrator.tell(Generate(request(number)))
    if ledger.cancel("r1"):
        orchestrator.tell(Withdraw("r1"))
    first, second = (future.get() for future in futures)
    assert first in (Cancelled(), Failed("PortDown", "text"))
    assert second == Failed("PortDown", "text")
    assert text.calls in (1, 2)
    stop_all()


class Worker(pykka.ThreadingActor):
    """In the orchestrator's place: ends each request, and knows how many were there."""

    def __init__(self, ledger):
        super().__init__()
        self.ledger = ledger
        self.most = 0

    def on_receive(self, message):
        if isinstance(message, Generate):
            self.most = max(self.most, self.ledger.generating())
            self.ledger.settle(message.request.request_id, Failed("Done", "text"))


def one_place_and_two_requests():
    router, orchestrator = Address(names.ROUTER), Address(names.MEME_GENERATOR)
    ledger = Ledger(
        lambda _: None, 10, released=lambda entry: router.tell(Released(entry.request.request_id, 0.0 if entry.routed else None))
    )
    futures = [ledger.admit(request(number))[0] for number in (1, 2)]
    worker = Worker.start(ledger)
    orchestrator.point_at(worker, 1)
    router.point_at(
        Router.start(
            identity(names.ROUTER),
            address=router,
            orchestrator=orchestrator,
            ledger=ledger,
            timers=NoTimers(),
            window=WindowPolicy(first=1, least=1, most=1),
        ),
        1,
    )
    for number in (1, 2):
        router.tell(Submit(f"r{number}"))
    assert [future.get() for future in futures] == [Failed("Done", "text")] * 2
    assert worker.proxy().most.get() <= 1
    stop_all()


class Child(SupervisedActor):
    """Knows nothing, and dies of a Crash."""

    def handle(self, message):
        pass


def two_children_of_one_fate_and_both_die():
    names_of = ("one", "two")
    supervisor = Address(names.SUPERVISOR)
    tree = Group("all", names_of, Strategy.ONE_FOR_ONE, RestartPolicy(1, 60.0))
    given_up = []
    told = threading.Event()

    def give_up():
        given_up.append(True)
        told.set()

    roster = Roster(Supervision(tree))
    roster.add(
        supervisor,
        lambda number: Supervisor.start(
            Identity(names.SUPERVISOR, number, supervisor),
            address=supervisor,
            roster=roster,
            timers=NoTimers(),
            give_up=give_up,
        ),
    )
    for name in names_of:
        roster.add(Address(name), lambda number, name=name: Child.start(Identity(name, number, supervisor)))
    children = [address for address in roster.addresses() if address.name != names.SUPERVISOR]
    dying = [address.ref for address in children]
    for address in children:
        address.tell(Crash())
    for ref in dying:
        ref.actor_stopped.wait()
    told.wait()
    # One restart is granted: one of them is there again, the other is not, and that was told once.
    assert sorted(address.incarnation for address in children) == [1, 2]
    assert given_up == [True]
    supervisor.close()
    stop_all()


def number_of_schedules(scenario):
    report = greenroom.exhaust(scenario, ignore=(greenroom.errors.ActorDied,), max_executions=5_000)
    report.raise_failure()
    assert report.exhausted, report
    return report.executions
