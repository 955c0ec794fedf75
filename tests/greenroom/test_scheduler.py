"""Which interleavings exist: none that real threads could not show, and none of theirs is lost by merging steps."""

from __future__ import annotations

import queue
import threading
import time

import pykka
import pytest

import greenroom
from tests.greenroom.racing import in_threads


class Cell(pykka.ThreadingActor):
    """Remembers what it was told; asked for "all", gives it back."""

    def __init__(self):
        super().__init__()
        self.told = []

    def on_receive(self, message):
        if message == "all":
            return tuple(self.told)
        return self.told.append(message)


def test_two_senders_reach_an_inbox_in_both_orders_and_each_in_its_own(outcomes):
    def scenario():
        cell = Cell.start()
        in_threads(lambda: [cell.tell("a1"), cell.tell("a2")], lambda: cell.tell("b"))
        told = cell.ask("all")
        cell.stop()
        return told

    assert outcomes(scenario) == {("a1", "a2", "b"), ("a1", "b", "a2"), ("b", "a1", "a2")}


def test_two_critical_sections_can_be_split(outcomes):
    def scenario():
        lock, account = threading.Lock(), {"balance": 0}

        def deposit():
            with lock:
                balance = account["balance"]
            with lock:
                account["balance"] = balance + 1

        in_threads(deposit, deposit)
        return account["balance"]

    assert outcomes(scenario) == {1, 2}


def test_one_critical_section_cannot_be_split(outcomes):
    def scenario():
        lock, account = threading.Lock(), {"balance": 0}

        def deposit():
            with lock:
                balance = account["balance"]
                time.sleep(1)
                account["balance"] = balance + 1

        in_threads(deposit, deposit)
        return account["balance"]

    assert outcomes(scenario) == {2}


def test_locks_taken_in_opposite_orders_deadlock(failure_of):
    def scenario():
        one, two = threading.Lock(), threading.Lock()

        def both(first, second):
            with first, second:
                pass

        in_threads(lambda: both(one, two), lambda: both(two, one))

    assert isinstance(failure_of(scenario).error, greenroom.Deadlock)


def test_locks_taken_in_one_order_do_not_deadlock(outcomes):
    def scenario():
        one, two = threading.Lock(), threading.RLock()

        def both():
            with one, two, two:
                pass

        in_threads(both, both, both)

    assert outcomes(scenario) == {None}


def test_who_only_tries_a_lock_can_find_it_taken_although_nothing_happens_inside(outcomes):
    def scenario():
        lock, got = threading.Lock(), []

        def attempt():
            got.append(lock.acquire(blocking=False))
            if got[-1]:
                lock.release()

        in_threads(attempt, attempt)
        return tuple(sorted(got))

    assert outcomes(scenario) == {(False, True), (True, True)}


def test_what_comes_before_a_release_is_seen_before_it(outcomes):
    def scenario():
        items, slots = queue.Queue(), threading.Semaphore(0)

        def produce():
            items.put("item")
            slots.release()

        producer = threading.Thread(target=produce)
        producer.start()
        items.get()
        free = slots.acquire(blocking=False)
        producer.join()
        return free

    assert outcomes(scenario) == {False, True}


def test_a_thread_can_still_be_alive_after_its_last_word(outcomes):
    def scenario():
        words = queue.Queue()
        thread = threading.Thread(target=words.put, args=("last",))
        thread.start()
        words.get()
        alive = thread.is_alive()
        thread.join()
        return alive, thread.is_alive()

    assert outcomes(scenario) == {(False, False), (True, False)}


def test_a_reply_can_lag_behind_what_its_handler_sent(outcomes):
    class Forwarding(pykka.ThreadingActor):
        def on_receive(self, other):
            other.set("forwarded")
            return "replied"

    def scenario():
        forwarding, signal = Forwarding.start(), pykka.ThreadingFuture()
        reply = forwarding.ask(signal, block=False)
        signal.get()
        try:
            got = reply.get(timeout=0)
        except pykka.Timeout:
            got = "not yet"
        reply.get()
        forwarding.stop()
        return got

    assert outcomes(scenario) == {"not yet", "replied"}


def test_a_tell_can_come_between_the_alive_check_and_the_stop(outcomes):
    def scenario():
        cell = Cell.start()
        outcome = []

        def tell():
            try:
                reply = cell.ask("all", block=False)
                outcome.append(reply.get(timeout=5))
            except pykka.ActorDeadError as error:
                outcome.append("refused" if "not found" in str(error) else "drained")
            except pykka.Timeout:
                outcome.append("lost")

        in_threads(tell, cell.stop)
        return outcome[0]

    assert outcomes(scenario) == {(), "refused", "drained", "lost"}


def test_a_deadline_and_a_wake_at_the_same_instant_race(outcomes):
    class Slow(pykka.ThreadingActor):
        def on_receive(self, message):
            time.sleep(1)
            return "in time"

    def scenario():
        slow = Slow.start()
        try:
            result = slow.ask("go", timeout=1)
        except pykka.Timeout:
            result = "too late"
        slow.stop()
        return result

    assert outcomes(scenario) == {"in time", "too late"}


