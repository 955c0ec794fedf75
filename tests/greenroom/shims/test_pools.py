"""Thread pools inside tasks."""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.thread
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed, wait

import pykka
import pytest

import greenroom


def test_a_pool_maps_submits_waits_and_completes(same_on_threads):
    def scenario():
        with ThreadPoolExecutor(max_workers=2) as pool:
            futures = [pool.submit(lambda x: x * x, number) for number in range(4)]
            done, pending = wait(futures)
            failing = pool.submit(int, "no number")
            return (
                tuple(pool.map(lambda x: x + 1, range(3))),
                tuple(sorted(future.result() for future in as_completed(futures))),
                len(done),
                len(pending),
                type(failing.exception()).__name__,
            )

    assert same_on_threads(scenario) == ((1, 2, 3), (0, 1, 4, 9), 4, 0, "ValueError")


def test_results_that_are_late_time_out(outcomes):
    def scenario():
        with ThreadPoolExecutor(max_workers=1) as pool:
            future = pool.submit(time.sleep, 5)
            with pytest.raises(concurrent.futures.TimeoutError):
                future.result(timeout=1)
            cancelled = pool.submit(int).cancel()
        return cancelled, future.done()

    assert outcomes(scenario) == {(True, True)}


def test_two_pools_that_are_used_by_two_actors_do_not_block_the_process(outcomes):
    class Using(pykka.ThreadingActor):
        def on_receive(self, message):
            with ThreadPoolExecutor(max_workers=2) as pool:
                return sum(pool.map(lambda x: x, range(message)))

    def scenario():
        users = [Using.start() for _ in range(2)]
        sums = pykka.get_all([user.ask(3, block=False) for user in users])
        pykka.ActorRegistry.stop_all()
        return tuple(sums)

    assert outcomes(scenario, executions=60) == {(3, 3)}


def test_the_order_of_finished_futures_does_not_hang_on_their_addresses():
    def scenario():
        with ThreadPoolExecutor(max_workers=3) as pool:
            futures = [pool.submit(int, number) for number in range(8)]
            wait(futures)
            return [future.result() for future in as_completed(futures)], [future.result() for future in wait(futures).done]

    first = greenroom.run(scenario)
    padding = [object() for _ in range(1001)]
    again = greenroom.run(scenario)
    assert first.result == again.result
    assert str(first.history) == str(again.history)
    assert padding


def test_the_threads_of_a_pool_are_named_by_the_stage():
    def scenario():
        with ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(lambda: threading.current_thread().name).result()

    assert [greenroom.run(scenario).result for _ in range(2)] == ["ThreadPoolExecutor-0_0"] * 2


def test_a_worker_that_waits_for_its_own_pool_is_a_deadlock(failure_of):
    def scenario():
        with ThreadPoolExecutor(max_workers=1) as pool:
            pool.submit(lambda: pool.submit(int).result()).result()

    assert isinstance(failure_of(scenario).error, greenroom.Deadlock)


def test_python_does_not_join_the_threads_of_a_pool_that_was_left_open():
    def scenario():
        ThreadPoolExecutor(2).submit(int).result()

    greenroom.run(scenario, ignore=[greenroom.LeftBehind])
    assert not [thread for thread in concurrent.futures.thread._threads_queues if hasattr(thread, "_greenroom_task")]
