"""Time inside tasks is virtual, in whole nanoseconds, and moves only when nothing can run."""

from __future__ import annotations

import time
from time import sleep

import pytest

import greenroom


def test_an_hour_passes_at_once_and_exactly():
    def scenario():
        before = (time.time(), time.monotonic(), time.perf_counter(), time.time_ns(), time.monotonic_ns(), time.perf_counter_ns())
        sleep(3600)
        after = (time.time(), time.monotonic(), time.perf_counter(), time.time_ns(), time.monotonic_ns(), time.perf_counter_ns())
        return [late - early for early, late in zip(before, after, strict=True)]

    assert greenroom.run(scenario).result == [3600, 3600, 3600, 3600 * 10**9, 3600 * 10**9, 3600 * 10**9]


def test_many_short_naps_are_as_long_as_one():
    def scenario():
        before = time.monotonic_ns()
        for _ in range(1000):
            time.sleep(0.1)
        return time.monotonic_ns() - before

    assert greenroom.run(scenario).result == 100 * 10**9


def test_time_stands_still_while_tasks_compute():
    def scenario():
        before = time.monotonic()
        sum(range(100_000))
        return time.monotonic() - before

    assert greenroom.run(scenario).result == 0


def test_every_execution_begins_at_the_same_instant():
    def scenario():
        return time.time(), time.strftime("%Y-%m-%d", time.gmtime()), time.gmtime().tm_year, time.localtime().tm_year, time.ctime()[-4:]

    assert greenroom.run(scenario).result == (
        1_704_067_200.0,
        "2024-01-01",
        2024,
        time.localtime(1_704_067_200).tm_year,
        time.ctime(1_704_067_200)[-4:],
    )


def test_a_negative_sleep_is_refused(same_on_threads):
    def scenario():
        with pytest.raises(ValueError, match="non-negative"):
            time.sleep(-1)
        return True

    assert same_on_threads(scenario)


def test_default_arguments_are_virtual_too():
    def wait(seconds, sleep=time.sleep, *, clock=time.monotonic):
        before = clock()
        sleep(seconds)
        return clock() - before

    class Service:
        nap = time.sleep
        clock = staticmethod(time.monotonic)

    def scenario():
        service = Service()
        before = service.clock()
        service.nap(7)
        return wait(500), service.clock() - before

    assert greenroom.run(scenario).result == (500, 507)
