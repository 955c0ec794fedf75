"""A stage leaves nothing behind, whatever ends it; and nobody outside notices that it is open."""

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures.thread
import contextlib
import gc
import importlib
import logging
import os
import queue
import random
import signal
import sys
import threading
import time
import uuid
from time import sleep as my_sleep

import psutil
import pykka
import pytest
from greenlet import greenlet

import greenroom
from greenroom.policies.fifo import Fifo
from greenroom.shims.install import is_installed
from greenroom.task import TaskGreenlet

MY_LOCK = threading.Lock()


class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        if message == "raise":
            raise ValueError("raised")
        if message == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0)
        return message


class WithDefaults:
    clock = time.monotonic

    def __init__(self, sleep=time.sleep, *, lock=MY_LOCK):
        self.sleep, self.lock = sleep, lock


def _world():
    """Everything that a stage might replace, by identity."""
    owners = [
        time, threading, queue, uuid, os, random, pykka, importlib, pykka._threading, concurrent.futures._base, concurrent.futures.thread,
        sys.modules["_threading_local"], sys.modules[__name__],
    ]  # fmt: skip
    classes = [
        pykka.ThreadingActor, pykka.Actor, pykka.ActorRegistry, pykka.ThreadingFuture, threading.Thread, threading.Event,
        threading.Condition,
        threading.Semaphore, threading.BoundedSemaphore, queue.Queue, concurrent.futures.ThreadPoolExecutor, WithDefaults,
    ]  # fmt: skip
    names = {
        (owner.__name__, name): id(value) for owner in owners + classes for name, value in vars(owner).items() if not name.startswith("@")
    }
    names["import"] = id(builtins.__import__)
    names["defaults"] = (id(WithDefaults.__init__.__defaults__[0]), id(WithDefaults.__init__.__kwdefaults__["lock"]))
    names["signals"] = (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL))
    names["filters"] = list(logging.getLogger("pykka").filters)
    names["registry"] = list(pykka.ActorRegistry.get_all())
    names["threads"] = {thread.ident for thread in threading.enumerate()}
    names["garbage collection"] = (gc.isenabled(), gc.get_freeze_count())
    return names


def succeeds():
    echo = Echo.start()
    echo.ask("hello")
    echo.stop()


def fails():
    Echo.start().ask("hello")
    raise AssertionError("failed")


def is_left():
    Echo.start()
    threading.Thread(target=threading.Event().wait).start()


def deadlocks():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def never_ends():
    while True:
        time.sleep(1)


def is_interrupted():
    Echo.start().ask("interrupt")


def swallows_its_end():
    def stubborn():
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(1e6)

    threading.Thread(target=stubborn, daemon=True).start()
    deadlocks()


def works_while_it_is_ended():
    class Tidy(pykka.ThreadingActor):
        def on_receive(self, message):
            lock = threading.Lock()
            try:
                with lock:
                    threading.Event().wait()
            finally:
                self.actor_ref.tell("one more")
                Echo.start()
                threading.Thread(target=succeeds).start()
                time.sleep(1)

    Tidy.start().ask("go")


class Broken(Fifo):
    def choose(self, options):
        raise LookupError("broken policy")


@pytest.mark.parametrize(
    ("scenario", "options"),
    [
        (succeeds, {}),
        (fails, {}),
        (is_left, {}),
        (deadlocks, {}),
        (never_ends, {"max_steps": 100}),
        (is_interrupted, {}),
        (swallows_its_end, {}),
        (works_while_it_is_ended, {}),
        (is_left, {"policy": Broken()}),
    ],
)
def test_nothing_is_left_behind(scenario, options):
    greenroom.explore(succeeds, executions=2)  # what is imported with the first exploration is there now
    gc.collect()
    before = _world()
    with contextlib.suppress(LookupError, KeyboardInterrupt):
        greenroom.explore(scenario, executions=3, **options)
    after = _world()
    assert {key for key in before if before[key] != after.get(key)} == set()
    assert not is_installed()
    if scenario is not swallows_its_end:
        gc.collect()
        alive = [found for found in gc.get_objects() if type(found) is TaskGreenlet and not found.dead]
        assert [found for found in alive if found not in greenroom.scheduler._abandoned] == []


def test_ctrl_c_inside_a_handler_ends_the_exploration():
    with pytest.raises(KeyboardInterrupt):
        greenroom.explore(is_interrupted)
    with pytest.raises(KeyboardInterrupt):
        greenroom.run(is_interrupted)
    assert greenroom.explore(succeeds, executions=3).ok


def test_ctrl_c_outside_every_task_is_the_callers():
    def progress(done, distinct):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        greenroom.explore(succeeds, executions=500, progress=progress)
    assert not is_installed()


