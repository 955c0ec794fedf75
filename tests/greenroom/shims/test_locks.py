"""threading's primitives inside tasks behave as threading's own."""

from __future__ import annotations

import threading
import time

import pytest

import greenroom
from tests.greenroom.racing import in_threads


def refused(error, function, *args, **kwargs):
    with pytest.raises(error):
        function(*args, **kwargs)
    return True


def test_a_lock_is_held_once(same_on_threads):
    def scenario():
        lock = threading.Lock()
        with lock:
            inside = (lock.locked(), lock.acquire(blocking=False), lock.acquire(timeout=0.01))
        return (
            *inside,
            lock.locked(),
            lock.acquire(),
            refused(ValueError, lock.acquire, False, 1),
            refused(ValueError, lock.acquire, True, -2),
            lock.release(),
            refused(RuntimeError, lock.release),
        )

    assert same_on_threads(scenario) == (True, False, False, False, True, True, True, None, True)


def test_another_task_may_release_a_lock_but_not_an_rlock(same_on_threads):
    def scenario():
        lock, rlock, results = threading.Lock(), threading.RLock(), []

        def release():
            lock.release()
            results.append(refused(RuntimeError, rlock.release))

        lock.acquire()
        rlock.acquire()
        in_threads(release)
        rlock.release()
        return lock.locked(), tuple(results), refused(RuntimeError, rlock.release)

    assert same_on_threads(scenario) == (False, (True,), True)


def test_an_rlock_is_held_as_often_as_its_owner_likes(same_on_threads):
    def scenario():
        rlock, got = threading.RLock(), []
        with rlock, rlock:
            in_threads(lambda: got.append(rlock.acquire(blocking=False)))
        in_threads(lambda: got.append(rlock.acquire(blocking=False)))
        return tuple(got)

    assert same_on_threads(scenario) == (False, True)


def test_a_condition_wakes_in_the_order_of_waiting(outcomes):
    def scenario():
        condition, woken, waiting = threading.Condition(), [], []

        def wait(name):
            with condition:
                waiting.append(name)
                condition.wait()
                woken.append(name)

        threads = [threading.Thread(target=wait, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        while len(waiting) < 3:
            time.sleep(0.1)
        for expected in (1, 2, 3):
            with condition:
                condition.notify()
            while len(woken) < expected:
                time.sleep(0.1)
        for thread in threads:
            thread.join()
        return waiting == woken

    assert outcomes(scenario, executions=100) == {True}


def test_a_condition_waits_for_a_predicate_or_a_timeout(same_on_threads):
    def scenario():
        condition, items = threading.Condition(threading.Lock()), []

        def produce():
            for item in range(3):
                with condition:
                    items.append(item)
                    condition.notify_all()

        with condition:
            late = condition.wait_for(lambda: len(items) > 9, timeout=0.01)
            at_once = condition.wait(timeout=0)
        producer = threading.Thread(target=produce)
        producer.start()
        with condition:
            got = condition.wait_for(lambda: len(items) == 3, timeout=30)
        producer.join()
        return late, at_once, got, refused(RuntimeError, condition.wait), refused(RuntimeError, condition.notify)

    assert same_on_threads(scenario) == (False, False, True, True, True)


def test_a_lost_wake_up_is_found(failure_of):
    def scenario():
        condition, ready = threading.Condition(), []

        def wait():
            if not ready:  # looked at outside the lock: the notification can come in between
                with condition:
                    condition.wait()

        waiter = threading.Thread(target=wait)
        waiter.start()
        with condition:
            ready.append(True)
            condition.notify()
        waiter.join()

    failure = failure_of(scenario)
    assert isinstance(failure.error, greenroom.Deadlock)
    assert "waits to be notified by Condition-1" in str(failure.error)


def test_an_event_is_set_cleared_and_waited_for(same_on_threads):
    def scenario():
        event, seen = threading.Event(), []
        before = (event.is_set(), event.wait(0.01), event.wait(0))
        waiters = [threading.Thread(target=lambda: seen.append(event.wait(30))) for _ in range(2)]
        for waiter in waiters:
            waiter.start()
        event.set()
        for waiter in waiters:
            waiter.join()
        result = (*before, tuple(seen), event.is_set(), event.wait())
        event.clear()
        return *result, event.is_set()

    assert same_on_threads(scenario) == (False, False, False, (True, True), True, True, False)


def test_an_event_that_is_set_at_the_deadline_was_set_in_time_or_not(outcomes):
    def scenario():
        event = threading.Event()
        timer = threading.Timer(1, event.set)
        timer.start()
        result = event.wait(1)
        timer.join()
        return result

    assert outcomes(scenario) == {True, False}


def test_a_semaphore_admits_so_many(outcomes):
    def scenario():
        semaphore, inside, most = threading.Semaphore(2), [], []

        def work():
            with semaphore:
                inside.append(1)
                most.append(len(inside))
                time.sleep(1)
                inside.pop()

        in_threads(work, work, work)
        return max(most)

    assert outcomes(scenario) == {2}


def test_semaphores_refuse_nonsense(same_on_threads):
    def scenario():
        bounded, plain = threading.BoundedSemaphore(1), threading.Semaphore(0)
        return (
            refused(ValueError, threading.Semaphore, -1),
            refused(ValueError, bounded.release),
            refused(ValueError, plain.release, 0),
            refused(ValueError, plain.acquire, False, 1),
            plain.acquire(timeout=0.01),
            plain.acquire(timeout=0),
            plain.release(2),
            plain.acquire(),
            plain.acquire(blocking=False),
            plain.acquire(blocking=False),
        )

    assert same_on_threads(scenario) == (True, True, True, True, False, False, None, True, True, False)


def test_a_barrier_lets_all_go_together_and_breaks_on_timeout(same_on_threads):
    def scenario():
        barrier, order = threading.Barrier(3, action=lambda: order.append("action")), []

        def arrive():
            place = barrier.wait()
            order.append(place)

        in_threads(arrive, arrive, arrive)
        first = order[0], tuple(sorted(order[1:]))
        broken = refused(threading.BrokenBarrierError, barrier.wait, 0.01)
        return first, broken, barrier.broken

    assert same_on_threads(scenario) == (("action", (0, 1, 2)), True, True)


def test_names_are_counted_by_kind_and_tell_where_they_were_made():
    def scenario():
        locks = [threading.Lock(), threading.RLock(), threading.Event(), threading.Condition(), threading.Semaphore(), threading.Lock()]
        return [lock.greenroom_name for lock in locks], locks[0].greenroom_origin

    names, origin = greenroom.run(scenario).result
    assert names == ["Lock-1", "RLock-1", "Event-1", "Condition-1", "Semaphore-1", "Lock-2"]
    assert origin.startswith(f"{__file__}:")


def test_isinstance_knows_both_worlds():
    outside = threading.Event()

    def scenario():
        inside = threading.Event()
        return isinstance(inside, threading.Event), isinstance(outside, threading.Event), issubclass(type(inside), threading.Event)

    assert greenroom.run(scenario).result == (True, True, True)


def test_a_subclass_that_was_written_before_the_stage_works_on_it(outcomes):
    class Flag(threading.Event):
        def raise_flag(self):
            self.set()

    def scenario():
        flag = Flag()
        raiser = threading.Thread(target=flag.raise_flag)
        raiser.start()
        result = flag.wait()
        raiser.join()
        return result

    assert outcomes(scenario) == {True}
