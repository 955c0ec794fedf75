"""Small scopes of the store, complete: its actor over an outbox and a database, and every schedule there is of a write or two and a mishap."""

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
from dspy_meme_gen.messages import Crash, DrainOutbox, Recover, StoreMeme, Work
from greenroom.errors import ActorDied


class Died(BaseException):
    """Not for the store's own `except Exception`."""


class Mortal(Store):
    """A store that dies where its database makes it, and not only between messages."""

    def on_receive(self, message):
        try:
            super().on_receive(message)
        except Died:
            raise RuntimeError("died in the middle of a write") from None


@dataclass(frozen=True)
class Row:
    """All that an outbox wants to know of a record."""

    id: str


class Database:
    """Keeps rows; `dies_after` so many writes of it its caller dies, once."""

    def __init__(self, *, down, dies_after=0):
        self.down = down
        self.dies_after = dies_after
        self.written = []
        self.lock = threading.Lock()

    def put(self, row):
        with self.lock:
            if self.down:
                raise ConnectionError("the database is down")
            self.written.append(row)
            if len(self.written) == self.dies_after:
                raise Died

    def comes_back(self):
        with self.lock:
            self.down = False


class Timers:
    """Each `call_later` takes the place of the last; the scope says when time is up."""

    callback = None

    def call_later(self, _delay_s, callback):
        self.callback = callback
        return self

    def cancel(self):
        self.callback = None


class Orchestrator(Address):
    """Keeps what it is told."""

    def __init__(self):
        super().__init__(names.MEME_GENERATOR)
        self.answers = {}

    def tell(self, message):
        assert message.serial not in self.answers, "answered twice"
        self.answers[message.serial] = message
        return 1


class Supervisor(Address):
    """Starts the store again, on the thread of the one that dies."""

    def __init__(self, scope):
        super().__init__(names.SUPERVISOR)
        self.scope = scope
        self.again = threading.Event()
        self.closed = False

    def tell(self, message):
        if not self.closed:
            self.scope.start(message.incarnation + 1)
            self.scope.address.tell(Recover())
            self.again.set()
        return 1


class Scope:
    """A store's actor, and what it works with."""

    def __init__(self, *, down=False, dies_after=0):
        self.database = Database(down=down, dies_after=dies_after)
        self.outbox = MemoryOutbox()
        self.timers = Timers()
        self.orchestrator = Orchestrator()
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

    def ask(self, serial, row):
        self.address.tell(Work("r", serial, StoreMeme(row)))

    def at_once(self, *actions):
        """Do all of this, each on a thread of its own."""
        threads = [threading.Thread(target=action) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def flush(self):
        """Wait until the store has read all that it was told."""
        self.address.ref.ask(None)

    def end(self, *rows):
        """Ask again for what went down with the store, let the time pass, and see what is where."""
        self.flush()
        for serial, row in enumerate(rows, 1):
            if serial not in self.orchestrator.answers:
                self.ask(serial, row)
                self.flush()
        waiting = self.outbox.waiting()
        put_off = [row for serial, row in enumerate(rows, 1) if not self.orchestrator.answers[serial].value]
        assert {*self.database.written, *waiting} == {*rows}, "a record is lost"
        assert {*waiting} <= {*put_off}, "answered as stored, and it waits"
        assert not waiting or self.timers.callback is not None, "something waits, and no timer is armed"
        if self.timers.callback is not None:
            self.timers.callback()
            self.flush()
        assert self.outbox.waiting() == ()
        self.supervisor.closed = True
        self.address.ref.stop(block=True)


A, B = Row("a"), Row("b")


def a_write_while_the_database_comes_back_and_the_store_dies():
    scope = Scope(down=True)
    scope.start(1)
    scope.at_once(lambda: scope.ask(1, A), scope.database.comes_back, lambda: scope.address.tell(Crash()))
    scope.supervisor.again.wait()
    scope.end(A)
    assert scope.database.written == [A]


def two_writes_while_the_database_comes_back():
    scope = Scope(down=True)
    scope.start(1)

    def both():
        scope.ask(1, A)
        scope.ask(2, B)

    scope.at_once(both, scope.database.comes_back)
    scope.end(A, B)
    assert scope.database.written == [A, B]


def a_store_dies_in_the_middle_of_a_drain_while_it_is_asked_for_more():
    scope = Scope(dies_after=1)
    scope.outbox.add(A)
    scope.start(1)
    scope.at_once(lambda: scope.address.tell(DrainOutbox()), lambda: scope.ask(2, B))
    scope.supervisor.again.wait()
    scope.orchestrator.answers[1] = Work("r", 1, None)
    scope.orchestrator.answers[1] = type("Answer", (), {"value": False})
    scope.end(A, B)
    assert scope.database.written == [A, A, B], "the dead had not taken it out: it is written once more, and before what came later"


SCOPES = {
    a_write_while_the_database_comes_back_and_the_store_dies: 0,
    two_writes_while_the_database_comes_back: 0,
    a_store_dies_in_the_middle_of_a_drain_while_it_is_asked_for_more: 0,
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
