"""Executions leave nothing behind: a smaller version of what benchmarks/memory.py measures."""

from __future__ import annotations

import collections
import gc
import sys

import pykka

import greenroom
from greenroom.task import Task
from tests.garbage import new_objects_alone


class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        return message


def scenario():
    echoes = [Echo.start() for _ in range(2)]
    assert [echo.ask("a") for echo in echoes] == ["a", "a"]
    for echo in echoes:
        echo.stop()


def dies():
    echo = Echo.start()
    echo.ask("a")
    raise LookupError


def explore(executions, program=scenario, **options):
    greenroom.explore(program, executions=executions, policy="random", **options)
    gc.collect()


def test_allocated_blocks_do_not_grow_with_executions():
    explore(500)
    before = sys.getallocatedblocks()
    explore(3_000)
    assert sys.getallocatedblocks() - before < 300  # a tenth of a block for each execution would be a leak


def test_no_object_of_an_execution_outlives_the_exploration():
    kinds = (greenroom.Stage, greenroom.History, Task, Echo, pykka.ActorRef, pykka.Future)

    def alive():
        return collections.Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, kinds))

    explore(50)
    before = alive()
    explore(300)
    assert alive() - before == collections.Counter()


def test_failing_executions_leave_nothing_either():
    with new_objects_alone():
        explore(1, dies)
        before = sys.getallocatedblocks()
        for _ in range(40):
            explore(1, dies)
        assert sys.getallocatedblocks() - before < 200


def test_a_history_that_is_not_looked_at_keeps_no_actor_alive():
    before = sum(isinstance(thing, Task) for thing in gc.get_objects())
    execution = greenroom.run(scenario)
    gc.collect()
    assert sum(isinstance(thing, Task) for thing in gc.get_objects()) <= before
    assert len(execution.history) == len(execution.history.events) > 10
