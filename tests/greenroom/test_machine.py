"""ActorMachine: what it finds in small programs, what it shows of it, and that nothing is left behind."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from typing import ClassVar

import pykka
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

import greenroom
from greenroom.shims.install import is_installed
from greenroom.task import TaskGreenlet

COMMON = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}
FINDING = settings(max_examples=100, stateful_step_count=12, phases=[Phase.generate], **COMMON)
SHRINKING = settings(max_examples=100, stateful_step_count=12, phases=[Phase.generate, Phase.shrink], **COMMON)
FEW = settings(max_examples=8, stateful_step_count=6, phases=[Phase.generate], **COMMON)
ON_THREADS = settings(max_examples=25, stateful_step_count=6, phases=[Phase.generate], **COMMON)
clients = st.sampled_from(["ann", "bob", "cid"])


class Counter(pykka.ThreadingActor):
    """Adds what it is sent; ``None`` asks for the value, a callable changes it."""

    def __init__(self):
        super().__init__()
        self.value = 0

    def on_receive(self, message):
        if callable(message):
            self.value = message(self.value)
        elif message is not None:
            self.value = message
        return self.value


class CounterMachine(greenroom.ActorMachine):
    """A counter whose clients add in one message."""

    def start_actors(self):
        self.counter = Counter.start()
        self.added = 0

    @rule(client=clients)
    def add(self, client):
        self.added += 1
        self.client(client).call("add", self.add_one)

    def add_one(self):
        return self.counter.ask(lambda value: value + 1)

    def at_rest(self):
        value = self.perform(self.counter.ask, None)
        assert value == self.added, f"{value} instead of {self.added}"


class LosesUpdates(CounterMachine):
    """Its clients read, and write later."""

    def add_one(self):
        return self.counter.ask(self.counter.ask(None) + 1)


class Idle(greenroom.ActorMachine):
    """One actor, and a rule that does nothing: what a test adds is all there is."""

    actor: ClassVar[type[pykka.Actor]] = Counter

    def start_actors(self):
        self.ref = self.actor.start()

    @rule()
    def nothing(self):
        pass


@pytest.fixture(autouse=True)
def on_stage(monkeypatch):
    monkeypatch.delenv("GREENROOM_ACTORS", raising=False)


@pytest.fixture(autouse=True)
def nothing_is_left():
    """After each test: no shim, no live greenlet of a task, no thread and no actor."""
    threads, actors = set(threading.enumerate()), pykka.ActorRegistry.get_all()
    yield
    assert not is_installed()
    assert pykka.ActorRegistry.get_all() == actors
    gc.collect()
    abandoned = greenroom.scheduler._abandoned
    assert [found for found in gc.get_objects() if type(found) is TaskGreenlet and not found.dead and found not in abandoned] == []
    for thread in set(threading.enumerate()) - threads:
        thread.join(5)
        assert not thread.is_alive()


def failure_of(machine, options=FINDING):
    """What the machine finds: the error, and its notes as one text."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is; the caller looks
        run_state_machine_as_test(machine, settings=options)
    return caught.value, "\n".join(getattr(caught.value, "__notes__", []))


def program_in(notes):
    """The calls of the printed program, but for invariants and teardown."""
    own = ("state.no_promise_is_broken()", "state.teardown()")
    lines = [line.strip() for line in notes.splitlines()]
    return [line for line in lines if line.startswith(("state.", "state =")) and not line.startswith(own)]


def holds(machine, options=FINDING):
    run_state_machine_as_test(machine, settings=options)
    return True


# -- what it finds -------------------------------------------------------------------------------------------------------


def test_a_lost_update_is_found_and_shrunk_to_two_calls():
    error, notes = failure_of(LosesUpdates, SHRINKING)
    assert type(error) is AssertionError
    assert str(error).startswith("1 instead of 2")
    program = program_in(notes)
    assert program[0] == "state = LosesUpdates()"
    assert [line.partition("(")[0] for line in program[2:]] in (["state.add"] * 2, ["state.add"] * 2 + ["state.run"])
    assert "Counter-1 #1 answers 0" in notes
    assert "Counter-1 #2 answers 0" in notes


def test_the_picture_has_the_machine_and_the_clients_before_the_actors():
    _, notes = failure_of(LosesUpdates, SHRINKING)
    [heading] = [line.split() for line in notes.splitlines() if "Counter-1" in line and "ann" in line and "state" not in line]
    assert heading == ["machine", "ann", "bob", "Counter-1"]


