"""The same schedule gives the same history, byte for byte, in this process and in any other."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import greenroom

PROGRAM = textwrap.dedent("""
    import dataclasses, random, threading, time, uuid, queue
    from concurrent.futures import ThreadPoolExecutor, as_completed
    import pykka

    @dataclasses.dataclass(frozen=True)
    class Order:
        number: int
        tags: frozenset

    class Shop(pykka.ThreadingActor):
        def __init__(self, stock, done):
            super().__init__()
            self.stock, self.done, self.lock = stock, done, threading.Lock()

        def on_start(self):
            time.sleep(random.random())

        def on_receive(self, message):
            with self.lock:
                tag = random.choice(["red", "green", "blue"]) + str(uuid.uuid4())
            self.stock.tell(Order(message, frozenset({tag, "a", "b", "c", "d"})))
            self.done.put({"x", "y", "z", tag})
            return {"who": self, "set": {"p", "q", "r"}, "object": object(), "ref": self.actor_ref, "urn": self.actor_urn}

    class Stock(pykka.ThreadingActor):
        def on_receive(self, message):
            time.sleep(0.01)

    def scenario():
        done = queue.Queue()
        stock = Stock.start()
        shops = [Shop.start(stock, done) for _ in range(2)]
        replies = [shop.ask(number, block=False) for number, shop in enumerate(shops)]
        with ThreadPoolExecutor(2) as pool:
            for future in as_completed({pool.submit(shop.ask, 7) for shop in shops}):
                future.result()
        timer = threading.Timer(0.5, done.put, ["timer"])
        timer.start()
        pykka.get_all(replies)
        for _ in range(5):
            done.get()
        timer.join()
        pykka.ActorRegistry.stop_all()
""")

MAIN = textwrap.dedent("""
    import sys
    import greenroom
    from program_under_test import scenario
    from greenroom.policies.random_walk import RandomWalk

    for number in range(5):
        policy = RandomWalk(3)
        policy.begin(number)
        class Numbered:
            def begin(self, execution): policy.begin(number)
            choose = policy.choose
            choose_value = policy.choose_value
        schedule = greenroom.run(scenario, Numbered()).schedule
        print(schedule)
        print(greenroom.replay(scenario, str(schedule)).history)
""")


@pytest.fixture
def program(tmp_path, monkeypatch):
    (tmp_path / "program_under_test.py").write_text(PROGRAM)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "program_under_test", raising=False)
    return tmp_path


def test_another_process_with_another_hash_seed_gives_the_same_histories(program):
    (program / "main.py").write_text(MAIN)
    source = str(Path(greenroom.__file__).parents[1])
    outputs = []
    for hash_seed in ("0", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{source}{os.pathsep}{program}"}
        done = subprocess.run([sys.executable, str(program / "main.py")], env=environment, capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        assert not done.stderr, done.stderr.decode()
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b"g1:") == 5
    assert len(outputs[0]) > 10_000


def test_two_hundred_schedules_replay_byte_for_byte(program):
    from program_under_test import scenario  # noqa: PLC0415 - it is written by the fixture

    schedules = set()

    class Collecting:
        def __init__(self):
            self.policy = greenroom.policies.policy_named("portfolio", 5)

        def begin(self, execution):
            self.policy.begin(execution)

        def choose(self, options):
            return self.policy.choose(options)

        def choose_value(self, count):
            return self.policy.choose_value(count)

    policy = Collecting()
    for number in range(200):
        policy.begin(number)
        policy.begin, begin = (lambda execution: None), policy.begin
        execution = greenroom.run(scenario, policy)
        policy.begin = begin
        again = greenroom.replay(scenario, greenroom.Schedule.parse(str(execution.schedule)))
        assert str(again.history) == str(execution.history)
        assert (again.schedule, again.steps, again.decisions, again.virtual_s) == (
            execution.schedule,
            execution.steps,
            execution.decisions,
            execution.virtual_s,
        )
        schedules.add(str(execution.schedule))
    assert len(schedules) > 150


def test_recording_changes_nothing(program):
    from program_under_test import scenario  # noqa: PLC0415 - it is written by the fixture

    def failing():
        scenario()
        assert greenroom.choose(*range(50)) != 7

    report = greenroom.explore(failing, executions=2000, shrink=False)
    assert report.failure is not None
    assert greenroom.replay(failing, report.failure.schedule).failure.headline == report.failure.headline


def test_what_outlives_an_execution_is_told_as_escaped_nondeterminism():
    calls = []

    def scenario():
        calls.append(1)
        assert len(calls) != 3

    with pytest.raises(greenroom.NondeterminismEscaped, match="did not happen again"):
        greenroom.explore(scenario)


def test_a_program_that_has_changed_is_told_at_the_first_deviation_that_does_not_fit():
    def scenario():
        greenroom.choose("a", "b", "c")
        greenroom.choose("d", "e")

    assert greenroom.replay(scenario, "g1:0=#2,1=#1").schedule == greenroom.Schedule(((0, "#2"), (1, "#1")))
    with pytest.raises(
        greenroom.ReplayMismatch, match=r"decision 0: the schedule runs Counter-2 here, but only these can run: values #0 to #2"
    ):
        greenroom.replay(scenario, "g1:0=Counter-2")
    with pytest.raises(greenroom.ReplayMismatch, match=r"decision 1: the schedule runs #2 here"):
        greenroom.replay(scenario, "g1:1=#2")
    with pytest.raises(greenroom.ReplayMismatch, match=r"ended after 2 decisions, but the schedule deviates at decision 9"):
        greenroom.replay(scenario, "g1:0=#1,9=#1")
    with pytest.raises(greenroom.ReplayMismatch):
        greenroom.run(scenario, greenroom.Schedule(((0, "Counter-2"),)))
