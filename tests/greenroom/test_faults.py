"""Faults: what a machine does to actors and to their ports, on a stage and on threads, by hand and by rules."""

from __future__ import annotations

import time
from typing import ClassVar

import pykka
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

import greenroom
from greenroom.faults import corrupts, crash, duplicates, fails, hangs, naps, pause, repeats, slow

COMMON = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}
FINDING = settings(max_examples=100, stateful_step_count=12, phases=[Phase.generate], **COMMON)
SHRINKING = settings(max_examples=200, stateful_step_count=12, phases=[Phase.generate, Phase.shrink], **COMMON)


class Bank:
    """A dependency."""

    def __init__(self):
        self.cents = 0
        self.name = "the bank"

    def charge(self, cents):
        self.cents += cents
        return cents

    def entries(self):
        return [self.cents]


class Till(pykka.ThreadingActor):
    def __init__(self, bank):
        super().__init__()
        self.bank = bank

    def pay(self, cents):
        return self.bank.charge(cents)

    def entries(self):
        return self.bank.entries()


class Machine(greenroom.ActorMachine):
    """One till over one bank, driven by hand."""

    def start_actors(self):
        self.bank = Bank()
        self.till = Till.start(self.port(self.bank, name="bank")).proxy()

    @rule()
    def nothing(self):
        pass

    def pay(self, cents=5, client="ann"):
        return self.client(client).call("pay", lambda: self.till.pay(cents).get())


@pytest.fixture(autouse=True)
def on_stage(monkeypatch):
    monkeypatch.delenv("GREENROOM_ACTORS", raising=False)


@pytest.fixture
def machine():
    machine = Machine()
    yield machine
    machine.teardown()


@pytest.fixture
def on_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    machine = Machine()
    yield machine
    machine.teardown()


def told(machine):
    return [event.detail for event in machine.history.of("fault")]


# -- actors --------------------------------------------------------------------------------------------------------------


def test_a_crash_strikes_the_message_that_was_counted(machine):
    assert machine.crash(Till, LookupError("gone"), at=2)
    first, second, third = machine.pay(), machine.pay(), machine.pay()
    machine.run(b"")
    assert (first.result, type(second.error), third.result) == (5, LookupError, 5)
    assert machine.bank.cents == 10
    assert told(machine) == ["raises LookupError('gone') in place of handling this"]
    assert machine.pending_faults == []


def test_a_crash_can_wait_for_a_method_a_class_or_what_a_function_says():
    class Plain(pykka.ThreadingActor):
        def on_receive(self, message):
            return message

    class Any(Machine):
        def start_actors(self):
            super().start_actors()
            self.plain = Plain.start()

    machine = Any()
    machine.crash(Till, when="pay")
    machine.crash(Plain, when=dict)
    assert machine.perform(lambda: self_entries(machine)) == [0]
    asked = [machine.client("ann").ask(machine.plain, message) for message in ("text", {"a": 1}, {"b": 1})]
    paid = machine.pay()
    machine.run(b"")
    assert [type(operation.error) for operation in (*asked, paid)] == [type(None), RuntimeError, type(None), RuntimeError]
    machine.crash(Plain, when=lambda message: message > 2, at=1)
    asked = [machine.client("ann").ask(machine.plain, message) for message in (1, 5)]
    machine.run(b"")
    assert [type(operation.error) for operation in asked] == [type(None), RuntimeError]
    machine.teardown()


def self_entries(machine):
    return machine.till.entries().get()


def test_a_function_that_fails_on_a_message_is_named():
    class Failing(Machine):
        @rule()
        def ask(self):
            self.crash(Till, when=lambda message: message["no such key"])
            self.pay()

    with pytest.raises(greenroom.ActorDied) as caught:
        run_state_machine_as_test(Failing, settings=FINDING)
    assert "crash(when=…) raised TypeError" in str(caught.value)


def test_who_is_only_told_dies_of_the_crash_and_nobody_complains(machine):
    machine.crash(Till)
    machine.client("ann").tell(machine.till.actor_ref, "anything")
    machine.run(b"")
    machine.no_promise_is_broken()
    assert machine.live(Till) is None
    assert not machine.crash(Till)