def test_the_correct_counter_holds():
    assert holds(CounterMachine)


def test_an_actor_that_dies_of_a_tell_is_found():
    class Machine(Idle):
        @rule(client=clients)
        def poison(self, client):
            self.client(client).tell(self.ref, {}.popitem)  # called with an argument: TypeError

    error, notes = failure_of(Machine)
    assert type(error) is greenroom.ActorDied
    assert str(error).startswith("Counter-1 died of TypeError")
    assert "✗ TypeError" in notes


def test_a_deadlock_is_found_with_who_waits_for_whom():
    class Peer(pykka.ThreadingActor):
        def on_receive(self, other):
            return other.ask(None) if other is not None else "pong"

    class Machine(greenroom.ActorMachine):
        def start_actors(self):
            self.peers = [Peer.start(), Peer.start()]

        @rule(client=clients, first=st.integers(0, 1))
        def ask(self, client, first):
            self.client(client).ask(self.peers[first], self.peers[1 - first])

    error, notes = failure_of(Machine)
    assert type(error) is greenroom.Deadlock
    assert str(error).startswith("Peer-")
    assert "✗ waits for" in notes


def test_actors_that_outlive_stop_actors_are_found():
    class Machine(Idle):
        def stop_actors(self):
            pass

    error, _ = failure_of(Machine)
    assert type(error) is greenroom.LeftBehind
    assert "1 actor still alive when the scenario was over: Counter-1" in str(error)


def test_a_livelock_is_found_and_its_round_shown_once():
    class Echoing(pykka.ThreadingActor):
        def on_receive(self, message):
            self.actor_ref.tell(message)

    class Machine(Idle):
        actor = Echoing
        max_steps = 500

        @rule(client=clients)
        def start_echo(self, client):
            self.client(client).tell(self.ref, "again")

    error, notes = failure_of(Machine)
    assert type(error) is greenroom.Livelock
    assert "still running after 500 steps: Echoing-1 keeps going" in str(error)
    assert "↻ these last 2 events repeat" in notes


def test_a_call_that_is_never_answered_is_found_although_time_goes_on():
    class Never(pykka.ThreadingActor):
        def on_receive(self, message):
            while True:
                time.sleep(1)

    class Machine(Idle):
        actor = Never
        settle_s = 30.0

        @rule()
        def ask(self):
            self.client("ann").ask(self.ref, "hello")

    error, notes = failure_of(Machine)
    assert type(error) is greenroom.errors.ClaimBroken
    assert str(error).startswith("never answered: 30 virtual seconds after the last rule: ann.ask('hello') -> pending")
    assert "↻ this last event repeats, 31 times" in notes
    assert "✗ waits for Never-1 to answer #1 sleeps" in notes


def test_a_reply_that_never_comes_is_found_by_the_invariant():
    class Dropping(pykka.ThreadingActor):
        def on_receive(self, message):
            raise SystemExit

    class Machine(Idle):
        actor = Dropping

        @rule()
        def ask(self):
            self.client("ann").ask(self.ref, "hello")

    error, _ = failure_of(Machine)
    assert type(error) is greenroom.ReplyNeverComes


def test_a_thread_that_dies_unseen_is_found():
    class Threading(pykka.ThreadingActor):
        def on_receive(self, message):
            threading.Thread(target=int, args=("no number",), name="parser").start()

    class Machine(Idle):
        actor = Threading

        @rule()
        def parse(self):
            self.client("ann").tell(self.ref, "go")

    error, _ = failure_of(Machine)
    assert type(error) is greenroom.ThreadDied
    assert str(error).startswith("thread parser ended by ValueError")


def test_an_error_of_a_client_is_its_answer_and_no_failure():
    class Machine(Idle):
        @rule()
        def ask(self):
            operation = self.client("ann").ask(self.ref, {}.popitem)
            self.settle()
            assert isinstance(operation.error, TypeError)
            assert operation.done

    assert holds(Machine, FEW)


def test_a_set_up_that_fails_shows_what_happened():
    class Refusing(pykka.ThreadingActor):
        def on_receive(self, message):
            raise LookupError(message)

    class Machine(Idle):
        actor = Refusing

        def start_actors(self):
            super().start_actors()
            self.ref.ask("settings")

    error, notes = failure_of(Machine)
    assert type(error) is LookupError
    assert "ask 'settings'" in notes


# -- crashes -------------------------------------------------------------------------------------------------------------


