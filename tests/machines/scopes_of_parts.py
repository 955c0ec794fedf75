"""Small scopes, complete: an actor or two of a part, and every schedule there is of a request and one mishap."""

from __future__ import annotations

import threading
import time
from itertools import count

from dspy_meme_gen import names
from dspy_meme_gen.actors.cache import Cache
from dspy_meme_gen.actors.meme_generator import MemeGenerator, Surroundings
from dspy_meme_gen.actors.supervised import Identity, SupervisedActor
from dspy_meme_gen.actors.supervisor import Supervisor
from dspy_meme_gen.adapters.memory_cache import MemoryCache
from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.address import Address
from dspy_meme_gen.ledger import Ledger
from dspy_meme_gen.messages import Crash, Generate, LookUp, Remember, Work, WorkDone, WorkFailed
from dspy_meme_gen.resilience.backoff import BackoffPolicy
from dspy_meme_gen.resilience.breaker import Breaker, BreakerPolicy
from dspy_meme_gen.resilience.breakers import Breakers
from dspy_meme_gen.resilience.restarts import RestartPolicy, Strategy
from dspy_meme_gen.resilience.supervision import Group, Supervision
from dspy_meme_gen.roster import Roster
from dspy_meme_gen.settings import Settings
from tests.machines.scopes import NoTimers, Scope, identity, request, stop_all


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


def orchestrated(ledger, cache, text, breakers):
    """An orchestrator and all that a request meets whose text fails: the address of it, which cache and text were made for."""
    orchestrator = cache.orchestrator
    around = Surroundings(
        address=orchestrator,
        workers={names.CACHE: (cache,), names.TEXT_GENERATOR: (text,)},
        breakers=breakers,
        ledger=ledger,
        outbox=MemoryOutbox(),
        timers=NoTimers(),
        serials=count(1),
        settings=Settings(text_retries=0),
        placeholder=lambda *_: None,
    )
    orchestrator.point_at(MemeGenerator.start(identity(names.MEME_GENERATOR), around), 1)


def a_probe_whose_caller_stops_at_any_moment():
    orchestrator = Address(names.MEME_GENERATOR)
    text = Broken(orchestrator)
    ledger = Ledger(lambda _: None, 10)
    ledger.admit(request(1))
    breakers = Breakers({names.TEXT_GENERATOR: BreakerPolicy(failures=1, recovery_s=1.0)})
    breakers.failure(names.TEXT_GENERATOR, breakers.admit(names.TEXT_GENERATOR, -2.0), -2.0)
    orchestrated(ledger, Empty(orchestrator), text, breakers)
    orchestrator.tell(Generate(request(1)))
    orchestrator.ref.stop(block=False)
    orchestrator.ref.actor_stopped.wait()
    # Let through, or open because the probe has failed: never half-open with a place that nobody gives back.
    now_s = time.monotonic()
    assert breakers.admit(names.TEXT_GENERATOR, now_s) is not None or breakers.states(now_s)[names.TEXT_GENERATOR] == "open"


class Child(SupervisedActor):
    """Knows nothing, and dies of a Crash."""

    def handle(self, message):
        pass


def a_child_dies_while_it_is_told_something():
    supervisor, child = Address(names.SUPERVISOR), Address("child")
    roster = Roster(
        Supervision(Group("all", (names.SUPERVISOR, "child"), Strategy.ONE_FOR_ONE, RestartPolicy(2, 60.0)), BackoffPolicy(0.0))
    )
    roster.add(
        supervisor,
        lambda number: Supervisor.start(
            Identity(names.SUPERVISOR, number, supervisor), address=supervisor, roster=roster, timers=NoTimers(), give_up=lambda: None
        ),
    )
    again = threading.Event()

    def start_child(number):
        if number == 2:
            again.set()
        return Child.start(Identity("child", number, supervisor))

    roster.add(child, start_child)
    child.tell(Crash())
    child.tell(None)
    again.wait()
    roster.close()
    assert (supervisor.incarnation, child.incarnation) == (1, 2)
    stop_all()


class Asked(Address):
    """An orchestrator's address: keeps what it is told."""

    def __init__(self):
        super().__init__(names.MEME_GENERATOR)
        self.answers = []

    def tell(self, message):
        self.answers.append(message)
        return 1


def a_meme_is_kept_and_looked_up_and_the_cache_dies():
    orchestrator, meme = Asked(), object()
    cache = Cache.start(identity(names.CACHE), orchestrator, MemoryCache(1, 60.0))
    address = Address(names.CACHE)
    address.point_at(cache, 1)
    clients = [
        threading.Thread(target=address.tell, args=(message,)) for message in (Remember("key", meme), Work("r1", 1, LookUp("key")), Crash())
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    cache.actor_stopped.wait()
    assert [answer.value for answer in orchestrator.answers] in ([], [None], [meme])


def a_probe_is_not_given_back(patch):
    patch.setattr(Breaker, "given_up", lambda self, ticket: self)


def a_death_is_told_to_nobody(patch):
    patch.setattr(SupervisedActor, "on_failure", lambda *_: None)


def a_cache_gives_what_it_has_put_aside(patch):
    patch.setattr(MemoryCache, "get", lambda self, key: next((meme for meme, _ in self._entries.values()), "nothing"))


SCOPES = (
    Scope(a_probe_whose_caller_stops_at_any_moment, 200, a_probe_is_not_given_back),
    Scope(a_meme_is_kept_and_looked_up_and_the_cache_dies, 38, a_cache_gives_what_it_has_put_aside),
    Scope(a_child_dies_while_it_is_told_something, 80, a_death_is_told_to_nobody),
)