def test_a_death_by_itself_is_told_though_a_crash_is_still_to_come():
    class Dying(pykka.ThreadingActor):
        def on_receive(self, message):
            raise ValueError(message)

    class Later(greenroom.ActorMachine):
        def start_actors(self):
            self.ref = Dying.start()

        @rule()
        def tell(self):
            self.crash(Dying, at=3)
            self.client("ann").tell(self.ref, "own fault")

    with pytest.raises(greenroom.ActorDied, match="own fault"):
        run_state_machine_as_test(Later, settings=FINDING)


def test_a_paused_actor_reads_nothing_and_its_inbox_fills(machine):
    machine.pause(Till)
    paid = [machine.pay(client=name) for name in ("ann", "bob")]
    machine.run(b"")
    machine.advance(30.0, b"")
    machine.no_promise_is_broken()
    assert not any(operation.done for operation in paid)
    assert len(machine.live(Till).inbox.waiting()) == 2
    machine.resume(Till)
    machine.run(b"")
    assert [operation.result for operation in paid] == [5, 5]
    assert told(machine) == ["paused, with 2 messages in its inbox", "over, goes on"]


def test_a_pause_may_last_for_a_time(machine):
    machine.pause(machine.till.actor_ref, seconds=10)
    paid = machine.pay()
    machine.advance(9.0, b"")
    assert not paid.done
    assert machine.pending_faults == ["Till reads no message for 10 s"]
    machine.advance(1.0, b"")
    assert paid.latency_s == 10.0
    assert machine.pending_faults == []


def test_a_pause_is_over_in_time_though_nobody_asked(machine):
    machine.pause(Till, seconds=5)
    machine.advance(5.0, b"")
    assert machine.pay().latency_s == 0
    machine.run(b"")
    assert told(machine) == []


def test_each_message_of_a_slow_actor_takes_time(machine):
    machine.slow(Till, 0.5, messages=2)
    paid = [machine.pay() for _ in range(3)]
    machine.advance(5.0, b"")
    assert [operation.latency_s for operation in paid] == [0.5, 0.5, 0.0]
    assert told(machine) == ["slow, 0.5 s for this message"] * 2


def test_the_end_of_a_machine_ends_all_faults():
    machine = Machine()
    machine.pause(Till)
    machine.slow(Till, 2.0)
    machine.crash(Till, at=3)
    machine.inject(hangs("bank", "charge"))
    paid = [machine.pay(), machine.pay(client="bob")]
    machine.teardown()
    assert [operation.result for operation in paid] == [5, 5]
    assert machine.pending_faults == []


def test_perform_says_who_holds_it_up(machine):
    machine.pause(Till)
    with pytest.raises(greenroom.UsageError, match=r"perform\(\) waits for what a fault holds up, Till-1: call heal\(\)"):
        machine.perform(lambda: machine.till.pay(1).get())


def test_a_deadlock_beside_a_paused_actor_is_found():
    class Peer(pykka.ThreadingActor):
        def on_receive(self, other):
            return other.ask(None) if other is not None else "pong"

    class Two(Machine):
        def start_actors(self):
            super().start_actors()
            self.peers = [Peer.start(), Peer.start()]

        @rule()
        def cross(self):
            self.pause(Till)
            self.pay()
            for one, other in (self.peers, self.peers[::-1]):
                self.client(f"client {one.actor_urn}").ask(one, other)

    with pytest.raises(greenroom.Deadlock) as caught:
        run_state_machine_as_test(Two, settings=FINDING)
    assert str(caught.value).startswith("Peer-2 waits for Peer-3 waits for Peer-2")
    assert "meanwhile" not in str(caught.value)


# -- ports ---------------------------------------------------------------------------------------------------------------


def test_a_port_is_like_what_it_stands_for(machine):
    port = machine.port(machine.bank, name="other")
    assert isinstance(port, Bank)
    assert (port.name, port.cents) == ("the bank", 0)
    port.cents = 7
    assert machine.bank.cents == 7
    assert port.charge(cents=1) == 1
    assert repr(port) == repr(machine.bank)
    assert not hasattr(port, "no_such_thing")
    box = machine.port({"a": 1})
    assert (len(box), box["a"], list(box), "a" in box, box == {"a": 1}) == (1, 1, ["a"], True, True)
    assert machine.port(divmod)(7, 2) == (3, 1)
    assert machine.port(machine.bank) is not machine.port(machine.bank)


