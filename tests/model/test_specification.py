"""The models of the parts as specifications: the service's parts are held against them in real executions, and broken ones are rejected."""

from __future__ import annotations

import pytest

import greenroom
from dspy_meme_gen.adapters.memory_cache import MemoryCache
from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.resilience.breaker import Breaker as RealBreaker
from dspy_meme_gen.resilience.breaker import BreakerPolicy
from model import breaker, cache, store
from model.breaker import Ask, Breaker, End
from model.cache import Cache, Get, Put
from model.generation import generate
from model.specification import Specification
from model.store import Drain, Outage, Store, Write
from model.values import Payload
from strategies.worlds import scripted
from tests.model.recorded import answering, asking, at_once

EXECUTIONS = 60


# The cache


def cached(make):
    """Two clients at once over a cache of two that keeps for five seconds; virtual time starts at 0, and passes in pauses alone."""

    def scenario():
        kept = make()

        def answer(call):
            return kept.get(call.key) if isinstance(call, Get) else kept.put(call.key, call.value)

        def get(key):
            return lambda now_s: Get(key, now_s)

        def put(key, value):
            return lambda now_s: Put(key, value, now_s)

        with answering(answer) as ref:
            at_once(
                asking(ref, "ann", put("a", 1), get("b"), 3.0, get("a"), put("c", 1), get("a"), 3.0, get("c")),
                asking(ref, "bob", put("b", 2), get("a"), 3.0, put("a", 2), get("b"), 3.0, get("a"), get("b")),
            )

    return scenario


class FirstInFirstOut(MemoryCache):
    """A hit saves nothing from going."""

    def get(self, key):
        before = list(self._entries)
        found = super().get(key)
        for each in before:
            if each in self._entries:
                self._entries.move_to_end(each)
        return found


class EternalCache(MemoryCache):
    """A hit makes an entry younger."""

    def get(self, key):
        found = super().get(key)
        if found is not None:
            self.put(key, found)
        return found


CACHE = Specification(Cache(2, 5.0), cache.step)


def test_the_service_s_cache_is_the_model_s():
    greenroom.explore(cached(lambda: MemoryCache(2, 5.0)), executions=EXECUTIONS, checks=greenroom.linearizable(CACHE)).raise_failure()


@pytest.mark.parametrize("make", [FirstInFirstOut, EternalCache, lambda room, ttl_s: MemoryCache(room + 1, ttl_s)])
def test_a_broken_cache_is_rejected(make):
    report = greenroom.explore(cached(lambda: make(2, 5.0)), executions=EXECUTIONS, checks=greenroom.linearizable(CACHE))
    assert "linearizable" in str(report.failure)


def test_the_plain_module_is_a_specification_too():
    """With the numbers of the contract: room for a thousand, for an hour."""
    greenroom.explore(cached(lambda: MemoryCache(1000, 3600.0)), executions=5, checks=greenroom.linearizable(cache)).raise_failure()


# The breaker

POLICY = BreakerPolicy(failures=2, recovery_s=5.0, successes=2)
BREAKER = Specification(Breaker(2, 5.0, 2), breaker.step)


class Gate:
    """The service's breaker, asked in the model's words; tickets by the number of the call."""

    def __init__(self):
        self.breaker, self.tickets = RealBreaker(POLICY), {}

    def __call__(self, call):
        if isinstance(call, Ask):
            self.breaker, ticket = self.breaker.admit(call.now_s)
            self.tickets[call.call] = ticket
            return ticket is not None
        ticket = self.tickets[call.call]
        if ticket is not None:
            self.breaker = self.over(ticket, call)
        return None

    def over(self, ticket, call):
        match call.how:
            case "good":
                return self.breaker.success(ticket)
            case "bad":
                return self.breaker.failure(ticket, call.now_s)
        return self.breaker.given_up(ticket)


class GateThatKeepsProbes(Gate):
    """A probe that was given up is never over."""

    def over(self, ticket, call):
        return self.breaker if call.how == "unheard" else super().over(ticket, call)


