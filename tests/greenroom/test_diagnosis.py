"""Each detector accepts the programs that keep the promise and rejects, in the words of the program, those that break it."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
import traceback

import pykka
import pytest

import greenroom


class Node(pykka.ThreadingActor):
    """Asks on along the path that it is handed."""

    def on_receive(self, path):
        return path[0].ask(path[1:]) if path else "end"


class Fragile(pykka.ThreadingActor):
    def on_receive(self, message):
        raise ValueError(message)


class Watched(Fragile):
    def on_failure(self, exception_type, exception_value, traceback):
        pass


def stop_all():
    pykka.ActorRegistry.stop_all()


# -- deadlock -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [2, 3])
def test_a_cycle_of_asks_names_who_waits_for_whom(failure_of, length):
    def scenario():
        nodes = [Node.start() for _ in range(length)]
        nodes[0].ask([*nodes[1:], nodes[0]])
        stop_all()

    error = failure_of(scenario).error
    assert type(error) is greenroom.Deadlock
    first, *lines = str(error).splitlines()
    names = [f"Node-{number}" for number in range(1, length + 1)]
    assert set(first.split(" waits for ")) == set(names)
    assert first.count(" waits for ") == length
    assert any("Node-1, handling message #1" in line and "waits for the reply of Node-2" in line for line in lines)
    assert any("inbox of Node-1" in line for line in lines)
    assert any(line.strip().startswith("main waits for the reply of Node-1") for line in lines)


def test_a_path_that_ends_is_no_deadlock(outcomes):
    def scenario():
        nodes = [Node.start() for _ in range(4)]
        answer = nodes[0].ask(nodes[1:])
        stop_all()
        return answer

    assert outcomes(scenario) == {"end"}


def test_an_ask_to_itself_is_named(failure_of):
    class Selfish(pykka.ThreadingActor):
        def on_receive(self, message):
            return self.actor_ref.ask("again") if message == "first" else message

    def scenario():
        Selfish.start().ask("first")

    error = failure_of(scenario).error
    assert type(error) is greenroom.SelfAsk
    assert str(error).startswith("Selfish-1 waits for itself")
    assert "still in its inbox, place 1" in str(error)


def test_an_actor_that_dies_as_it_starts_is_not_said_to_have_been_told_anything(failure_of):
    class Unready(pykka.ThreadingActor):
        def on_start(self):
            raise OSError("no disk")

    def scenario():
        with contextlib.suppress(pykka.ActorDeadError):
            Unready.start().ask("anything")

    error = failure_of(scenario).error
    assert type(error) is greenroom.ActorDied
    assert str(error).startswith("Unready-1 died of OSError('no disk') in on_start; no message is there")


def test_an_error_that_nobody_saw_calls_actors_by_their_names(failure_of):
    def scenario():
        node = Node.start()
        node.stop()
        thread = threading.Thread(target=lambda: node.tell([]), name="late")
        thread.start()
        thread.join()

    failure = failure_of(scenario)
    assert str(failure.error).startswith("thread late ended by ActorDeadError('Node-1 not found'), and nothing saw it")
    assert failure.confirm().confirmed is True


def test_a_condition_is_said_to_be_made_where_the_program_makes_it(failure_of):
    def scenario():
        condition = threading.Condition()
        with condition:
            condition.wait()

    def meeting():
        threading.Barrier(2).wait()

    for waits in (scenario, meeting):
        assert "Condition-1 (made at test_diagnosis.py:" in str(failure_of(waits).error)


def test_a_reply_that_was_taken_and_dropped_never_comes(failure_of):
    class Forgetful(pykka.ThreadingActor):
        def on_receive(self, promise):
            if promise is not None:
                self.promise = promise

    def scenario():
        promise = pykka.ThreadingFuture()
        ref = Forgetful.start()
        ref.tell(promise)
        promise.get()

    error = failure_of(scenario).error
    assert type(error) is greenroom.ReplyNeverComes
    assert "no task is left that could set its future" in str(error)


def test_pykkas_own_stop_race_is_found_soon(failure_of):
    class Closer(pykka.ThreadingActor):
        def on_receive(self, ref):
            ref.stop()

    def scenario():
        node, closer = Node.start(), Closer.start()
        closer.tell(node)
        with contextlib.suppress(pykka.ActorDeadError):
            node.ask([])
        closer.stop()

    counts = [greenroom.explore(scenario, seed=seed, executions=200, shrink=False).executions_to_failure for seed in range(20)]
    assert None not in counts
    assert max(counts) < 50
    assert statistics.median(counts) < 25
    error = failure_of(scenario).error
    assert type(error) is greenroom.ReplyNeverComes
    assert "passed the alive check of Node-1" in str(error)
    assert "nobody will ever read it" in str(error)


def test_an_actor_that_quits_by_system_exit_never_answers(failure_of):
    class Quitting(pykka.ThreadingActor):
        def on_receive(self, message):
            raise SystemExit

    def scenario():
        Quitting.start().ask("anyone?")

    error = failure_of(scenario).error
    assert type(error) is greenroom.ReplyNeverComes
    assert "Quitting-1 ended without answering" in str(error)


def test_an_inbox_that_nobody_reads_is_named(failure_of):
    class Unstarted(pykka.ThreadingActor):
        pass

    def scenario():
        Unstarted().actor_ref.ask("hello")

    error = failure_of(scenario).error
    assert type(error) is greenroom.ReplyNeverComes
    assert "never runs, so nobody answers" in str(error)


def test_a_cycle_of_locks_names_locks_and_holders(failure_of):
    def scenario():
        one, two = threading.Lock(), threading.Lock()

        def both(first, second):
            with first, second:
                pass

        threads = [threading.Thread(target=both, args=pair, name=name) for pair, name in (((one, two), "left"), ((two, one), "right"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    text = str(failure_of(scenario).error)
    assert "left waits for Lock-2 (held by right; made at test_diagnosis.py:" in text
    assert "right waits for Lock-1 (held by left; made at test_diagnosis.py:" in text
    assert "main waits for left to end" in text


def test_a_lock_taken_twice_is_waiting_for_oneself(failure_of):
    def scenario():
        lock = threading.Lock()
        with lock, lock:
            pass

    error = failure_of(scenario).error
    assert type(error) is greenroom.SelfAsk
    assert str(error).startswith("main waits for itself")


def test_joining_a_thread_that_never_ends_is_a_deadlock(failure_of):
    def scenario():
        gate = threading.Event()
        thread = threading.Thread(target=gate.wait, name="patient")
        thread.start()
        thread.join()

    error = failure_of(scenario).error
    assert isinstance(error, greenroom.Deadlock)
    assert "main waits for patient to end" in str(error)


def test_a_daemon_that_waits_for_ever_is_no_deadlock(outcomes):
    class Background(pykka.ThreadingActor):
        use_daemon_thread = True

        def on_receive(self, message):
            message.wait()

    def scenario():
        Background.start().tell(threading.Event())
        threading.Thread(target=threading.Event().wait, daemon=True).start()

    assert outcomes(scenario) == {None}


def test_who_waits_with_a_timeout_is_not_stuck(outcomes):
    def scenario():
        try:
            pykka.ThreadingFuture().get(timeout=3)
        except pykka.Timeout:
            return "timed out"

    assert outcomes(scenario) == {"timed out"}


# -- livelock -----------------------------------------------------------------------------------------------------


class Retrying(pykka.ThreadingActor):
    """Tells itself again until it is told to stop trying."""

    def __init__(self, pause_s=0.0):
        super().__init__()
        self.pause_s = pause_s
        self.enough = False

    def on_receive(self, message):
        if message == "enough":
            self.enough = True
        elif not self.enough:
            time.sleep(self.pause_s)
            self.actor_ref.tell(message)


def test_a_program_that_goes_on_without_getting_anywhere_is_a_livelock(failure_of):
    def scenario():
        retrying = Retrying.start()
        retrying.tell("retry")
        pykka.ThreadingFuture().get()

    error = failure_of(scenario, max_steps=2000).error
    assert type(error) is greenroom.Livelock
    assert "still running after 2,000 steps: Retrying-1" in str(error)
    assert "main waits for a future that nobody has set" in str(error)
    assert "raise max_steps" in str(error)


@pytest.mark.parametrize("pause_s", [0.0, 0.1])
def test_a_program_that_only_polls_is_none(outcomes, pause_s):
    def scenario():
        retrying = Retrying.start(pause_s)
        retrying.tell("retry")
        ready = threading.Event()
        threading.Thread(target=ready.set).start()
        while not ready.is_set():
            time.sleep(pause_s)
        retrying.tell("enough")
        retrying.stop()

    for policy in ("portfolio", "pct:3", "pos", "fifo", "random"):
        assert outcomes(scenario, policy=policy, executions=100) == {None}


def test_a_livelock_can_be_meant():
    def scenario():
        while True:
            time.sleep(0)

    assert greenroom.explore(scenario, executions=2, max_steps=200, ignore=[greenroom.Livelock]).ok


def test_an_actor_that_never_rests_is_left_behind(failure_of):
    def scenario():
        Retrying.start().tell("retry")

    error = failure_of(scenario, max_steps=2000).error
    assert type(error) is greenroom.LeftBehind
    assert "never come to rest: Retrying-1" in str(error)


# -- deaths -------------------------------------------------------------------------------------------------------


def test_an_actor_that_dies_of_a_tell_is_an_error_with_its_cause(failure_of):
    def scenario():
        Fragile.start().tell("boom")

    error = failure_of(scenario).error
    assert type(error) is greenroom.ActorDied
    assert str(error).startswith("Fragile-1 died of ValueError('boom') while it handled 'boom'; it was told, not asked")
    assert isinstance(error.__cause__, ValueError)


def test_a_death_is_told_of_the_message_that_was_handled_and_not_of_those_behind_it(failure_of):
    def scenario():
        ref = Fragile.start()
        ref.tell("boom")
        with contextlib.suppress(pykka.ActorDeadError):
            ref.tell("dropped unread")

    error = failure_of(scenario).error
    assert type(error) is greenroom.ActorDied
    assert str(error).startswith("Fragile-1 died of ValueError('boom') while it handled 'boom'")


@pytest.mark.parametrize("use", ["asked", "on_failure"])
def test_a_death_that_somebody_sees_is_none(outcomes, use):
    def scenario():
        if use == "on_failure":
            Watched.start().tell("boom")
            return
        fragile = Fragile.start()
        with pytest.raises(ValueError, match="boom"):
            fragile.ask("boom")
        fragile.stop()

    assert outcomes(scenario) == {None}


def test_what_the_scenario_meets_because_of_an_unseen_death_is_told_as_its_consequence(failure_of):
    def scenario():
        fragile = Fragile.start()
        fragile.tell("boom")
        fragile.ask("later")

    error = failure_of(scenario).error
    assert type(error) is greenroom.ActorDied


def test_a_future_that_is_set_twice_by_pykkas_own_loop_is_named(failure_of):
    class Early(pykka.ThreadingActor):
        def on_receive(self, message):
            self.handling.set("early")

    def scenario():
        early = Early.start()
        future = early.ask("go", block=False)
        early._actor_weakref().handling = future
        future.get()

    error = failure_of(scenario).error
    assert type(error) is greenroom.ActorDied
    assert "the loop of Early-1 itself ended by Full" in str(error)


def test_a_thread_that_dies_unseen_is_named(failure_of):
    def scenario():
        thread = threading.Thread(target=int, args=("no number",), name="parser")
        thread.start()
        thread.join()

    error = failure_of(scenario).error
    assert type(error) is greenroom.ThreadDied
    assert str(error).startswith("thread parser ended by ValueError")


def test_a_thread_may_end_itself(outcomes):
    def end():
        raise SystemExit

    def scenario():
        thread = threading.Thread(target=end)
        thread.start()
        thread.join()

    assert outcomes(scenario) == {None}


# -- left behind --------------------------------------------------------------------------------------------------


def test_actors_that_are_left_are_listed_with_what_they_have_not_read(failure_of):
    class Busy(pykka.ThreadingActor):
        def on_receive(self, message):
            threading.Event().wait()

    def scenario():
        Node.start()
        busy = Busy.start()
        busy.tell("first")
        busy.tell("second")

    error = failure_of(scenario, ignore=[greenroom.Deadlock]).error
    assert type(error) is greenroom.LeftBehind
    assert str(error).startswith("2 actors still alive when the scenario was over: Node-1, Busy-2")
    assert "Busy-2 still has in its inbox: 'second'" in str(error)


def test_a_thread_that_waits_for_work_is_left_behind_and_not_stuck(failure_of):
    def scenario():
        threading.Thread(target=threading.Event().wait, name="idle").start()

    error = failure_of(scenario).error
    assert type(error) is greenroom.LeftBehind
    assert "1 thread still alive when the scenario was over: idle" in str(error)


# -- the switch, and what comes first -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "scenario"),
    [
        (greenroom.LeftBehind, lambda: Node.start() and None),
        (greenroom.ActorDied, lambda: Fragile.start().tell("boom")),
        (greenroom.ThreadDied, lambda: threading.Thread(target=int, args=("x",)).start()),
        (greenroom.Deadlock, lambda: pykka.ThreadingFuture().get()),
        (greenroom.PromiseBroken, lambda: (Fragile.start().tell("boom"), Node.start(), pykka.ThreadingFuture().get())),
    ],
)
def test_each_promise_can_be_switched_off(kind, scenario):
    assert not greenroom.explore(scenario, executions=2).ok
    assert greenroom.explore(scenario, executions=2, ignore=[kind]).ok


def test_a_base_class_switches_off_what_is_below_it():
    assert greenroom.explore(lambda: Node.start().ask([None, []]) and None, executions=1, ignore=[greenroom.Deadlock]).failure is not None
    assert issubclass(greenroom.SelfAsk, greenroom.Deadlock)
    assert greenroom.explore(lambda: pykka.ThreadingFuture().get(), executions=1, ignore=[greenroom.Deadlock]).ok


def test_what_the_scenario_raises_comes_first(failure_of):
    def scenario():
        Node.start()
        raise LookupError("mine")

    failure = failure_of(scenario)
    assert failure.headline.startswith("LookupError: mine (test_diagnosis.py:")
    assert any("raise LookupError" in line for line in traceback.format_exception(failure.error))
