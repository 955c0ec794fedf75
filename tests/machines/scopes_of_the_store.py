"""Small scopes of the store, complete: its actor, an outbox and a database, and every schedule of a write or two and a mishap."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import greenroom
from dspy_meme_gen import names
from dspy_meme_gen.actors.store import Store
from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.address import Address
from dspy_meme_gen.messages import Crash, Recover, StoreMeme, Work
from tests.machines.scopes import Scope


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
    """Each `call_later` takes the place of the last; the scenario says when time is up."""

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

    def __init__(self, around):
        super().__init__(names.SUPERVISOR)
        self.around = around
        self.closed = False

    def tell(self, message):
        if not self.closed:
            self.around.start(message.incarnation + 1)
            self.around.address.tell(Recover())
            for serial in self.around.rows:
                if serial not in self.around.orchestrator.answers:
                    self.around.ask(serial)
        return 1


class Surroundings:
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
    around = Surroundings(A, fails=1)
    around.outbox.add(B)
    around.start(1)
    around.address.tell(Crash())
    around.ask(1)
    around.end()
    assert around.database.written == [B, A]


def two_writes_an_outage_that_ends_and_a_crash_in_the_middle_of_a_write():
    dies = greenroom.choose("before", "after")
    around = Surroundings(A, B, fails=greenroom.choose(0, 1), dies=dies)
    around.start(1)
    around.ask(1)
    around.ask(2)
    around.end()
    again = [A] if dies == "after" else []  # nobody has heard of it: it is written once more, which changes nothing
    assert around.database.written == [*again, A, B]


def two_clients_and_an_outage_that_ends():
    around = Surroundings(A, B, fails=2)
    around.start(1)
    other = threading.Thread(target=around.ask, args=(2,))
    other.start()
    around.ask(1)
    around.end()
    other.join()
    assert sorted(row.id for row in around.database.written) == ["a", "b"]


def a_successor_does_not_look_into_the_outbox(patch):
    handle = Store.handle
    patch.setattr(Store, "handle", lambda self, message: None if isinstance(message, Recover) else handle(self, message))


def what_is_put_off_is_forgotten(patch):
    patch.setattr(MemoryOutbox, "add", lambda self, record: None)


def nobody_tries_again(patch):
    patch.setattr(Store, "_wait_for_the_store", lambda self, error: None)


SCOPES = (
    Scope(a_write_an_outage_that_ends_and_a_crash_before_it, 38, a_successor_does_not_look_into_the_outbox),
    Scope(two_writes_an_outage_that_ends_and_a_crash_in_the_middle_of_a_write, 64, what_is_put_off_is_forgotten),
    Scope(two_clients_and_an_outage_that_ends, 294, nobody_tries_again),
)
