"""What blocks for real is refused by name and line: asyncio and input() at once, the rest once it has taken too long."""

from __future__ import annotations

import asyncio
import os
import queue
import re
import select
import socket
import subprocess
import sys
import threading

import pykka
import pytest

import greenroom
from greenroom.shims.watchdog import VARIABLE, watchdog

PROCESSES = []


async def sleeps():
    await asyncio.sleep(1)
    return "slept"


def runs():
    return asyncio.run(sleeps())


def runs_a_loop():
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(loop.create_future())
    finally:
        loop.close()


def asks():
    return input("really? ")


@pytest.mark.parametrize(
    ("scenario", "call"),
    [(runs, "waits in the event loop of asyncio"), (runs_a_loop, "waits in the event loop of asyncio"), (asks, "calls input()")],
)
def test_an_event_loop_that_waits_and_input_are_refused_at_once(scenario, call):
    line = scenario.__code__.co_firstlineno
    with pytest.raises(greenroom.BlockedForReal, match=rf"main {re.escape(call)} at .*test_blocking\.py:\d+") as caught:
        greenroom.run(scenario)
    named = int(re.search(r"test_blocking\.py:(\d+)", str(caught.value))[1])
    assert line < named <= line + 3


def test_the_asker_of_an_actor_that_runs_an_event_loop_gets_the_error():
    class Fetches(pykka.ThreadingActor):
        def on_receive(self, message):
            return asyncio.run(sleeps())

    def scenario():
        ref = Fetches.start()
        try:
            ref.ask("now")
        finally:
            ref.stop()

    with pytest.raises(greenroom.BlockedForReal, match=r"Fetches-1 waits in the event loop of asyncio at "):
        greenroom.run(scenario)


def test_an_event_loop_that_never_waits_runs_in_a_task():
    class Echo(pykka.ThreadingActor):
        def on_receive(self, message):
            return message

    async def asks_twice(ref):
        await asyncio.sleep(0)
        return [await ref.ask(number, block=False) for number in range(2)], await asyncio.gather(*map(later, "ab"))

    async def later(value):
        await asyncio.sleep(0)
        return value

    def scenario():
        ref = Echo.start()
        answers = asyncio.run(asks_twice(ref))
        ref.stop()
        return answers

    assert greenroom.run(scenario).result == ([0, 1], ["a", "b"])


def test_outside_every_task_an_event_loop_waits():
    async def naps():
        await asyncio.sleep(0.001)
        return "woke"

    with greenroom.Stage(greenroom.policies.policy_named("fifo", 0)):
        assert asyncio.run(naps()) == "woke"


def test_what_comes_back_at_once_is_let_through():
    def scenario():
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.sendall(b"hello")
            ready, _, _ = select.select([theirs], [], [], 0)
            done = subprocess.run([sys.executable, "-c", "print('done')"], capture_output=True, text=True, check=True)
            return theirs.recv(5), ready == [theirs], done.stdout.strip()

    assert greenroom.run(scenario).result == (b"hello", True, "done")


def receives():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.recv(1)


def selects():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        select.select([ours], [], [])


def waits_for_a_process():
    PROCESSES.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
    PROCESSES[-1].wait()


def reads_a_pipe():
    reader, writer = os.pipe()
    try:
        os.read(reader, 1)
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="the watchdog lives in the main thread")
class TestWatchdog:
    @pytest.fixture(autouse=True)
    def _put_back(self, monkeypatch):
        monkeypatch.setattr(watchdog, "patience_s", watchdog.patience_s)
        monkeypatch.setattr(watchdog, "tick_s", watchdog.tick_s)
        yield
        while PROCESSES:
            process = PROCESSES.pop()
            process.kill()
            process.wait()

    @pytest.mark.parametrize("scenario", [receives, selects, waits_for_a_process, reads_a_pipe])
    def test_what_waits_for_the_outside_world_is_ended_and_named(self, scenario, monkeypatch):
        monkeypatch.setenv(VARIABLE, "0.2")
        with pytest.raises(greenroom.BlockedForReal, match=r"main has taken no step for 0\.2 real seconds: it is in .*\(\) at .*:\d+"):
            greenroom.run(scenario)

    @pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
    def test_nonsense_is_refused(self, text, monkeypatch):
        monkeypatch.setenv(VARIABLE, text)
        with pytest.raises(greenroom.UsageError, match=f"{VARIABLE} is a number of seconds greater than 0, not '{text}'"):
            greenroom.run(lambda: None)
        monkeypatch.delenv(VARIABLE)
        assert greenroom.run(lambda: queue.Queue().empty()).result is True
