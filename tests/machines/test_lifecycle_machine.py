"""The lifecycle machine finds stops that hang, return too soon, forget somebody, or let go of things in the wrong order.

These are the quick ones; more faults that it is to find are in benchmarks/mutants.
"""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from dspy_meme_gen import ledger, pipeline
from dspy_meme_gen.domain import Failed
from dspy_meme_gen.messages import Abandon
from dspy_meme_gen.pipeline import Pipeline
from dspy_meme_gen.ports import Closeable
from machines.finding import examples_to_find
from machines.lifecycle import ACTORS, LifecycleMachine

MUTANTS = {}


def mutant(plant):
    MUTANTS[plant.__name__] = plant
    return plant


def closes(self, grace_s):
    self._ledger.close()


def waits(self, grace_s):
    self._ledger.wait_until_idle(self._settings.stop_grace_s if grace_s is None else grace_s)


def fails(self, grace_s):
    self._ledger.fail_all("ServiceStopped")
    self._tell("meme_generator", Abandon())


def stops(self, grace_s):
    self._stop_actors()


def drains(self, grace_s):
    self._drain_outbox()


def lets_go(self, grace_s):
    self._close_ports()


def stop_by(*parts):
    """A stop that does these things, in this order."""

    def stop(self, *, grace_s=None):
        with self._stopping:
            if not self._stopped:
                for part in parts:
                    part(self, grace_s)
                self._stopped = True

    return stop


@mutant
def a_request_that_comes_during_the_stop_is_answered_by_nobody(patch):
    patch.setattr(Pipeline, "stop", stop_by(waits, fails, closes, stops, drains, lets_go))


@mutant
def a_second_stop_returns_at_once(patch):
    original = Pipeline.stop

    def stop(self, *, grace_s=None):
        if not self._stopping.locked():
            original(self, grace_s=grace_s)

    patch.setattr(Pipeline, "stop", stop)


@mutant
def the_whole_grace_is_waited_for(patch):
    def wait_until_idle(self, timeout_s):
        with self._changed:
            return self._changed.wait_for(lambda: False, timeout_s)

    patch.setattr(ledger.Ledger, "wait_until_idle", wait_until_idle)


@mutant
def who_waits_for_a_turn_is_not_failed(patch):
    def fail_all(self, error):
        for entry in self.in_flight():
            if entry.routed:
                self.settle(entry.request.request_id, Failed(error, entry.stage))

    patch.setattr(ledger.Ledger, "fail_all", fail_all)


@mutant
def actors_are_stopped_in_order_of_start(patch):
    patch.setattr(pipeline, "reversed", iter, raising=False)


@mutant
def an_actor_is_waited_for_as_long_as_it_takes(patch):
    def stop_actors(self):
        self._roster.close()
        for address in reversed(self._roster.addresses()):
            if address.ref is not None:
                address.ref.stop()

    patch.setattr(Pipeline, "_stop_actors", stop_actors)


@mutant
def ports_are_closed_before_the_actors_end(patch):
    patch.setattr(Pipeline, "stop", stop_by(closes, waits, fails, lets_go, stops, drains))


@mutant
def a_port_that_raises_keeps_the_others_open(patch):
    def close_ports(self):
        for name in self._ports.__dataclass_fields__:
            port = getattr(self._ports, name)
            if isinstance(port, Closeable):
                port.close()

    patch.setattr(Pipeline, "_close_ports", close_ports)


@mutant
def a_start_that_fails_leaves_its_actors(patch):
    original = Pipeline.stop

    def stop(self, *, grace_s=None):
        if len(self.addresses) == len(ACTORS):
            original(self, grace_s=grace_s)

    patch.setattr(Pipeline, "stop", stop)


@mutant
def who_has_given_up_is_not_stopped(patch):
    original = Pipeline.stop

    def stop(self, *, grace_s=None):
        if not self._ledger.closed:
            original(self, grace_s=grace_s)

    patch.setattr(Pipeline, "stop", stop)


@mutant
def deadlines_are_not_cancelled(patch):
    def conclude(self, entry):
        self._deliver(entry)
        self._released(entry)

    patch.setattr(ledger.Ledger, "_conclude", conclude)


@pytest.mark.parametrize("name", MUTANTS)
def test_it_finds(name, monkeypatch):
    MUTANTS[name](monkeypatch)
    assert examples_to_find(LifecycleMachine) is not None


def test_it_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(LifecycleMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