class GateForEachClient(Gate):
    """Each client has a breaker of its own, and learns nothing from the others."""

    def __init__(self):
        super().__init__()
        self.gates = [Gate(), Gate()]

    def __call__(self, call):
        return self.gates[call.call % 2](call)


def gated(make):
    """Two clients whose calls fail, are given up and succeed, over one breaker."""

    def scenario():
        def ask(number):
            return lambda now_s: Ask(number, now_s)

        def over(number, how):
            return lambda now_s: End(number, how, now_s)

        even = (ask(0), over(0, "bad"), ask(2), over(2, "bad"), 5.0, ask(4), over(4, "unheard"), 1.0, ask(6), over(6, "good"), ask(8))
        odd = (ask(1), over(1, "good"), ask(3), over(3, "bad"), 5.0, ask(5), over(5, "good"), 1.0, ask(7), over(7, "bad"), ask(9))
        with answering(make()) as ref:
            at_once(asking(ref, "ann", *even), asking(ref, "bob", *odd))

    return scenario


def test_the_service_s_breaker_is_the_model_s():
    greenroom.explore(gated(Gate), executions=EXECUTIONS, checks=greenroom.linearizable(BREAKER)).raise_failure()


@pytest.mark.parametrize("make", [GateThatKeepsProbes, GateForEachClient])
def test_a_broken_breaker_is_rejected(make):
    report = greenroom.explore(gated(make), executions=EXECUTIONS, checks=greenroom.linearizable(BREAKER))
    assert "linearizable" in str(report.failure)


# The store

RECORDS = [generate(Payload(topic), scripted()).record for topic in ("cats", "tea", "Mondays")]
STORE = Specification(Store(), store.step)


class Row:
    """A record as the service's outbox sees one."""

    def __init__(self, record):
        self.id, self.record = record.meme.id, record


class Shelf:
    """The service's outbox before a database that comes and goes, drained before each write, as the store's actor does it."""

    def __init__(self):
        self.outbox, self.rows, self.down = MemoryOutbox(), {}, False

    def __call__(self, call):
        match call:
            case Outage(down):
                self.down = down
                return None
            case Drain():
                waiting = len(self.outbox)
                self.drained()
                return waiting - len(self.outbox)
            case Write(record):
                return self.write(Row(record))

    def write(self, row):
        if not self.drained():
            self.outbox.add(row)
            return "deferred"
        self.put(row)
        return "stored"

    def drained(self):
        try:
            self.outbox.drain(self.put)
        except ConnectionError:
            return False
        return not self.down

    def put(self, row):
        if self.down:
            raise ConnectionError
        self.rows[row.id] = row


class ForgetfulShelf(Shelf):
    """What waits is dropped when the database comes back."""

    def __call__(self, call):
        if call == Outage(down=False):
            self.outbox = MemoryOutbox()
        return super().__call__(call)


class HastyShelf(Shelf):
    """The answer comes before anybody has looked at the database."""

    def write(self, row):
        super().write(row)
        return "stored"


def shelved(make):
    """Two clients write while a third takes the database away and brings it back."""

    def scenario():
        def call(one):
            return lambda _: one

        cats, tea, mondays = (call(Write(record)) for record in RECORDS)
        drain = call(Drain())
        with answering(make()) as ref:
            at_once(
                asking(ref, "ann", cats, tea, drain),
                asking(ref, "bob", mondays, cats, drain),
                asking(ref, "database", call(Outage(down=True)), call(Outage(down=False))),
            )

    return scenario


def test_the_service_s_outbox_is_the_model_s():
    greenroom.explore(shelved(Shelf), executions=EXECUTIONS, checks=greenroom.linearizable(STORE)).raise_failure()


@pytest.mark.parametrize("make", [ForgetfulShelf, HastyShelf])
def test_a_broken_store_is_rejected(make):
    report = greenroom.explore(shelved(make), executions=3 * EXECUTIONS, checks=greenroom.linearizable(STORE))
    assert "linearizable" in str(report.failure)
