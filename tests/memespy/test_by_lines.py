"""What several threads share, switched between any two lines: races that lie between two locks, or beside them."""

from __future__ import annotations

import threading

import pykka
import pytest

import greenroom
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.address import NOBODY, Address
from dspy_meme_gen.domain import Cancelled
from dspy_meme_gen.ledger import Ledger
from dspy_meme_gen.pipeline import Pipeline
from tests.greenroom.racing import in_threads
from tests.memespy.contracts.memes import record
from tests.memespy.fakes import request


def a_stage_is_told_while_a_client_cancels():
    heard = []
    ledger = Ledger(lambda progress: heard.append(progress.stage), recorded_outcomes=2)
    future, _ = ledger.admit(request())
    in_threads(lambda: ledger.report("r1", "text"), lambda: ledger.cancel("r1"))
    assert future.get(timeout=0) == Cancelled()
    assert heard in (["cancelled"], ["text", "cancelled"]), heard


def a_status_is_read_while_a_client_cancels():
    pipeline = Pipeline.__new__(Pipeline)  # only what a status needs
    ledger = pipeline._ledger = Ledger(lambda _: None, recorded_outcomes=2)
    ledger.admit(request())
    ledger.route("r1")
    ledger.report("r1", "storing")

    def look():
        status = pipeline.status("r1")
        assert (status.stage == "cancelled") == (status.outcome is not None), status

    in_threads(look, lambda: ledger.cancel("r1"))


class Mortal(pykka.ThreadingActor):
    def __init__(self, heard):
        super().__init__()
        self.heard = heard

    def on_receive(self, message):
        if message == "die":
            raise RuntimeError("as the test wants it")
        self.heard.append(message)


def somebody_is_told_while_an_actor_is_replaced():
    heard = {1: [], 2: []}
    address = Address("mortal")
    address.point_at(Mortal.start(heard[1]), 1)
    told = []

    def replace():
        address.ref.tell("die")
        address.ref.actor_stopped.wait()
        address.point_at(Mortal.start(heard[2]), 2)

    in_threads(lambda: told.append(address.tell("hello")), replace)
    address.ref.stop()
    assert told[0] in (NOBODY, 1, 2)
    assert told[0] != 2 or heard[2] == ["hello"], "said to have told the second, who never heard of it"


def a_timer_is_cancelled_in_the_moment_it_is_due():
    timers, done = ThreadedTimers(), threading.Event()
    first = timers.call_later(0, lambda: None)
    timers.call_later(0, done.set)
    first.cancel()
    done.wait()
    timers.close()


def one_reads_while_another_writes_to_a_database_in_memory():
    store = SqlAlchemyStore("sqlite://")
    store.put(record("m-0"))
    in_threads(lambda: store.put(record("m-1")), store.all)
    assert [each.id for each in store.all()] == ["m-0", "m-1"]
    store.close()


@pytest.mark.parametrize(
    ("scenario", "modules", "executions"),
    [
        (a_stage_is_told_while_a_client_cancels, ["dspy_meme_gen.ledger"], 400),
        (a_status_is_read_while_a_client_cancels, ["dspy_meme_gen.pipeline"], 200),
        (somebody_is_told_while_an_actor_is_replaced, ["dspy_meme_gen.address"], 400),
        (a_timer_is_cancelled_in_the_moment_it_is_due, ["dspy_meme_gen.adapters.threaded_timers"], 200),
        (one_reads_while_another_writes_to_a_database_in_memory, ["dspy_meme_gen.adapters.sqlalchemy_store"], 60),
    ],
)
def test_it_holds_wherever_they_are_switched(scenario, modules, executions):
    ignore = [greenroom.ActorDied]  # the actors' own deaths are wanted here
    report = greenroom.explore(scenario, executions=executions, seed=0, granularity="line", lines_of=modules, ignore=ignore)
    assert report.failure is None, report.failure
