"""What blocks for real is refused by name and line: input() and a real event loop at once, the rest once it has taken too long."""

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


def runs_a_loop_that_is_older(loop):
    loop.run_until_complete(sleeps())


def asks():
    return input("really? ")


def named_line(caught):
    return int(re.search(r"test_blocking\.py:(\d+)", str(caught.value))[1])


def test_input_is_refused_at_once():
    with pytest.raises(greenroom.BlockedForReal, match=r"main calls input\(\) at .*test_blocking\.py:\d+") as caught:
        greenroom.run(asks)
    assert named_line(caught) == asks.__code__.co_firstlineno + 1


def test_an_event_loop_from_before_the_stage_is_refused_where_it_would_wait():
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(greenroom.BlockedForReal, match=r"main waits in an event loop .* made before .* inside the") as caught:
            greenroom.run(lambda: runs_a_loop_that_is_older(loop))
    finally:
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    assert named_line(caught) == runs_a_loop_that_is_older.__code__.co_firstlineno + 1


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
