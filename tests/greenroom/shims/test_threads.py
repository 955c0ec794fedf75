"""Threads that a task starts are tasks."""

from __future__ import annotations

import sys
import threading
import time

import pykka
import pytest

import greenroom


def test_a_thread_runs_and_is_joined(same_on_threads):
    def scenario():
        log = []
        thread = threading.Thread(
            target=lambda *args, **kwargs: log.append((args, sorted(kwargs))), args=(1,), kwargs={"k": 2}, name="worker"
        )
        before = (thread.is_alive(), thread.ident)
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
        thread.join(timeout=1)
        return before, log == [((1,), ["k"])], thread.is_alive(), thread.name

    assert same_on_threads(scenario) == ((False, None), True, False, "worker")


def test_a_subclass_of_thread_runs_its_own_run(same_on_threads):
    class Worker(threading.Thread):
        def __init__(self):
            super().__init__(daemon=True)
            self.result = None

        def run(self):
            self.result = threading.current_thread() is self

    def scenario():
        worker = Worker()
        worker.start()
        worker.join()
        return worker.result, worker.daemon

    assert same_on_threads(scenario) == (True, True)


def test_a_join_times_out_while_the_thread_sleeps(outcomes):
    def scenario():
        thread = threading.Thread(target=time.sleep, args=(5,))
        thread.start()
        thread.join(timeout=1)
        thread.join(timeout=0)
        late = thread.is_alive()
        thread.join()
        return late, thread.is_alive(), time.monotonic() - 100_000

    assert outcomes(scenario) == {(True, False, 5.0)}


def test_a_timer_fires_in_time_or_is_cancelled(outcomes):
    def scenario():
        fired = []
        kept, dropped = threading.Timer(3, fired.append, ["kept"]), threading.Timer(4, fired.append, ["dropped"])
        kept.start()
        dropped.start()
        dropped.cancel()
        kept.join()
        dropped.join()
        return tuple(fired), time.monotonic() - 100_000

    assert outcomes(scenario) == {(("kept",), 3.0)}


def test_each_task_has_its_own_thread_object_ident_and_local_values(outcomes):
    def scenario():
        local, seen = threading.local(), []
        local.value = "main"

        def work(value):
            empty = not hasattr(local, "value")
            local.value = value
            time.sleep(1)
            seen.append((empty, local.value == value, threading.get_ident() == threading.current_thread().ident))

        threads = [threading.Thread(target=work, args=(value,)) for value in "ab"]
        for thread in threads:
            thread.start()
        idents = {thread.ident for thread in threads} | {threading.get_ident()}
        for thread in threads:
            thread.join()
        return local.value, tuple(seen), len(idents)

    assert outcomes(scenario) == {("main", ((True, True, True), (True, True, True)), 3)}


def test_local_values_are_no_scheduling_points():
    def scenario():
        local = threading.local()
        for number in range(50):
            local.value = number

    assert greenroom.run(scenario).steps < 5


def test_threads_are_listed_and_counted(outcomes):
    def scenario():
        gate = threading.Event()
        thread = threading.Thread(target=gate.wait, name="waiting")
        thread.start()
        names = sorted(thread.name for thread in threading.enumerate())
        count = threading.active_count()
        gate.set()
        thread.join()
        return tuple(names), count, threading.active_count()

    assert outcomes(scenario) == {(("MainThread", "waiting"), 2, 1)}


def test_nameless_threads_are_counted_by_the_stage_and_not_by_the_process():
    def scenario():
        threads = [threading.Thread(target=time.sleep, args=(0,)), threading.Timer(0, int)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [thread.name for thread in threads]

    first = greenroom.run(scenario)
    threading.Thread(target=int).name  # noqa: B018 - takes a number of the process
    assert greenroom.run(scenario).result == first.result == ["Thread-1 (sleep)", "Thread-2"]


def test_threads_of_one_name_are_told_apart():
    def scenario():
        threads = [threading.Thread(target=time.sleep, args=(1,), name=name) for name in ("same", "same", "main", "")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    tasks = greenroom.run(scenario).history.tasks()
    assert {"main", "same", "same~2", "main~2", "Thread-1"} == set(tasks)


def test_a_thread_that_forgot_to_initialise_is_refused(same_on_threads):
    class Forgetful(threading.Thread):
        def __init__(self):
            pass

    def scenario():
        with pytest.raises(RuntimeError, match="not called"):
            Forgetful().start()
        return True

    assert same_on_threads(scenario)


def test_no_thread_joins_itself(same_on_threads):
    def scenario():
        refused = []

        def work():
            try:
                threading.current_thread().join()
            except RuntimeError as error:
                refused.append(str(error))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return tuple(refused)

    assert same_on_threads(scenario) == ("cannot join current thread",)


def test_an_actor_that_is_shown_as_a_message_has_no_address(outcomes):
    class Teller(pykka.ThreadingActor):
        def on_receive(self, message):
            return repr(message)

    def scenario():
        teller = Teller.start()
        thread = threading.Thread(target=int, name="shown")
        thread.start()
        text = teller.ask(thread)
        thread.join()
        teller.stop()
        return "shown" in text

    assert outcomes(scenario) == {True}


class TestExcepthook:
    """``threading.excepthook``, where the program has set it."""

    @pytest.fixture(autouse=True)
    def _put_back(self, monkeypatch):
        monkeypatch.setattr(threading, "excepthook", threading.excepthook)

    def test_it_gets_the_exception_and_the_thread(self, same_on_threads):
        def scenario():
            seen = []

            def fail():
                raise LookupError("on purpose")

            threading.excepthook = lambda args: seen.append(
                (args.exc_type, str(args.exc_value), args.thread is thread, bool(args.exc_traceback))
            )
            thread = threading.Thread(target=fail)
            thread.start()
            thread.join()
            return seen[0]

        assert same_on_threads(scenario) == (LookupError, "on purpose", True, True)

    def test_it_sees_system_exit_too(self, same_on_threads):
        def scenario():
            seen = []
            threading.excepthook = seen.append
            thread = threading.Thread(target=sys.exit)
            thread.start()
            thread.join()
            return len(seen)

        assert same_on_threads(scenario) == 1

    def test_that_of_a_test_runner_does_not_hide_a_death(self):
        def scenario():
            thread = threading.Thread(target=int, args=("x",))
            thread.start()
            thread.join()

        with pytest.raises(greenroom.ThreadDied, match="ended by ValueError"):
            greenroom.run(scenario)


def test_a_thread_that_outlives_its_stage_can_be_joined_and_is_not_alive():
    threads = []

    def scenario():
        thread = threading.Thread(target=int)
        thread.start()
        threads.append(thread)

    greenroom.run(scenario)
    threads[0].join()
    assert not threads[0].is_alive()
