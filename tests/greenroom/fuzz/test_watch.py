"""What a worker sees of a batch: counts, news, failures, and when it must end."""

from __future__ import annotations

import pytest

from greenroom.fuzz.behaviours import Behaviours
from greenroom.fuzz.failures import identified
from greenroom.fuzz.watch import TELL_EVERY_S, EndOfBatch, Watch
from greenroom.history import Event, History


@pytest.fixture
def memory():
    return [100.0]


@pytest.fixture
def watch(wire, clock, memory):
    known = [identified("test", KeyError("known")).id]
    return Watch(wire, "test", known=known, memory_mb=600, behaviours=Behaviours(), seconds=30, clock=clock, memory=lambda: memory[0])


def later(clock):
    clock.now += TELL_EVERY_S


def test_news_are_told_once_and_now_and_then(watch, wire, clock):
    watch.example_begins()
    watch.execution_ended(History([Event(0, "A-1", "lock", "Lock-1")]), [(1, "A-1")])
    watch.example_begins()
    assert wire.sent == []
    later(clock)
    watch.example_begins()
    (report,) = wire.told("progress")
    assert (report["examples"], len(report["schedules"]), report["behaviours"]) == (2, 1, ["Lock: lock by A first"])
    watch.report()
    assert wire.told("progress")[1]["examples"] == 1
    assert wire.told("progress")[1]["behaviours"] == []


def test_a_failure_that_is_known_counts_as_passed(watch, wire):
    watch.example_begins()
    assert watch.example_failed(KeyError("known"))
    assert list(watch.known_times.values()) == [1]
    assert wire.told("seen") == []


def test_a_new_failure_is_told_at_once_and_only_once(watch, wire):
    assert not watch.example_failed(ValueError("new"))
    assert not watch.example_failed(ValueError("new, but smaller"))
    (seen,) = wire.told("seen")
    assert (seen["failure"]["error"], seen["failure"]["shrunk"]) == ("ValueError", False)


def test_what_comes_after_a_new_failure_is_shrinking_and_no_examples(watch):
    watch.example_begins()
    watch.example_failed(ValueError("new"))
    watch.example_begins()
    watch.example_begins()
    assert (watch.examples, watch.shrinks) == (1, 2)


def test_a_batch_ends_in_time_between_two_examples(watch, clock):
    clock.now = 30.0
    with pytest.raises(EndOfBatch):
        watch.example_begins()
    assert watch.ended == "time"


def test_an_order_to_stop_ends_a_batch(watch, wire, clock):
    wire.orders = [{"do": "stop"}]
    later(clock)
    with pytest.raises(EndOfBatch):
        watch.example_begins()
    assert watch.ended == "stopped"


def test_what_is_being_shrunk_is_finished_though_time_is_over_or_the_run_is_to_stop(watch, wire, clock):
    watch.example_failed(ValueError("new"))
    wire.orders = [{"do": "stop"}]
    clock.now = 60.0
    watch.example_begins()
    assert watch.ended == "complete"


@pytest.mark.parametrize(("shrinking", "mb", "ends"), [(False, 440, False), (False, 460, True), (True, 460, False), (True, 550, True)])
def test_a_batch_ends_before_memory_does_and_shrinking_later(watch, clock, memory, *, shrinking, mb, ends):
    if shrinking:
        watch.example_failed(ValueError("new"))
    memory[0] = mb
    later(clock)
    if ends:
        with pytest.raises(EndOfBatch):
            watch.example_begins()
        assert watch.ended == "memory"
    else:
        watch.example_begins()
        assert watch.ended == "complete"


def test_a_worker_whose_coordinator_is_gone_stops_even_while_it_shrinks(watch, wire, clock):
    watch.example_failed(ValueError("new"))
    wire.closed = True
    later(clock)
    with pytest.raises(EndOfBatch):
        watch.example_begins()
    assert watch.ended == "orphaned"