def test_a_lock_whose_holder_lets_go_at_the_deadline_goes_to_either(outcomes):
    def scenario():
        lock, got = threading.Lock(), []

        def hold():
            with lock:
                time.sleep(1)

        def want(seconds):
            if lock.acquire(timeout=seconds):
                got.append(seconds)
                time.sleep(1)
                lock.release()

        holder = threading.Thread(target=hold)
        holder.start()
        time.sleep(0.5)
        in_threads(lambda: want(0.5), lambda: want(3))
        holder.join()
        return tuple(got)

    # At 1 s the lock is free: the one who waits until then may get it first, or too late; the patient one always gets it.
    assert outcomes(scenario) == {(3,), (0.5, 3)}


def test_timeouts_strike_only_when_nothing_can_run(outcomes):
    class Working(pykka.ThreadingActor):
        def on_receive(self, message):
            if message:
                return self.helper.ask(message - 1) if message % 2 else message
            return 0

        def on_start(self):
            self.helper = Cell.start()

        def on_stop(self):
            self.helper.stop()

    def scenario():
        working = Working.start()
        for number in range(5):
            working.ask(number, timeout=0.001)
        working.stop()
        return "all in time"

    assert outcomes(scenario) == {"all in time"}


def test_explored_timers_let_a_timeout_strike_at_any_point(outcomes):
    class Ledger(Cell):
        pass

    class Gateway(pykka.ThreadingActor):
        def on_receive(self, ledger):
            ledger.tell("charged")
            return "answered"

    def scenario():
        ledger = Ledger.start()
        gateway = Gateway.start()
        try:
            answer = gateway.ask(ledger, timeout=1)
        except pykka.Timeout:
            answer = "timed out"
        charged = ledger.ask("all")
        gateway.stop()
        ledger.stop()
        return answer, charged

    assert outcomes(scenario) == {("answered", ("charged",))}
    explored = outcomes(scenario, timers="explored")
    assert explored == {("answered", ("charged",)), ("timed out", ()), ("timed out", ("charged",))}


def test_a_short_nap_can_start_too_late_only_where_timers_are_explored(outcomes):
    def scenario():
        woken = []

        def nap(seconds):
            time.sleep(seconds)
            woken.append(seconds)

        in_threads(lambda: nap(2), lambda: nap(1))
        return tuple(woken)

    assert outcomes(scenario) == {(1, 2)}
    assert outcomes(scenario, timers="explored") == {(1, 2), (2, 1)}


def test_sleeping_for_no_time_lets_others_go_first_and_starves_nobody():
    def scenario():
        done = []

        def poll():
            while not done:
                time.sleep(0)

        in_threads(poll, poll, lambda: done.append(True))

    assert greenroom.explore(scenario, executions=200).ok


def test_a_task_that_polls_without_pause_starves_nobody():
    def scenario():
        done = threading.Event()

        def poll():
            while not done.is_set():
                pass

        in_threads(poll, poll, done.set)

    for policy in ("portfolio", "fifo", "random", "pct:5", "pos"):
        assert greenroom.explore(scenario, executions=100, policy=policy).ok


def test_the_default_order_runs_on_and_then_serves_the_first_come():
    def scenario():
        cell = Cell.start()
        in_threads(lambda: [cell.tell("a1"), cell.tell("a2")], lambda: [cell.tell("b1"), cell.tell("b2")])
        told = cell.ask("all")
        cell.stop()
        return told

    assert greenroom.run(scenario).result == ("a1", "a2", "b1", "b2")


def test_a_daemon_that_never_rests_ends_with_the_scenario():
    def tick():
        while True:
            time.sleep(1)

    class Heart(pykka.ThreadingActor):
        use_daemon_thread = True

        def on_receive(self, message):
            time.sleep(1)
            self.actor_ref.tell(message)

    def scenario():
        threading.Thread(target=tick, daemon=True).start()
        Heart.start().tell("beat")
        time.sleep(10)

    report = greenroom.explore(scenario, executions=20)
    assert report.ok
    assert report.steps < 20 * 200


def test_a_thread_that_is_no_daemon_runs_to_its_end_after_the_scenario():
    ends = []

    def scenario():
        threading.Timer(5, ends.append, ["fired"]).start()

    assert greenroom.run(scenario).virtual_s == 5
    assert ends == ["fired"]


def test_what_the_policy_raises_is_raised_to_the_caller():
    class Broken:
        def begin(self, execution):
            pass

        def choose(self, options):
            raise LookupError("no idea")

        def choose_value(self, count):
            raise LookupError("no idea")

    def scenario():
        in_threads(lambda: None, lambda: None)

    with pytest.raises(LookupError, match="no idea"):
        greenroom.explore(scenario, policy=Broken())
    with pytest.raises(LookupError, match="no idea"):
        greenroom.explore(lambda: greenroom.choose(1, 2), policy=Broken())


def test_a_primitive_that_outlives_its_execution_is_named_when_it_would_have_to_wait():
    kept = []

    def scenario():
        if not kept:
            kept.append(threading.Lock())
            kept[0].acquire()
        else:
            kept[0].acquire()

    greenroom.run(scenario)
    with pytest.raises(greenroom.StageClosed, match="Lock-1 was made in an earlier execution"):
        greenroom.run(scenario)


def test_outside_every_task_nothing_can_wait():
    future = greenroom.run(pykka.ThreadingFuture).result
    with pytest.raises(greenroom.StageError):
        future.get()
