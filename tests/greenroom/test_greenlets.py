"""Greenlets are used again, and nothing of one task shows in the next."""

from __future__ import annotations

import contextvars
import gc
import threading
import weakref

import greenroom
from greenroom.greenlets import _spare
from greenroom.policies.fifo import Fifo
from greenroom.task import TaskGreenlet
from tests.greenroom.racing import in_threads

WHO = contextvars.ContextVar("who", default="nobody")


def made(run):
    """How many greenlets of tasks come into being while ``run()`` runs."""
    seen = []
    init = TaskGreenlet.__init__

    def counted(self, *args):
        seen.append(1)
        init(self, *args)

    TaskGreenlet.__init__ = counted
    try:
        run()
    finally:
        del TaskGreenlet.__init__
    return len(seen)


def test_many_executions_need_no_more_greenlets_than_one_has_tasks():
    def scenario():
        in_threads(*[lambda: greenroom.checkpoint("row")] * 3)

    assert made(lambda: greenroom.explore(scenario, executions=100, policy="random")) == 4


def test_none_is_left_when_the_shims_are_taken_away():
    def alive():
        gc.collect()
        return sum(type(found) is TaskGreenlet and not found.dead for found in gc.get_objects())

    before = alive()
    greenroom.explore(lambda: in_threads(list, list), executions=10)
    assert _spare.greenlets == []
    assert alive() <= before


def test_a_context_variable_of_one_task_is_not_seen_by_the_next():
    seen = set()

    def scenario():
        def work():
            seen.add(WHO.get())
            WHO.set("somebody")

        in_threads(work, work)
        in_threads(work)

    greenroom.explore(scenario, executions=20, policy="random").raise_failure()
    assert seen == {"nobody"}


def test_a_spare_greenlet_keeps_nothing_of_its_last_task():
    class Kept:
        pass

    kept = []

    def scenario():
        thing = Kept()
        kept.append(weakref.ref(thing))
        in_threads(lambda: thing)

    with greenroom.Stage(Fifo()) as outer:  # so that the shims stay, and with them what is spare
        with greenroom.Stage(Fifo()) as stage:
            stage.spawn("main", scenario)
            stage.run()
        del stage
        gc.collect()
        assert len(_spare.greenlets) == 2
        assert kept[0]() is None
        assert outer.tasks == []


def test_each_thread_has_its_own():
    failures = []

    def explore():
        try:
            greenroom.explore(lambda: in_threads(list, list), executions=20).raise_failure()
        except BaseException as error:  # noqa: BLE001 - told by the assertion below
            failures.append(error)

    for _ in range(3):
        thread = threading.Thread(target=explore)
        thread.start()
        thread.join()
        explore()
    assert failures == []


def test_a_task_that_is_ended_early_gives_its_greenlet_back_as_well():
    def scenario():
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        threading.Thread(target=threading.Event().wait, daemon=True).start()

    assert made(lambda: greenroom.explore(scenario, executions=50)) <= 3