@pytest.mark.parametrize(
    ("fault", "result", "cents"),
    [
        (fails("bank", "charge", error=ConnectionError("down")), ConnectionError, 0),
        (fails("bank"), RuntimeError, 0),
        (corrupts("bank", "charge", into=lambda cents: -cents), -5, 5),
        (repeats("bank", "charge"), 5, 10),
    ],
)
@pytest.mark.parametrize("place", ["machine", "on_threads"])
def test_one_call_of_a_port_is_struck_and_the_next_is_not(fault, result, cents, place, request):
    machine = request.getfixturevalue(place)
    machine.inject(fault)
    first = machine.pay()
    machine.run(b"")
    assert (type(first.error) if first.error is not None else first.result) == result
    assert machine.bank.cents == cents
    second = machine.pay()
    machine.run(b"")
    assert second.result == 5


def test_what_a_port_returns_can_be_doubled(machine):
    machine.inject(duplicates("bank", "entries"))
    entries = machine.client("ann").call("entries", lambda: machine.till.entries().get())
    machine.run(b"")
    assert entries.result == [0, 0]
    assert told(machine) == ["bank.entries() gives [0, 0] instead of [0]"]


def test_what_cannot_be_doubled_is_refused(machine):
    machine.inject(duplicates("bank", "charge"))
    paid = machine.pay()
    machine.run(b"")
    assert isinstance(paid.error, greenroom.UsageError)


def test_a_port_may_nap_and_hang(machine):
    machine.inject(naps("bank", "charge", seconds=3))
    nap = machine.pay()
    machine.advance(5.0, b"")
    assert nap.latency_s == 3.0
    machine.inject(hangs("bank", "charge"))
    hang = machine.pay()
    machine.advance(60.0, b"")
    machine.no_promise_is_broken()
    assert not hang.done
    machine.release()
    machine.run(b"")
    assert hang.result == 5
    assert told(machine) == ["bank.charge() naps for 3 s", "bank.charge() hangs", "bank.charge() goes on, the fault is over"]


def test_who_only_looks_is_never_struck(machine):
    machine.inject(fails("bank", "charge"))
    port = machine.port(machine.bank, name="bank")
    assert port.charge(1) == 1
    assert machine.perform(port.charge, 1) == 1
    assert machine.pending_faults == ["bank.charge() fails with RuntimeError('bank failed, injected by the machine')"]


def test_on_threads_what_needs_a_stage_is_refused(on_threads):
    for fault in (crash(Till), pause(Till), slow(Till, 1.0), naps("bank", seconds=1.0), hangs("bank")):
        with pytest.raises(greenroom.UsageError, match=r"\(\) needs a stage: guard the rule with precondition"):
            on_threads.inject(fault)


# -- rules ---------------------------------------------------------------------------------------------------------------


class Forgetful(Machine):
    """Its clients believe that whoever is told of an error was not charged."""

    faults = (crash(Till), pause(Till), slow(Till, 0.5), fails("bank", "charge"), repeats("bank", "charge"), hangs("bank"))

    @rule(client=st.sampled_from(["ann", "bob"]))
    def buy(self, client):
        self.pay(client=client)

    def at_rest(self):
        paid = sum(operation.result for operation in self.operations if operation.error is None)
        assert self.bank.cents == paid, f"charged {self.bank.cents}, paid {paid}"


