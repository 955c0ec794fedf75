"""A scenario's recorded clients: their calls are made at once, on stage and off it, and are operations where somebody records."""

from __future__ import annotations

import threading

import pykka
import pytest

import greenroom
from greenroom.history import History


class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        if message == "raise":
            raise LookupError(message)
        return message


class Silent(pykka.ThreadingActor):
    def on_receive(self, message):
        message.wait()


def calls():
    echo, ann = Echo.start(), greenroom.client("ann")
    assert ann.ask(echo, "hello") == "hello"
    assert ann.tell(echo, "told") is None
    assert ann.call("add", int.__add__, 1, 2) == 3
    with pytest.raises(LookupError):
        ann.ask(echo, "raise")
    echo.stop()


def test_a_call_is_made_at_once_and_gives_its_result_or_its_error():
    history = greenroom.run(calls).history
    assert [str(each) for each in history.operations] == [
        "ann.ask('hello') -> 'hello'",
        "ann.tell('told') -> None",
        "ann.add(1, 2) -> 3",
        "ann.ask('raise') -> raised LookupError('raise')",
    ]
    assert [(each.invoked, each.answered) for each in history.operations] == [(1, 2), (3, 4), (5, 6), (7, 8)]
    assert {each.task for each in history.operations} == {"main"}
    assert [str(event).split("   ")[1] for event in history.of("call", "result")][:2] == [
        "main: call ann.ask#1 'hello'",
        "main: result ann.ask#1 'hello'",
    ]


def test_off_stage_the_calls_are_made_and_nothing_is_recorded():
    calls()


def test_off_stage_a_history_may_be_named_that_all_threads_record_into():
    def work(name):
        greenroom.client(name).call("add", int.__add__, 1, 2)

    with greenroom.recording_into(History()) as history:
        calls()
        threads = [threading.Thread(target=work, args=(f"c{number}",), name=f"t{number}") for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    calls()
    assert len(history.operations) == 7
    assert sorted(each.serial for each in history.operations) == list(range(1, 8))
    assert all(each.answered > each.invoked and each.answered_ns >= each.invoked_ns for each in history.operations)
    assert {each.task for each in history.operations} == {"MainThread", "t0", "t1", "t2"}
    assert str(history.operations[0]) == "ann.ask('hello') -> 'hello'"


@pytest.mark.parametrize("on_stage", [True, False])
def test_a_call_whose_wait_timed_out_is_done_but_may_still_take_effect(on_stage):
    def impatient():
        silent, gate = Silent.start(), threading.Event()
        with pytest.raises(pykka.Timeout):
            greenroom.client("ann").ask(silent, gate, timeout=0.01)
        gate.set()
        silent.stop()

    if on_stage:
        history = greenroom.run(impatient).history
    else:
        with greenroom.recording_into(History()) as history:
            impatient()
    (operation,) = history.operations
    assert operation.done
    assert operation.answered is None
    assert isinstance(operation.error, pykka.Timeout)


def test_a_call_that_never_ends_stays_pending():
    def waits():
        silent = Silent.start()
        greenroom.client("ann").ask(silent, threading.Event())

    report = greenroom.explore(waits, executions=1)
    assert isinstance(report.failure.error, greenroom.Deadlock)
    (operation,) = report.failure.history.operations
    assert not operation.done
    assert str(operation).endswith("pending")


def test_clients_in_actors_record_into_the_same_history():
    class Caller(pykka.ThreadingActor):
        def on_receive(self, message):
            return greenroom.client("inner").ask(message, "hello")

    def scenario():
        echo = Echo.start()
        greenroom.client("outer").ask(Caller.start(), echo)
        pykka.ActorRegistry.stop_all()

    outer, inner = greenroom.run(scenario).history.operations
    assert (outer.client, outer.task, inner.client, inner.task) == ("outer", "main", "inner", "Caller-2")
    assert outer.invoked < inner.invoked < inner.answered < outer.answered


def test_two_executions_share_no_operations():
    greenroom.run(calls)
    assert len(greenroom.run(calls).history.operations) == 4