class Crashing(CounterMachine):
    """Crashes the counter at times; whoever asks it later is told."""

    @precondition(lambda self: not self.on_threads)
    @rule()
    def crash_counter(self):
        self.crash(Counter, ValueError("injected"))

    def at_rest(self):
        answers = {type(operation.error) for operation in self.operations}
        assert answers <= {type(None), pykka.ActorDeadError, ValueError}
        seen.update(answers)
        alive = any(task.actor is not None and not task.done for task in self.stage.tasks)
        assert alive or self.injected == ["Counter-1"]


seen: set[type] = set()


def test_a_crash_is_injected_at_the_next_message_and_is_no_unseen_death():
    seen.clear()
    assert holds(Crashing)
    assert seen >= {type(None), ValueError}


def test_who_is_asked_answers_the_crash_and_who_is_told_dies():
    class Machine(Idle):
        @rule()
        def crash_it(self):
            if self.injected:
                return
            assert self.crash(Counter)
            answer = self.client("ann").ask(self.ref, None)
            self.settle()
            assert isinstance(answer.error, RuntimeError)
            assert str(answer.error) == "crash injected by the machine"
            assert self.crash(pykka.ThreadingActor, lambda task: LookupError(task.name))
            self.client("ann").tell(self.ref, None)
            self.settle()
            late = self.client("ann").ask(self.ref, None)
            self.settle()
            assert isinstance(late.error, pykka.ActorDeadError)
            [task] = [task for task in self.stage.tasks if task.actor is not None]
            assert str(task.died_of) == "Counter-1"
            assert not self.crash(Counter)
            assert self.injected == ["Counter-1", "Counter-1"]

    assert holds(Machine, FEW)


# -- what rules may use --------------------------------------------------------------------------------------------------


def test_perform_returns_what_the_function_returns_and_raises_what_it_raises():
    class Machine(Idle):
        @rule()
        def look(self):
            assert self.perform(self.ref.ask, 7) == 7
            with pytest.raises(ZeroDivisionError):
                self.perform(divmod, 1, 0)
            assert self.perform(time.sleep, 3.0) is None
            with pytest.raises(greenroom.Deadlock, match=r"machine\S* waits for a future that nobody has set"):
                self.perform(lambda: pykka.ThreadingFuture().get())

    assert holds(Machine, FEW)


def test_time_passes_only_where_it_is_let():
    class Machine(Idle):
        @rule()
        def pass_time(self):
            before = self.now_s
            nap = self.client("ann").call("sleep", time.sleep, 10.0)
            self.run(b"")
            assert not nap.done
            self.advance(9.0, b"")
            assert not nap.done
            assert self.now_s == before + 9.0
            self.advance(1.0, b"")
            assert nap.done
            assert nap.latency_s == 10.0
            assert self.steps > 0

    assert holds(Machine, FEW)


def test_settle_grants_time_for_what_is_under_way():
    class Machine(Idle):
        @rule()
        def settle_it(self):
            nap = self.client("ann").call("sleep", time.sleep, 100.0)
            self.settle()
            assert nap.done

    assert holds(Machine, FEW)


@pytest.mark.parametrize("ignored", [greenroom.ActorDied, greenroom.PromiseBroken])
def test_an_unseen_death_can_be_meant(ignored):
    class Machine(Idle):
        ignore = (ignored,)

        @rule()
        def poison(self):
            self.client("ann").tell(self.ref, {}.popitem)
            self.settle()

    assert holds(Machine, FEW)


def test_what_is_left_behind_can_be_meant():
    class Machine(Idle):
        ignore = (greenroom.LeftBehind,)

        def stop_actors(self):
            pass

    assert holds(Machine, FEW)


def test_one_kind_of_deadlock_can_be_meant_and_the_others_not():
    class Machine(Idle):
        ignore = (greenroom.ReplyNeverComes,)

        @rule()
        def wait(self):
            self.client("ann").call("wait", lambda: pykka.ThreadingFuture().get())

    error, _ = failure_of(Machine)
    assert str(error).startswith("never answered")

    def lock_twice():
        lock = threading.Lock()
        with lock, lock:
            pass

    class Locks(Idle):
        ignore = (greenroom.ReplyNeverComes,)

        @rule()
        def lock(self):
            self.client("bob").call("lock", lock_twice)

    assert type(failure_of(Locks)[0]) is greenroom.SelfAsk