def test_memory_is_flat():
    process = psutil.Process()
    greenroom.explore(is_left, executions=200, ignore=[greenroom.LeftBehind])
    before = process.memory_info().rss
    for scenario in (succeeds, is_left):
        greenroom.explore(scenario, executions=1000, ignore=[greenroom.LeftBehind])
    assert process.memory_info().rss - before < 4_000_000


def test_code_outside_a_stage_sees_the_real_world_while_it_is_open():
    seen = {}

    def look(name):
        before = time.monotonic()
        my_sleep(0.001)
        lock = threading.Lock()
        numbers = random.Random(3).random()
        seen[name] = (
            abs(time.time() - time.time_ns() / 1e9) < 60 and time.time() > 1_710_000_000,
            time.monotonic() > before,
            type(lock).__module__,
            type(threading.Event()).__module__,
            type(queue.Queue()).__module__,
            numbers == random.Random(3).random(),
            threading.current_thread().name.startswith(("MainThread", "real")),
            MY_LOCK.acquire(blocking=False) and MY_LOCK.release() is None,
            uuid.uuid4() != uuid.uuid4(),
        )

    with greenroom.Stage(Fifo()) as stage:
        look("hub")
        real = threading.Thread(target=look, args=("thread",), name="real")
        real.start()
        real.join(10)
        assert not real.is_alive()
        greenlet(look).switch("another greenlet")
        stage.spawn("inside", lambda: seen.setdefault("inside", time.time()))
        stage.run()
    expected = (True, True, "_thread", "threading", "queue", True, True, True, True)
    assert seen == {"hub": expected, "thread": expected, "another greenlet": expected, "inside": 1_704_067_200.0}


def test_real_actors_live_on_beside_a_stage():
    outside = Echo.start()
    try:
        with greenroom.Stage(Fifo()) as stage:
            inside = stage.spawn("inside", lambda: (Echo.start().ask("in"), [ref.actor_class for ref in pykka.ActorRegistry.get_all()]))
            stage.run()
            assert inside.result == ("in", [Echo])
            assert outside.ask("out", timeout=10) == "out"
            assert pykka.ActorRegistry.get_all() == [outside]
        late = Echo.start()
        assert late.ask("late", timeout=10) == "late"
        late.stop()
        assert pykka.ActorRegistry.get_all() == [outside]
    finally:
        outside.stop()


def test_a_closed_stage_refuses_and_closing_twice_does_no_harm():
    stage = greenroom.Stage(Fifo())
    with stage:
        stage.spawn("one", lambda: None)
    stage.close()
    for use in (stage.run, lambda: stage.spawn("two", lambda: None)):
        with pytest.raises(greenroom.StageClosed):
            use()
    assert not is_installed()


def test_stages_do_not_nest_inside_tasks_but_explorations_follow_one_another():
    def scenario():
        with pytest.raises(greenroom.StageError, match="one exploration at a time"):
            greenroom.explore(succeeds)
        return "refused"

    threads = threading.active_count()
    assert greenroom.run(scenario).result == "refused"
    assert not is_installed()
    assert threading.active_count() == threads


def test_time_advances_to_an_instant_and_no_further():
    log = []

    def work():
        for number in range(3):
            time.sleep(1)
            log.append(number)

    with greenroom.Stage(Fifo()) as stage:
        stage.spawn("sleeper", work)
        stage.advance_to(1.5)
        assert (log, stage.now_s) == ([0], 1.5)
        stage.advance_to(2.0)
        assert (log, stage.now_s) == ([0, 1], 2.0)
        assert [task.name for task in stage.alive()] == ["sleeper"]
        stage.run()
        assert (log, stage.now_s) == ([0, 1, 2], 3.0)


def test_an_exploration_runs_in_a_thread_other_than_the_main_one():
    reports = []
    thread = threading.Thread(target=lambda: reports.append(greenroom.explore(succeeds, executions=20)))
    thread.start()
    thread.join(30)
    assert reports[0].ok


def test_an_exploration_runs_inside_an_event_loop():
    async def explore():
        return greenroom.explore(succeeds, executions=5)

    assert asyncio.run(explore()).ok


def test_who_uses_the_alarm_signal_keeps_it():
    def mine(number, frame):
        pass

    previous = signal.signal(signal.SIGALRM, mine)
    try:
        seen = []
        greenroom.run(lambda: seen.append(signal.getsignal(signal.SIGALRM)))
        assert seen == [mine]
        assert signal.getsignal(signal.SIGALRM) is mine
    finally:
        signal.signal(signal.SIGALRM, previous)
