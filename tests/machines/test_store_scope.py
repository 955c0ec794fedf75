"""Small scopes of the store, complete: its actor, an outbox and a database, and every schedule of a write or two and a mishap."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import pykka
import pytest

import greenroom
from dspy_meme_gen import names
from dspy_meme_gen.actors.store import Store
from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.address import Address
from dspy_meme_gen.messages import Crash, Recover, StoreMeme, Work
from greenroom.errors import ActorDied


class Died(BaseException):
    """Not for the store's own `except Exception`."""


class Mortal(Store):
    """A store that dies where its database makes it, and not only between messages."""

    def on_receive(self, message):
        self._timers.gate.wait()
        try:
            super().on_receive(message)
        except Died:
            raise RuntimeError("died in the middle of a write") from None


@dataclass(frozen=True)
class Row:
    """All that an outbox wants to know of a record."""

    id: str


class Database:
    """Keeps rows, after so many writes that fail; its caller dies, once, before or after a write that goes well."""

    def __init__(self, *, fails, dies=None):
        self.fails = fails
        self.dies = dies
        self.written = []

    def put(self, row):
        greenroom.checkpoint("the database")
        if self.fails:
            self.fails -= 1
            raise ConnectionError("the database is down")
        dies, self.dies = self.dies, None
        if dies == "before":
            raise Died
        self.written.append(row)
        if dies == "after":
            raise Died


class Timers:
    """Each `call_later` takes the place of the last; the scope says when time is up."""

    def __init__(self):
        self.callback = None
        self.gate = threading.Event()  # nobody handles anything before all is told: that order is not what this is about

    def call_later(self, _delay_s, callback):
        self.callback = callback
        return self

    def cancel(self):
        self.callback = None


class Orchestrator(Address):
    """Keeps what it is told, and says when it has all the answers that it waits for."""

    def __init__(self, serials):
        super().__init__(names.MEME_GENERATOR)
        self.serials = serials
        self.answers = {}
        self.done = threading.Event()

    def tell(self, message):
        assert message.serial not in self.answers, "answered twice"
        self.answers[message.serial] = message
        if len(self.answers) == len(self.serials):
            self.done.set()
        return 1


class Supervisor(Address):
    """Starts the store again, on the thread of the one that dies, and brings it what that had not answered."""

    def __init__(self, scope):
        super().__init__(names.SUPERVISOR)
        self.scope = scope
        self.closed = False

    def tell(self, message):
        if not self.closed:
            self.scope.start(message.incarnation + 1)
            self.scope.address.tell(Recover())
            for serial in self.scope.rows:
                if serial not in self.scope.orchestrator.answers:
                    self.scope.ask(serial)
        return 1


class Scope:
    """A store's actor, and what it works with."""

    def __init__(self, *rows, **options):
        self.rows = dict(enumerate(rows, 1))
        self.database = Database(**options)
        self.outbox = MemoryOutbox()
        self.timers = Timers()
        self.orchestrator = Orchestrator(self.rows)
        self.supervisor = Supervisor(self)
        self.address = Address(names.STORE)

    def start(self, number):
        identity = Identity(names.STORE, number, self.supervisor)
        ref = Mortal.start(
            identity,
            self.orchestrator,
            address=self.address,
            store=self.database,
            outbox=self.outbox,
            timers=self.timers,
            drain_s=5.0,
        )
        self.address.point_at(ref, number)

    def ask(self, serial):
        self.address.tell(Work("r", serial, StoreMeme(self.rows[serial])))

    def end(self):
        """Let everything happen, then let the time pass, and see what is where."""
        self.timers.gate.set()
        self.orchestrator.done.wait()
        self.supervisor.closed = True
        waiting = self.outbox.waiting()
        put_off = {self.rows[serial] for serial, answer in self.orchestrator.answers.items() if not answer.value}
        assert {*self.database.written, *waiting} == {A, B}, "a record is lost"
        assert put_off.issuperset(waiting), "answered as stored, and it waits"
        if waiting:
            assert self.timers.callback is not None, "something waits, and no timer is armed"
            self.timers.callback()
        self.address.ref.stop(block=True)
        assert self.outbox.waiting() == ()


A, B = Row("a"), Row("b")


def a_write_an_outage_that_ends_and_a_crash_before_it():
    scope = Scope(A, fails=1)
    scope.outbox.add(B)
    scope.start(1)
    scope.address.tell(Crash())
    scope.ask(1)
    scope.end()
    assert scope.database.written == [B, A]


def two_writes_an_outage_that_ends_and_a_crash_in_the_middle_of_a_write():
    dies = greenroom.choose("before", "after")
    scope = Scope(A, B, fails=greenroom.choose(0, 1), dies=dies)
    scope.start(1)
    scope.ask(1)
    scope.ask(2)
    scope.end()
    again = [A] if dies == "after" else []  # nobody has heard of it: it is written once more, which changes nothing
    assert scope.database.written == [*again, A, B]


def two_clients_and_an_outage_that_ends():
    scope = Scope(A, B, fails=2)
    scope.start(1)
    other = threading.Thread(target=scope.ask, args=(2,))
    other.start()
    scope.ask(1)
    scope.end()
    other.join()
    assert sorted(row.id for row in scope.database.written) == ["a", "b"]


SCOPES = {
    a_write_an_outage_that_ends_and_a_crash_before_it: 38,
    two_writes_an_outage_that_ends_and_a_crash_in_the_middle_of_a_write: 64,
    two_clients_and_an_outage_that_ends: 294,
}
"""Each scope, and how many schedules of it are not equivalent."""


@pytest.mark.parametrize("scenario", SCOPES)
def test_every_schedule_of_a_small_scope_holds(scenario):
    logging.disable(logging.CRITICAL)  # each handler that other tests have added has a lock, and so schedules of its own
    try:
        report = greenroom.exhaust(scenario, ignore=(ActorDied,))
    finally:
        logging.disable(logging.NOTSET)
    report.raise_failure()
    assert report.exhausted, report
    assert report.executions == SCOPES[scenario]
    assert pykka.ActorRegistry.get_all() == []
