"""queue's queues inside tasks behave as queue's own."""

from __future__ import annotations

import queue
import threading
import time

import pytest

import greenroom


@pytest.mark.parametrize(
    ("kind", "order"),
    [
        (queue.Queue, (3, 1, 2)),
        (queue.LifoQueue, (2, 1, 3)),
        (queue.PriorityQueue, (1, 2, 3)),
        (queue.SimpleQueue, (3, 1, 2)),
    ],
)
def test_each_kind_of_queue_has_its_order(same_on_threads, kind, order):
    name = kind.__name__

    def scenario():
        items = getattr(queue, name)()
        for item in (3, 1, 2):
            items.put(item)
        sizes = (items.qsize(), items.empty())
        got = (items.get(), items.get(timeout=1), items.get_nowait())
        with pytest.raises(queue.Empty):
            items.get_nowait()
        with pytest.raises(queue.Empty):
            items.get(timeout=0.01)
        return sizes, got, items.empty()

    assert same_on_threads(scenario) == ((3, False), order, True)


def test_a_full_queue_makes_its_putter_wait(same_on_threads):
    def scenario():
        items = queue.Queue(maxsize=1)
        items.put("first")
        full = items.full()
        for put in (lambda: items.put_nowait("x"), lambda: items.put("x", timeout=0.01), lambda: items.put("x", block=False)):
            with pytest.raises(queue.Full):
                put()
        putter = threading.Thread(target=items.put, args=("second",))
        putter.start()
        got = (items.get(), items.get())
        putter.join()
        return full, got

    assert same_on_threads(scenario) == (True, ("first", "second"))


def test_join_waits_until_all_tasks_are_done(same_on_threads):
    def scenario():
        items, done = queue.Queue(), []

        def work():
            for _ in range(3):
                done.append(items.get())
                items.task_done()

        items.join()
        for item in range(3):
            items.put(item)
        worker = threading.Thread(target=work)
        worker.start()
        items.join()
        seen = tuple(done)
        worker.join()
        with pytest.raises(ValueError, match="too many"):
            items.task_done()
        return seen

    assert same_on_threads(scenario) == (0, 1, 2)


def test_join_can_come_before_the_work_it_should_wait_for(outcomes):
    def scenario():
        items, go, done = queue.Queue(), threading.Event(), []

        def work():
            go.wait()
            items.put("work")
            items.get()
            done.append("done")
            items.task_done()

        worker = threading.Thread(target=work)
        worker.start()
        go.set()
        items.join()
        seen = tuple(done)
        worker.join()
        return seen

    assert outcomes(scenario) == {(), ("done",)}


def test_a_bad_timeout_is_refused(same_on_threads):
    def scenario():
        items = queue.Queue(1)
        with pytest.raises(ValueError, match="non-negative"):
            items.get(timeout=-1)
        items.put(1)
        with pytest.raises(ValueError, match="non-negative"):
            items.put(2, timeout=-1)
        return True

    assert same_on_threads(scenario)


def test_a_queue_can_be_emptied_under_its_mutex(same_on_threads):
    def scenario():
        items = queue.Queue()
        items.put(1)
        with items.mutex:
            items.queue.clear()
        return items.empty()

    assert same_on_threads(scenario) is True


def test_a_queue_that_the_program_derived_works(outcomes):
    class Unique(queue.Queue):
        def _put(self, item):
            if item not in self.queue:
                super()._put(item)

    def scenario():
        items = Unique()
        putters = [threading.Thread(target=items.put, args=("same",)) for _ in range(2)]
        for putter in putters:
            putter.start()
        for putter in putters:
            putter.join()
        got = items.get()
        return got, items.empty()

    assert outcomes(scenario) == {("same", True)}


def test_a_timeout_of_a_queue_is_virtual():
    def scenario():
        started = time.monotonic()
        with pytest.raises(queue.Empty):
            queue.Queue().get(timeout=3600)
        return time.monotonic() - started

    assert greenroom.run(scenario).result == 3600


def test_a_consumer_that_nobody_feeds_is_a_deadlock(failure_of):
    def scenario():
        queue.Queue().get()

    failure = failure_of(scenario)
    assert type(failure.error) is greenroom.Deadlock
    assert "main waits in get() of Queue-1" in str(failure.error)


@pytest.mark.skipif(not hasattr(queue.Queue, "shutdown"), reason="queues can be shut down from Python 3.13 on")
class TestShutdown:
    @pytest.mark.parametrize("immediate", [False, True])
    def test_those_who_wait_are_told_and_what_is_there_is_served_or_dropped(self, same_on_threads, immediate):
        def scenario():
            full, empty, told = queue.Queue(1), queue.Queue(), []
            full.put("first")

            def ends(operation):
                try:
                    operation()
                except queue.ShutDown:
                    told.append("shut down")

            threads = [threading.Thread(target=ends, args=(operation,)) for operation in (lambda: full.put("second"), empty.get)]
            for thread in threads:
                thread.start()
            time.sleep(0.05)
            full.shutdown(immediate)
            empty.shutdown(immediate)
            for thread in threads:
                thread.join()
            for operation in (full.get, full.get, lambda: empty.put(1), lambda: empty.put(1, timeout=1), lambda: empty.get(timeout=1)):
                ends(operation)
            return len(told), full.is_shutdown, full.unfinished_tasks

        assert same_on_threads(scenario) == ((7, True, 0) if immediate else (6, True, 1))

    def test_at_once_it_lets_those_go_who_wait_for_the_work(self, same_on_threads):
        def scenario():
            work = queue.Queue()
            work.put("never done")
            thread = threading.Thread(target=work.join)
            thread.start()
            work.shutdown(immediate=True)
            thread.join()
            return work.qsize()

        assert same_on_threads(scenario) == 0