def test_each_listed_fault_is_a_rule_and_the_program_shrinks_to_the_one_that_matters(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")  # pytest-xdist's workers have 80, where the fault's line is cut
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(Forgetful, settings=SHRINKING)
    notes = "\n".join(caught.value.__notes__)
    calls = [line for line in notes.splitlines() if line.startswith("state.") and "no_promise" not in line]
    assert {"state.buy(client='ann')", "state.bank_charge_repeats()"} <= set(calls)
    assert len(calls) <= 6  # the ending, the two, and the teardown; two more at most, where Hypothesis is unlucky
    assert "fault: bank.charge() is performed twice" in notes


def test_rules_of_faults_have_names_that_say_what_they_do():
    names = {name for name in dir(Forgetful) if hasattr(getattr(Forgetful, name), "hypothesis_stateful_rule")}
    assert names == {
        *("run", "advance", "nothing", "buy", "crash_till", "pause_till", "resume_till", "slow_till"),
        *("bank_charge_fails", "bank_charge_repeats", "bank_hangs"),
    }


def test_a_subclass_lists_its_own_faults():
    class Calm(Forgetful):
        faults = ()

    class Other(Calm):
        faults = (crash(Till, at=2), slow(Till, 1), slow(Till, 2))

    names = [name for name in dir(Other) if hasattr(getattr(Other, name), "hypothesis_stateful_rule")]
    assert names == ["advance", "buy", "crash_till", "nothing", "run", "slow_till", "slow_till_2"]
    run_state_machine_as_test(Calm, settings=FINDING)


def test_a_value_of_a_strategy_is_drawn_by_the_rule():
    class Lying(Machine):
        faults = (corrupts("bank", "charge", into=st.integers(100, 200)),)

        @rule()
        def buy(self):
            paid = self.pay()
            self.run(b"")
            assert paid.result == 5

    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(Lying, settings=SHRINKING)
    assert "state.bank_charge_corrupts(value=100)" in "\n".join(caught.value.__notes__)


def test_on_threads_only_the_rules_that_work_there_are_used(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")

    class Calm(Forgetful):
        faults: ClassVar = [crash(Till), pause(Till), slow(Till, 0.5), fails("bank", "charge"), hangs("bank")]

    run_state_machine_as_test(Calm, settings=settings(FINDING, max_examples=15))


# -- what makes no sense ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda: crash("Till"), "takes a class of actors or an ActorRef, not 'Till'"),
        (lambda: crash(Till, at=0), "at counts from 1; it cannot be 0"),
        (lambda: crash(Till, error=ValueError), "takes an exception such as"),
        (lambda: crash(Till, when=3), "takes a method's name"),
        (lambda: pause(Till, seconds=-1), "more than 0 seconds"),
        (lambda: slow(Till, 0), "more than 0 seconds"),
        (lambda: fails(Bank, "charge"), "takes the name of a port"),
        (lambda: fails("bank", error="down"), "takes an exception such as ConnectionError"),
        (lambda: fails("bank", calls=True), "calls counts from 1"),
        (lambda: corrupts("bank", into=5), "takes a function of the result, or a Hypothesis strategy"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(wrong, complaint):
    with pytest.raises(greenroom.UsageError) as caught:
        wrong()
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"faults": crash(Till)}, "Wrong.faults is a list of faults"),
        ({"faults": [Till]}, "takes faults such as greenroom.faults.crash(Worker), not <class"),
        ({"faults": [crash(Till)], "crash_till": None}, "'crash_till', which is the name of a rule for one of its faults"),
    ],
)
def test_a_list_of_faults_that_makes_no_sense_is_refused(members, complaint):
    with pytest.raises(greenroom.UsageError) as caught:
        type("Wrong", (Machine,), members)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "complaint"),
    [
        (fails("bnak"), "there is no port 'bnak'; wrapped by self.port(…, name=…) so far: 'bank'"),
        (fails("bank", "chrage"), "the port 'bank' has no method 'chrage'"),
    ],
)
def test_a_fault_of_what_is_not_there_is_refused_before_the_first_rule(fault, complaint):
    with pytest.raises(greenroom.UsageError) as caught:
        type("Wrong", (Machine,), {"faults": [fault]})()
    assert complaint in str(caught.value)


def test_what_is_no_fault_cannot_be_injected(machine):
    with pytest.raises(greenroom.UsageError, match=r"inject\(\) takes a fault such as"):
        machine.inject(time.sleep)
    with pytest.raises(greenroom.UsageError, match="list the fault in `faults`, or give a function"):
        machine.inject(corrupts("bank", "charge", into=st.none()))
