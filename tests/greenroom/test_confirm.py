"""confirm() forces an order on real threads, says what it saw there, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import queue
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import pykka
import pytest

import greenroom
from benchmarks.random_programs import PROFILES, program
from greenroom.cli import main
from greenroom.execution import execute
from greenroom.explore import checked, installed
from greenroom.places import load_check, load_scenario
from greenroom.policies import policy_named
from tests.greenroom.racing import in_threads

EXAMPLES = Path(__file__).parents[2] / "examples"
OPTIONS = {
    "stale_read": {"checks": load_check(f"{EXAMPLES}/stale_read.py::claim")},
    "starvation": {"max_steps": 2000},
    "timeout_and_retry": {"timers": "explored"},
}
LOOPS = ("check_then_await", "unwoken_loop")
BUGS = [path.stem for path in sorted(EXAMPLES.glob("*.py")) if path.stem not in ("two_clients", *LOOPS)]
GUARD = threading.Lock()


@pytest.mark.parametrize("example", BUGS)
def test_the_bug_of_every_example_is_real(example, failure_of):
    options = OPTIONS.get(example, {})
    failure = failure_of(load_scenario(f"{EXAMPLES / example}.py::scenario"), **options)
    confirmation = failure.confirm()
    assert confirmation.confirmed, str(confirmation)
    assert confirmation.forced == confirmation.operations > 0


@pytest.mark.parametrize("example", LOOPS)
def test_an_example_with_an_event_loop_is_left_undecided(example, failure_of):
    confirmation = failure_of(load_scenario(f"{EXAMPLES / example}.py::scenario")).confirm()
    assert confirmation.confirmed is None
    assert "event loop" in confirmation.said
    assert confirmation.threads == 0


def schedules_of(scenario, count, *, seed=0, timers="lazy", policy="random"):
    """Executions of ``scenario`` on a stage, without judging them."""
    options = checked(scenario, 1, 20_000, timers, ())
    chosen = policy_named(policy, seed)
    for number in range(count):
        with installed(scenario, options):
            chosen.begin(number)
            execution = execute(scenario, chosen, None, options)
        yield execution


@pytest.mark.parametrize("seed", range(len(PROFILES)))
def test_random_programs_see_the_same_on_real_threads_as_on_the_stage(seed):
    made = program(seed)
    timers = "explored" if "in_time" in PROFILES[seed] else "lazy"
    for execution in schedules_of(made.scenario, 2, seed=seed, timers=timers):
        seen = made.outcome()
        confirmation = greenroom.confirm(made.scenario, execution.schedule, timers=timers)
        assert confirmation.confirmed is (execution.failure is not None), str(confirmation)
        assert confirmation.forced == confirmation.operations
        assert made.outcome() == seen


# -- one program for each kind of primitive; what they return must be the same ---------------------------------------


class Guarded(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.total = 0

    def on_receive(self, message):
        with GUARD:
            self.total += message
            return self.total


def a_lock_made_at_import():
    refs = [Guarded.start() for _ in range(2)]
    answers = [refs[number % 2].ask(number, block=False) for number in range(4)]
    seen = pykka.get_all(answers)
    pykka.ActorRegistry.stop_all()
    return seen


def a_condition():
    changed, items, taken = threading.Condition(), [], []

    def take():
        with changed:
            while not items:
                changed.wait(timeout=5)
            taken.append(items.pop())

    def give(item):
        with changed:
            items.append(item)
            changed.notify()

    in_threads(take, take, lambda: give(1), lambda: give(2))
    return taken


def a_condition_of_a_held_rlock():
    changed, ready = threading.Condition(threading.RLock()), []

    def wait():
        with changed, changed:
            assert changed.wait_for(lambda: ready)

    def notify():
        with changed:
            ready.append(1)
            changed.notify_all()

    in_threads(wait, notify)
    return ready


def a_barrier():
    barrier, seen = threading.Barrier(3), []
    in_threads(*[lambda number=number: seen.append((number, barrier.wait())) for number in range(3)])
    return seen


def a_timer_and_clocks():
    seen = []
    timer = threading.Timer(3, lambda: seen.append("timer"))
    timer.start()
    time.sleep(2)
    seen.append(monotonic())
    if greenroom.choose(False, True):
        timer.cancel()
    timer.join()
    return [*seen, time.time()]


def random_numbers():
    seen = []
    in_threads(lambda: seen.append(random.random()), lambda: seen.append(random.Random().random()))
    return [*sorted(seen), str(uuid.uuid4()), os.urandom(4)]


def a_pool():
    with ThreadPoolExecutor(2) as pool:
        return [future.result() for future in [pool.submit(abs, -number) for number in range(3)]]


def queues():
    simple, bounded, seen = queue.SimpleQueue(), queue.Queue(1), []

    def move():
        for _ in range(2):
            bounded.put(simple.get())

    def drain():
        for _ in range(2):
            seen.append(bounded.get())
            bounded.task_done()

    in_threads(move, drain, lambda: simple.put(1), lambda: simple.put(2), bounded.join)
    try:
        simple.get(timeout=1)
    except queue.Empty:
        seen.append("empty")
    return seen


class Fragile(pykka.ThreadingActor):
    def on_failure(self, *reason):
        self.lost = reason[0].__name__

    def on_receive(self, message):
        raise ValueError(message)


def an_actor_that_fails():
    ref = Fragile.start()
    ref.tell("once")
    try:
        return ref.ask("twice", timeout=1)
    except (pykka.ActorDeadError, pykka.Timeout, ValueError) as error:
        return type(error).__name__


def proxies():
    proxy = Guarded.start().proxy()
    proxy.total = 3
    seen = proxy.total.map(lambda total: total + 1).get()
    return seen, proxy.stop().get()


PROGRAMS = [
    a_lock_made_at_import,
    a_condition,
    a_condition_of_a_held_rlock,
    a_barrier,
    a_timer_and_clocks,
    random_numbers,
    a_pool,
    queues,
    an_actor_that_fails,
    proxies,
]


@pytest.mark.parametrize("timers", ["lazy", "explored"])
@pytest.mark.parametrize("function", PROGRAMS)
def test_every_schedule_of_a_correct_program_can_be_forced_and_gives_the_same_result(function, timers):
    results = []

    def scenario():
        results.append(function())

    for execution in list(schedules_of(scenario, 6, timers=timers, policy="portfolio")):
        confirmation = greenroom.confirm(scenario, execution.schedule, timers=timers)
        assert confirmation.confirmed is False
        assert "holds on the stage and on real threads" in confirmation.said
        assert confirmation.forced == confirmation.operations
        on_stage, on_threads = results[-2:]
        assert on_threads == on_stage


def test_lines_are_forced_as_well(tmp_path):
    (tmp_path / "counting.py").write_text(
        "import threading\n"
        "count = 0\n"
        "def add():\n"
        "    global count\n"
        "    seen = count\n"
        "    count = seen + 1\n"
        "def scenario():\n"
        "    global count\n"
        "    count = 0\n"
        "    threads = [threading.Thread(target=add) for _ in range(2)]\n"
        "    [thread.start() for thread in threads]\n"
        "    [thread.join() for thread in threads]\n"
        "    assert count == 2, count\n"
    )
    failure = greenroom.explore(load_scenario(f"{tmp_path / 'counting.py'}::scenario"), granularity="line").failure
    assert failure.confirm().confirmed


# -- verdicts ----------------------------------------------------------------------------------------------------------


def test_a_circle_of_daemons_is_real_and_is_shown_as_one():
    class Asker(pykka.ThreadingActor):
        use_daemon_thread = True

        def on_receive(self, other):
            return None if other is None else other.ask(None)

    def scenario():
        askers = [Asker.start() for _ in range(2)]
        pykka.get_all([asker.ask(other, block=False) for asker, other in zip(askers, reversed(askers), strict=True)])
        pykka.ActorRegistry.stop_all()

    failure = greenroom.explore(scenario).failure
    assert failure is not None
    assert isinstance(failure.error, greenroom.Deadlock)
    assert [ending[:2] for name, ending in failure.history.endings.items() if name.startswith("Asker")] == ["✗ ", "✗ "]
    confirmation = failure.confirm()
    assert confirmation.confirmed is True, confirmation
    assert "Asker-1 is blocked: it waits for the reply of Asker-2" in confirmation.said


def test_a_failure_that_only_the_stage_shows_is_not_confirmed():
    runs = []

    def scenario():
        runs.append(1)
        assert len(runs) > 1, "the first run fails"

    confirmation = greenroom.confirm(scenario, "g1:")
    assert confirmation.confirmed is False
    assert "the first run fails" in confirmation.said
    assert "nothing failed" in confirmation.said


def test_a_failure_that_only_real_threads_show_is_told_and_undecided():
    runs = []

    def scenario():
        runs.append(1)
        assert len(runs) < 2, "the second run fails"

    confirmation = greenroom.confirm(scenario, "g1:")
    assert confirmation.confirmed is None
    assert "holds on the stage, but not on real threads: main raised AssertionError: the second run fails" in confirmation.said


def test_threads_that_go_another_way_are_told_with_both_ways():
    runs = []

    def scenario():
        runs.append(1)
        event = threading.Event()
        event.set() if len(runs) == 1 else event.clear()
        assert len(runs) > 1

    confirmation = greenroom.confirm(scenario, "g1:")
    assert confirmation.confirmed is None
    assert "went another way: main sets Event-1 on the stage, but calls clear() of Event-1 here" in confirmation.said


def test_an_operation_with_another_outcome_is_told():
    runs = []

    def scenario():
        runs.append(1)
        lock = threading.Lock()
        if len(runs) == 1:
            lock.acquire()
        else:
            lock.locked()
        assert lock.acquire(blocking=False)

    confirmation = greenroom.confirm(scenario, "g1:")
    assert confirmation.confirmed is None
    assert "went another way: main calls acquire() of Lock-1 on the stage, but calls locked() of Lock-1 here" in confirmation.said


def test_the_same_failure_after_another_way_is_real_all_the_same():
    runs = []

    def scenario():
        runs.append(1)
        if len(runs) > 1:
            threading.Event().set()
        raise ValueError("always")

    confirmation = greenroom.confirm(scenario, "g1:")
    assert confirmation.confirmed is True
    assert "ValueError: always" in confirmation.said
    assert "though the real threads went another way" in confirmation.said


def test_a_thread_that_never_comes_to_its_turn_is_undecided_and_named():
    reading, writing = os.pipe()
    runs = []

    def scenario():
        runs.append(1)
        if len(runs) > 1:
            os.read(reading, 1)
        threading.Event().set()
        raise ValueError

    confirmation = greenroom.confirm(scenario, "g1:", patience_s=0.2)
    os.write(writing, b"!")
    assert confirmation.confirmed is None
    assert "main has done nothing for 0.2 s (at test_confirm.py:" in confirmation.said
    assert "expected next, as on the stage: main sets Event-1" in confirmation.said


def test_everything_is_as_before(failure_of):
    before = {
        owner: dict(vars(owner)) for owner in (threading.Thread, threading.Event, queue.Queue, pykka.ThreadingFuture, pykka.ThreadingActor)
    }
    names = (time.sleep, threading.Lock, uuid.uuid4, random.random)
    refs = pykka.ActorRegistry.get_all()
    threads = set(threading.enumerate())
    for example in ("deadlock", "lost_update"):
        assert failure_of(load_scenario(f"{EXAMPLES / example}.py::scenario")).confirm().confirmed
    for owner, attributes in before.items():
        assert dict(vars(owner)) == attributes
    assert names == (time.sleep, threading.Lock, uuid.uuid4, random.random)
    assert pykka.ActorRegistry.get_all() == refs
    assert set(threading.enumerate()) <= threads


def test_a_real_actor_of_the_caller_is_not_touched():
    ref = Guarded.start()

    def scenario():
        pykka.ActorRegistry.stop_all()

    try:
        greenroom.confirm(scenario, "g1:")
        assert ref.ask(2) == 2
    finally:
        ref.stop()


def test_bad_input_is_refused():
    with pytest.raises(greenroom.UsageError, match="patience_s is a number of seconds"):
        greenroom.confirm(a_barrier, "g1:", patience_s=0)
    with pytest.raises(greenroom.ReplayMismatch):
        greenroom.confirm(a_barrier, "g1:0=Nobody-1")
    with pytest.raises(greenroom.UsageError, match="only the failure of a scenario"):
        greenroom.Failure(ValueError(), greenroom.Schedule(), greenroom.History(), "a machine").confirm()


# -- the command line --------------------------------------------------------------------------------------------------


def test_the_exit_code_says_whether_it_is_real(capsys, monkeypatch):
    monkeypatch.chdir(EXAMPLES.parent)
    place = "examples/timeout_and_retry.py::scenario"
    assert main(["confirm", place, "g1:", "--timers", "explored"]) == 0
    assert main(["explore", place, "--timers", "explored", "--confirm"]) == 1
    printed = capsys.readouterr().out
    assert "confirmed on real threads: AssertionError: one purchase, charged 2 times" in printed
    schedule = next(line for line in printed.splitlines() if line.startswith("replay:")).split("'")[1]
    assert main(["confirm", place, schedule, "--timers", "explored", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["confirmed"] is True
    assert told["forced"] == told["operations"]


def test_an_order_that_cannot_be_forced_has_an_exit_code_of_its_own(tmp_path, capsys):
    (tmp_path / "fickle.py").write_text(
        "import threading\n"
        "runs = []\n"
        "def scenario():\n"
        "    runs.append(1)\n"
        "    threading.Event().set() if len(runs) > 1 else threading.Event().clear()\n"
        "    assert len(runs) > 1\n"
    )
    assert main(["confirm", f"{tmp_path / 'fickle.py'}::scenario", "g1:"]) == 3
    assert "undecided: the real threads went another way" in capsys.readouterr().out