def test_a_stage_is_only_to_be_had_on_a_stage(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")

    class Machine(Idle):
        @rule()
        def look(self):
            with pytest.raises(greenroom.UsageError, match="there is no stage on real threads"):
                self.stage  # noqa: B018 - it raises
            with pytest.raises(greenroom.UsageError, match="guard the rule with precondition"):
                self.crash(Counter)
            assert (self.now_s, self.steps) == (0.0, 0)

    assert holds(Machine, ON_THREADS)


# -- on Pykka's threads --------------------------------------------------------------------------------------------------


def test_the_same_rules_run_on_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    kinds = set()

    class Machine(CounterMachine):
        def add_one(self):
            kinds.add(type(threading.current_thread()).__name__)
            return super().add_one()

        def at_rest(self):
            super().at_rest()
            assert self.on_threads
            assert all(operation.done for operation in self.operations)

    assert holds(Machine, ON_THREADS)
    assert kinds == {"Thread"}


def test_on_threads_too_a_wrong_total_is_a_failure(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")

    class Machine(CounterMachine):
        def add_one(self):
            return None

    error, _ = failure_of(Machine, ON_THREADS)
    assert "instead of" in str(error)


def test_on_threads_too_an_actor_that_is_left_is_a_failure(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")

    class Machine(Idle):
        def stop_actors(self):
            pass

    error, _ = failure_of(Machine, ON_THREADS)
    assert type(error) is greenroom.LeftBehind
    assert str(error) == "still alive after stop_actors(): Counter"


def test_on_threads_a_call_without_an_answer_is_told_after_the_patience(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")

    class Machine(Idle):
        patience_s = 0.05

        def start_actors(self):
            super().start_actors()
            self.gate = threading.Event()

        @rule()
        def wait(self):
            self.client("ann").call("wait", self.gate.wait)

        def stop_actors(self):
            self.gate.set()
            super().stop_actors()

    error, _ = failure_of(Machine, ON_THREADS)
    assert str(error).startswith("not answered within 0.05 real seconds: ann.wait() -> pending")


@pytest.mark.parametrize("value", ["", "Threads", "stages"])
def test_another_place_for_actors_is_refused(monkeypatch, value):
    monkeypatch.setenv("GREENROOM_ACTORS", value)
    with pytest.raises(greenroom.UsageError, match="GREENROOM_ACTORS is 'stage' or 'threads', not"):
        Idle()


# -- the end -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inside", ["a rule", "an actor"])
def test_ctrl_c_closes_the_stage_and_goes_on_to_the_caller(inside):
    def interrupt(*_):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)

    class Machine(Idle):
        @rule()
        def press(self):
            if inside == "a rule":
                interrupt()
            self.client("ann").ask(self.ref, interrupt)
            self.settle()

    with pytest.raises(KeyboardInterrupt):
        run_state_machine_as_test(Machine, settings=FINDING)
    assert not is_installed()


def test_a_machine_runs_to_its_end_inside_somebodys_except_clause():
    ended = []

    class Machine(Idle):
        def at_rest(self):
            ended.append(self)

    try:
        {}.popitem()
    except KeyError:
        assert holds(Machine, FEW)
    assert len(ended) >= 8


def test_a_failure_is_saved_and_comes_first_on_the_next_run():
    database = InMemoryExampleDatabase()
    saving = settings(SHRINKING, database=database)
    first, _ = failure_of(LosesUpdates, saving)
    assert any(database.data.values())
    replaying = settings(saving, phases=[Phase.reuse])
    again, notes = failure_of(LosesUpdates, replaying)
    assert str(again) == str(first)
    assert len(program_in(notes)) <= 5


def test_the_clients_record_what_they_were_answered_and_when():
    class Machine(Idle):
        @rule()
        def ask(self):
            one = self.client("ann").ask(self.ref, 5)
            two = self.client("ann").call("wrong", divmod, 1, 0)
            assert self.client("ann") is self.client("ann")
            assert (one.done, one.latency_s, one.latency_steps) == (False, 0.0, 0)
            assert str(one) == "ann.ask(5) -> pending"
            self.settle()
            assert str(one) == "ann.ask(5) -> 5"
            assert str(two) == "ann.wrong(1, 0) -> raised ZeroDivisionError('integer division or modulo by zero')"
            assert one.invoked_step < one.answered_step <= two.answered_step
            assert one.latency_steps > 0
            assert [operation.serial for operation in self.operations] == list(range(1, len(self.operations) + 1))

    assert holds(Machine, FEW)
