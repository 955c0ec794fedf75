"""Clients make their calls one after another, on a stage as on threads, and each call is an operation with a beginning and an end."""

from __future__ import annotations

import itertools
import threading
import time

import pykka
import pytest

import greenroom
from greenroom.client import StageClient, ThreadClient
from greenroom.history import History, Operation
from greenroom.policies.fifo import Fifo
from greenroom.policies.random_walk import RandomWalk


class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        if message == "raise":
            raise LookupError(message)
        return message


@pytest.fixture
def stage():
    with greenroom.Stage(Fifo(), history=History()) as opened:
        yield opened


@pytest.fixture
def thread_client():
    clock = itertools.count(1)
    client = ThreadClient("ann", History(), lambda: next(clock))
    yield client
    client.close()


def started(stage, actor):
    """A reference to an actor that was started on the stage."""
    task = stage.spawn("setup", actor.start)
    stage.run()
    return task.result


def test_calls_of_one_client_follow_one_another_and_those_of_two_overlap(stage):
    history = History()
    ann, bob = (StageClient(name, history, stage) for name in ("ann", "bob"))
    calls = [client.call("sleep", time.sleep, 1.0) for client in (ann, ann, bob)]
    assert [call.done for call in calls] == [False] * 3
    stage.run()
    assert [(call.invoked_ns, call.answered_ns) for call in calls] == [(0, 10**9), (10**9, 2 * 10**9), (0, 10**9)]
    assert [call.serial for call in history.operations] == [1, 2, 3]
    assert [call.latency_s for call in calls] == [1.0] * 3


def test_a_client_that_is_idle_goes_on_with_its_next_call(stage):
    client = StageClient("ann", History(), stage)
    first = client.call("first", int, "1")
    stage.run()
    second = client.call("second", int, "2")
    assert (first.result, second.done) == (1, False)
    stage.run()
    assert second.result == 2
    assert client.task.operation == "idle"


def test_ask_and_tell_are_calls(stage):
    echo = started(stage, Echo)
    client = StageClient("ann", History(), stage)
    asked, told, failed = client.ask(echo, "hello"), client.tell(echo, "hello"), client.ask(echo, "raise")
    stage.run()
    assert (asked.result, asked.error) == ("hello", None)
    assert (told.result, told.error) == (None, None)
    assert isinstance(failed.error, LookupError)
    assert [str(operation) for operation in (asked, told, failed)] == [
        "ann.ask('hello') -> 'hello'",
        "ann.tell('hello') -> None",
        "ann.ask('raise') -> raised LookupError('raise')",
    ]


def test_an_ask_with_a_timeout_ends_in_virtual_time(stage):
    class Slow(pykka.ThreadingActor):
        def on_receive(self, message):
            time.sleep(3600)

    client = StageClient("ann", History(), stage)
    asked = client.ask(started(stage, Slow), "hello", timeout=5)
    stage.run()
    assert isinstance(asked.error, pykka.Timeout)
    assert asked.latency_s == 5.0


def test_what_a_client_does_is_in_the_history(stage):
    echo = started(stage, Echo)
    StageClient("ann", History(), stage).call("say", echo.ask, "hello")
    stage.run()
    history = stage.scheduler.history
    [call], [result] = history.of("call"), history.of("result")
    assert (call.task, call.target, call.number, call.detail) == ("ann", "say", 1, "'hello'")
    assert (result.task, result.target, result.number, result.detail) == ("ann", "say", 1, "'hello'")


def test_the_order_of_two_clients_is_a_choice():
    orders = set()
    policy = RandomWalk(0)
    for number in range(30):
        policy.begin(number)
        order = []
        with greenroom.Stage(policy) as stage:
            for name in ("ann", "bob"):
                StageClient(name, History(), stage).call("append", order.append, name)
            stage.run()
        orders.add(tuple(order))
    assert orders == {("ann", "bob"), ("bob", "ann")}


def test_a_thread_client_makes_its_calls_in_order(thread_client):
    first, second = thread_client.call("int", int, "1"), thread_client.call("int", int, "x")
    assert thread_client.wait(10)
    assert first.result == 1
    assert isinstance(second.error, ValueError)
    assert first.invoked_ns < first.answered_ns < second.invoked_ns < second.answered_ns
    assert (first.latency_steps, first.invoked_step) == (0, 0)
    assert first.latency_s > 0


def test_a_thread_client_says_when_it_is_not_done_in_time(thread_client):
    gate = threading.Event()
    waiting = thread_client.call("wait", gate.wait)
    assert not thread_client.wait(0.01)
    assert not waiting.done
    gate.set()
    assert thread_client.wait(10)
    assert waiting.result is True


def test_a_thread_client_ends_its_thread_after_its_last_call():
    client = ThreadClient("ann", History(), time.perf_counter_ns)
    call = client.call("int", int, "1")
    client.close()
    assert call.result == 1
    assert not client._thread.is_alive()


def test_an_operation_that_was_never_invoked_has_no_latency():
    operation = Operation("ann", "ask", (1, "two"), 1)
    assert (operation.done, operation.latency_s, operation.latency_steps) == (False, 0.0, 0)
    assert str(operation) == "ann.ask(1, 'two') -> pending"


def test_a_call_of_one_client_fits_between_two_calls_of_another():
    between = set()
    for seed in range(20):
        history = History()
        with greenroom.Stage(RandomWalk(seed), history=history) as stage:
            ann, bob = (StageClient(name, history, stage) for name in ("ann", "bob"))
            stage.run()
            first, second, other = ann.call("one", int, "1"), ann.call("two", int, "2"), bob.call("three", int, "3")
            stage.run()
        between.add(first.answered < other.invoked and other.answered < second.invoked)
    assert between == {True, False}


def test_a_recorded_client_inside_an_actor_of_a_stage_records_into_the_history_of_the_stage(stage):
    class Caller(pykka.ThreadingActor):
        def on_receive(self, message):
            return greenroom.client("inner").call("add", int.__add__, 1, message)

    history = stage.scheduler.history
    asked = StageClient("ann", history, stage).ask(started(stage, Caller), 2)
    stage.run()
    assert asked.result == 3
    assert [each.client for each in history.operations] == ["ann", "inner"]
