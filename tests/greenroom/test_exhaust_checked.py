"""exhaust with a check: schedules that differ only in which call ended before which began are run as well, where the check asks for it."""

from __future__ import annotations

import random

import pykka
import pytest

import greenroom
from tests.greenroom.checkers.histories import Register


class Cell(pykka.ThreadingActor):
    def __init__(self, value=0):
        super().__init__()
        self.value = value

    def on_receive(self, message):
        if message[0] == "read":
            return self.value
        self.value = message[1]
        return None


class Caller(pykka.ThreadingActor):
    """Makes its calls one after another, as a recorded client."""

    def __init__(self, name, *calls):
        super().__init__()
        self.calls = calls
        self.client = greenroom.client(name)

    def on_receive(self, message):
        for ref, call in self.calls:
            self.client.ask(ref, call)


def two_replicas():
    """A write to one replica, a read of another: only real time tells that the read is stale."""
    one, other = Cell.start(), Cell.start()
    callers = [Caller.start("reader", (other, ("read",))), Caller.start("writer", (one, ("write", 1)))]
    pykka.get_all([caller.ask("go", block=False) for caller in callers])
    pykka.ActorRegistry.stop_all()


def test_a_stale_read_that_only_real_time_shows_is_found():
    assert greenroom.exhaust(two_replicas).executions == 1  # no message of one meets a message of the other
    found = greenroom.exhaust(two_replicas, checks=greenroom.linearizable(Register()))
    assert isinstance(found.failure.error, greenroom.ClaimBroken)
    assert greenroom.replay(two_replicas, found.failure.schedule, checks=greenroom.linearizable(Register())).failure is not None


def test_a_check_that_asks_for_no_real_time_costs_no_executions():
    held = greenroom.exhaust(two_replicas, checks=greenroom.sequentially_consistent(Register()))
    assert held.exhausted
    assert held.executions == 1


class Orders:
    """Collects which operations ended before which others began; claims nothing."""

    claim = "orders are collected"
    reads_events = False

    def __init__(self):
        self.seen = set()

    def check(self, history):
        found = history.operations
        before = {
            (one.client, one.arguments, other.client, other.arguments) for one in found for other in found if one.answered < other.invoked
        }
        answers = frozenset((each.client, each.arguments, each.result) for each in found)
        self.seen.add((frozenset(before), answers))
        return greenroom.Judgement(greenroom.Verdict.OK, self.claim)


def program(seed):
    """Two or three callers with one to three calls each on one or two cells."""
    generator = random.Random(seed)
    cells = generator.randint(1, 2)
    plans = [
        [
            (generator.randrange(cells), ("read", (caller, number)) if generator.random() < 0.5 else ("write", (caller, number)))
            for number in range(generator.randint(1, 2))
        ]
        for caller in range(generator.choice([2, 2, 3]))
    ]
    if len(plans) == 3:
        plans = [plan[:1] for plan in plans]

    def scenario():
        refs = [Cell.start() for _ in range(cells)]
        callers = [Caller.start(f"c{number}", *((refs[cell], call) for cell, call in plan)) for number, plan in enumerate(plans)]
        pykka.get_all([caller.ask("go", block=False) for caller in callers])
        pykka.ActorRegistry.stop_all()

    return scenario


@pytest.mark.parametrize("seed", range(20))
def test_every_order_that_a_random_search_meets_is_met_by_exhaust(seed):
    scenario = program(seed)
    by_chance, exhausted = Orders(), Orders()
    for policy in ("random", "pct", "pos"):
        greenroom.explore(scenario, executions=250, policy=policy, seed=seed, checks=by_chance).raise_failure()
    report = greenroom.exhaust(scenario, checks=exhausted)
    assert report.exhausted
    assert by_chance.seen <= exhausted.seen


def test_a_whole_call_of_one_client_fits_between_two_calls_of_another():
    def scenario():
        cell = Cell.start()
        callers = [Caller.start("a", (cell, ("read",)), (cell, ("read",))), Caller.start("b", (cell, ("read",)))]
        pykka.get_all([caller.ask("go", block=False) for caller in callers])
        pykka.ActorRegistry.stop_all()

    class Between(Orders):
        def check(self, history):
            first, second, other = sorted(history.operations, key=lambda each: (each.client, each.invoked))
            self.seen.add(first.answered < other.invoked and other.answered < second.invoked)
            return greenroom.Judgement(greenroom.Verdict.OK, self.claim)

    between = Between()
    greenroom.exhaust(scenario, checks=between)
    assert True in between.seen
