"""The built-in claims of a machine, how they are switched, the bounds, the checks, and the two phases of its end."""

from __future__ import annotations

import time
from typing import ClassVar

import pykka
import pytest
from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.control import current_build_context
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

import greenroom
from greenroom.checker import Judgement, Verdict
from greenroom.claims import CLAIMS
from greenroom.errors import ClaimBroken
from greenroom.faults import crash, hangs, pause, slow
from greenroom.flat_memory import FlatMemory, growth_of
from greenroom.rule_choice import narrow

COMMON = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}
FINDING = settings(max_examples=100, stateful_step_count=12, phases=[Phase.generate], **COMMON)
FEW = settings(max_examples=8, stateful_step_count=6, phases=[Phase.generate], **COMMON)


class Register(pykka.ThreadingActor):
    """Holds a number: ``None`` asks for it, a float naps first, an int sets it."""

    def __init__(self):
        super().__init__()
        self.value = 0

    def on_receive(self, message):
        if isinstance(message, float):
            time.sleep(message)
        elif message is not None:
            self.value = message
        return self.value


class Machine(greenroom.ActorMachine):
    def start_actors(self):
        self.ref = Register.start()

    @rule()
    def nothing(self):
        pass

    def say(self, message, client="ann", name="say"):
        return self.client(client).call(name, lambda: self.ref.ask(message))


@pytest.fixture(autouse=True)
def on_stage(monkeypatch):
    monkeypatch.delenv("GREENROOM_ACTORS", raising=False)


def failure_of(machine, options=FINDING):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is; the caller looks
        run_state_machine_as_test(machine, settings=options)
    return caught.value, "\n".join(getattr(caught.value, "__notes__", []))


def holds(machine, options=FEW):
    run_state_machine_as_test(machine, settings=options)
    return True


# -- switching -------------------------------------------------------------------------------------------------------------


class Waiting(Machine):
    settle_s = 5.0

    @rule()
    def wait(self):
        self.client("bob").call("wait", lambda: pykka.ThreadingFuture().get())


class Leaving(Machine):
    def stop_actors(self):
        pass


@pytest.mark.parametrize(
    ("machine", "names"),
    [
        (Waiting, ["no_task_waits_for_ever", "every_call_is_answered"]),
        (Leaving, ["nothing_is_left_behind"]),
    ],
)
def test_a_claim_is_switched_off_by_its_name(machine, names):
    for missing in range(len(names)):
        few = type("Few", (machine,), {"ignore": tuple(names[:missing])})
        assert isinstance(failure_of(few)[0], greenroom.PromiseBroken)
    assert holds(type("Off", (machine,), {"ignore": tuple(names)}))


@pytest.mark.parametrize(
    ("ignore", "complaint"),
    [
        (
            ("no_message_left_lying",),
            "there is no built-in claim 'no_message_left_lying' (did you mean 'no_message_is_left_lying'?); there are",
        ),
        ("every_call_is_answered", "ignore takes a list, as in ignore = ['every_call_is_answered']"),
        ((ValueError,), "ignore takes classes such as greenroom.LeftBehind"),
        ((greenroom.Livelock,), "a machine cannot ignore greenroom.Livelock"),
    ],
)
def test_what_cannot_be_switched_off_is_refused(ignore, complaint):
    with pytest.raises(greenroom.UsageError) as caught:
        type("Wrong", (Machine,), {"ignore": ignore})()
    assert complaint in str(caught.value)


def test_every_claim_that_has_a_name_is_a_method():
    assert all(callable(getattr(greenroom.ActorMachine, name)) for name in CLAIMS)


# -- bounds ------------------------------------------------------------------------------------------------------------------


class Slow(Machine):
    @rule(seconds=st.sampled_from([0.5, 2.0]), name=st.sampled_from(["say", "think"]))
    def nap(self, seconds, name):
        self.say(seconds, name=name)


@pytest.mark.parametrize("bound", [1.0, {"say": 1.0}])
def test_an_answer_that_comes_too_late_is_found(bound):
    error, _ = failure_of(type("Bounded", (Slow,), {"within_s": bound}))
    assert type(error) is ClaimBroken
    assert "is answered within 1 virtual seconds" in str(error)


@pytest.mark.parametrize("bounds", [{"within_s": 100.0}, {"within_s": {"other": 0.1}}, {"within_steps": 500}, {}])
def test_an_answer_in_time_is_fine(bounds):
    assert holds(type("Bounded", (Slow,), bounds))


def test_too_many_steps_are_found_while_the_call_is_pending():
    class Busy(pykka.ThreadingActor):
        def on_receive(self, message):
            for _ in range(200):
                time.sleep(0)

    class Working(Machine):
        within_steps = 50

        def start_actors(self):
            self.ref = Busy.start()

        @rule()
        def work(self):
            self.say("work")

    assert "say is answered within 50 scheduling points" in str(failure_of(Working)[0])


@pytest.mark.parametrize("fault", [slow(Register, 5.0), pause(Register)])
def test_no_bound_holds_of_a_call_that_a_fault_disturbed(fault):
    class Disturbed(Machine):
        within_s = 1.0
        faults = (fault,)

        @rule()
        def ask(self):
            self.inject(fault)
            self.say(None)

    assert holds(Disturbed)


def test_a_bound_holds_of_what_came_after_the_fault():
    class Later(Machine):
        within_s = 1.0

        @rule()
        def ask(self):
            self.slow(Register, 5.0, messages=1)
            self.say(None)
            self.advance(30.0, b"")
            self.say(2.0)

    assert "say() -> 0 took 2" in str(failure_of(Later)[0])


@pytest.mark.parametrize("limit", [2, {Register: 2}])
def test_an_inbox_that_grows_beyond_its_limit_is_found(limit):
    class Flooding(Machine):
        inbox_limit = limit

        @rule()
        def flood(self):
            self.client("ann").call("flood", lambda: [self.ref.tell(number) for number in range(4)])

    error, _ = failure_of(Flooding)
    assert type(error) is ClaimBroken
    assert str(error).startswith("no inbox of Register holds more than 2 messages: that of Register-1 held ")


def test_inboxes_of_other_classes_have_no_limit():
    class Flooding(Machine):
        inbox_limit: ClassVar = {pykka.ThreadingActor: 9, str: 1}

        @rule()
        def flood(self):
            self.client("ann").call("flood", lambda: [self.ref.tell(number) for number in range(4)])

    assert holds(Flooding, settings(FEW, stateful_step_count=2))


@pytest.mark.parametrize("name", ["inbox_limit", "within_s", "within_steps"])
@pytest.mark.parametrize("wrong", [-1, "1", True, {"say": None}])
def test_a_bound_that_is_no_number_is_refused(name, wrong):
    with pytest.raises(greenroom.UsageError, match=f"{name} takes a number from 0 on"):
        type("Wrong", (Machine,), {name: wrong})()


# -- checks ------------------------------------------------------------------------------------------------------------------


class Says:
    """A checker with a fixed opinion."""

    claim = "the checker is pleased"

    def __init__(self, verdict, reason="because"):
        self.judgement = Judgement(verdict, self.claim, reason)

    def check(self, history):
        assert all(operation.done for operation in history.operations)
        return self.judgement


def test_a_checker_judges_the_whole_history_at_the_end():
    error, _ = failure_of(type("Checked", (Machine,), {"checks": Says(Verdict.VIOLATED)}))
    assert type(error) is ClaimBroken
    assert str(error) == "the checker is pleased: because"
    assert holds(type("Checked", (Machine,), {"checks": [Says(Verdict.OK)]}))


def test_what_a_checker_cannot_decide_is_told_and_no_failure(capsys):
    loud = settings(FEW, verbosity=Verbosity.verbose)
    assert holds(type("Checked", (Machine,), {"checks": (Says(Verdict.UNKNOWN, "the budget ran out"),)}), loud)
    assert "undecided, and so no pass: the checker is pleased: the budget ran out" in capsys.readouterr().out


def test_a_register_that_forgets_is_not_linearizable():
    class Spec:
        def init(self):
            return 0

        def step(self, state, call):
            name, *arguments = call
            return [(state, state)] if name == "read" else [(None, arguments[0])]

    class Forgets(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.value = 0

        def on_receive(self, message):
            if message is None:
                return self.value
            if message != 3:
                self.value = message
            return None

    class Linear(greenroom.ActorMachine):
        checks = (greenroom.linearizable(Spec()),)
        actor: ClassVar = Forgets

        def start_actors(self):
            self.ref = self.actor.start()

        @rule(client=st.sampled_from(["ann", "bob"]), value=st.integers(1, 4))
        def write_and_read(self, client, value):
            self.client(client).call("write", self.ref.ask, value)
            self.client(client).call("read", lambda: self.ref.ask(None))

    class Right(Forgets):
        def on_receive(self, message):
            if message is None:
                return self.value
            self.value = message
            return None

    error, _ = failure_of(Linear)
    assert type(error) is ClaimBroken
    assert holds(type("Correct", (Linear,), {"actor": Right}), FINDING)


@pytest.mark.parametrize("wrong", [5, [5], Says])
def test_what_is_no_checker_is_refused(wrong):
    with pytest.raises(greenroom.UsageError, match="checks takes"):
        type("Wrong", (Machine,), {"checks": wrong})()


# -- the end -----------------------------------------------------------------------------------------------------------------


def test_the_last_rule_is_followed_by_a_safe_phase_under_faults_and_a_live_one_without():
    seen = []

    class Phased(Machine):
        def settle(self):
            seen.append(("settle", self.pending_faults))
            super().settle()

    machine = Phased()
    machine.crash(Register, at=9)
    machine.pause(Register)
    answer = machine.say(None)
    machine.teardown()
    assert seen == [("settle", [])]
    assert answer.result == 0


def test_what_the_faults_break_for_good_is_found_when_they_are_over():
    class Patient(pykka.ThreadingActor):
        """Gives up its work when an answer takes too long, and never says so."""

        def __init__(self, port):
            super().__init__()
            self.port = port

        def on_receive(self, message):
            started = time.monotonic()
            self.port()
            if time.monotonic() - started > 10:
                raise SystemExit

    class Lost(greenroom.ActorMachine):
        def start_actors(self):
            self.ref = Patient.start(self.port(lambda: None, name="disk"))

        @rule()
        def ask(self):
            self.inject(hangs("disk"))
            self.client("ann").ask(self.ref, "work")
            self.advance(30.0, b"")

    assert type(failure_of(Lost)[0]) is greenroom.ReplyNeverComes


# -- memory ------------------------------------------------------------------------------------------------------------------


def test_memory_that_grows_with_each_call_is_found_with_its_line():
    class Leaking(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.kept = []

        def on_receive(self, message):
            self.kept.append([object() for _ in range(10)])

    class Leaky(Machine):
        flat_memory = FlatMemory()

        def start_actors(self):
            self.ref = Leaking.start()

        @rule()
        def ask(self):
            self.say("more")

    error, _ = failure_of(Leaky)
    assert type(error) is ClaimBroken
    assert str(error).startswith("memory is flat over repeated work: each of 6 repetitions of the same calls leaves blocks")
    assert "test_claims.py" in str(error)


def test_memory_that_stays_flat_is_fine():
    class Flat(Machine):
        flat_memory = FlatMemory(rounds=20, warm_up=2, blocks=5)

        @rule(value=st.integers(0, 5))
        def write(self, value):
            self.say(value)

    assert holds(Flat)


def test_the_repetition_ends_with_the_first_flat_round():
    kept = []
    rounds = []

    def work(number):
        rounds.append(number)
        if number < 4:
            kept.extend(object() for _ in range(100))

    growth = growth_of(work, FlatMemory(rounds=10, warm_up=1, blocks=20))
    assert len(growth) == 5
    assert all(grown > 20 for grown in growth[1:-1])
    assert growth[-1] <= 20


def test_rounds_that_make_no_sense_are_refused():
    for wrong in ({"rounds": 1, "warm_up": 1}, {"blocks": -1}, {"warm_up": -1}):
        with pytest.raises(greenroom.UsageError, match="more rounds than warm_up"):
            FlatMemory(**wrong)


# -- the same again ----------------------------------------------------------------------------------------------------------


def test_what_differs_in_a_second_run_is_found():
    made = []

    class Remembering(Machine):
        deterministic = True

        def start_actors(self):
            made.append(Register.start())
            self.ref = made[-1]

        @rule()
        def ask(self):
            self.say(len(made))

    error, _ = failure_of(Remembering)
    assert type(error) is greenroom.NondeterminismEscaped
    assert str(error).startswith("the same steps gave two executions that part at event ")
    assert "ask" in str(error)


def test_what_fails_in_the_second_run_only_is_found():
    made = []

    class Worn(Machine):
        deterministic = True

        def start_actors(self):
            super().start_actors()
            made.append(self)

        @rule()
        def wear(self):
            assert len(made) % 2, "worn"

    assert "held once, and raised the second time: AssertionError: worn" in str(failure_of(Worn, FEW)[0])


def test_what_does_the_same_again_is_fine():
    class Same(Machine):
        deterministic = True
        faults = (crash(Register), slow(Register, 1.0))

        @rule(value=st.integers(0, 3), client=st.sampled_from(["ann", "bob"]))
        def write(self, value, client):
            self.say(value, client)

    assert holds(Same)


# -- the rest ----------------------------------------------------------------------------------------------------------------


def test_lines_can_be_switched_at_in_a_machine():
    shared = {"number": 0}

    class Counting(pykka.ThreadingActor):
        def on_receive(self, message):
            number = shared["number"] + 1
            shared["number"] = number
            return number

    class Sharing(greenroom.ActorMachine):
        granularity = "line"

        def start_actors(self):
            shared["number"] = 0
            self.refs = [Counting.start(), Counting.start()]

        @rule(schedule=st.binary(min_size=16, max_size=32))
        def count(self, schedule):
            for which in (0, 1):
                self.client(f"client {which}").ask(self.refs[which], None)
            self.run(schedule)

        def at_rest(self):
            numbers = [operation.result for operation in self.operations]
            assert sorted(numbers) == list(range(1, len(numbers) + 1))

    assert type(failure_of(Sharing)[0]) is AssertionError
    assert holds(type("Whole", (Sharing,), {"granularity": "message"}), FINDING)


@pytest.mark.parametrize(
    ("members", "complaint"),
    [({"granularity": "lines"}, "granularity is 'message' or 'line'"), ({"lines_of": ("x",)}, "lines_of is for granularity")],
)
def test_lines_that_make_no_sense_are_refused(members, complaint):
    with pytest.raises(greenroom.UsageError, match=complaint):
        type("Wrong", (Machine,), members)()


def test_no_step_of_a_built_in_rule_or_fault_is_too_wide_to_be_deleted():
    widths = {}

    class Measured(Machine):
        faults = (crash(Register), pause(Register), slow(Register, 1.0))
        before = 0
        steps_before = 0

        @invariant()
        def steps_are_narrow(self):
            drawn = len(current_build_context().data.choices)
            if self.program.steps:
                widths.setdefault(self.program.steps[-1].rule, set()).add(drawn - self.before)
            self.before = drawn

    holds(Measured, settings(FINDING, max_examples=60))
    assert {"run", "advance", "crash_register", "pause_register", "slow_register"} <= set(widths)
    # One choice says that a step follows, one which rule; the first step also draws, with two more, which rules are off.
    wide = {name: sorted(width)[-2:] for name, width in widths.items() if name != "choose_ending"}
    assert {name: width for name, width in wide.items() if min(width) > 5 or max(width) > 7} == {}


def test_a_failing_precondition_takes_no_choice():
    class Picky(Machine):
        allowed = 0

        @precondition(lambda self: self.allowed > 3)
        @rule()
        def allow(self):
            pass

        @precondition(lambda self: self.allowed > 100)
        @rule()
        def never(self):
            raise AssertionError("its precondition does not hold")

        @rule()
        def wait(self):
            self.allowed += 1

        @invariant()
        def steps_are_narrow(self):
            drawn = len(current_build_context().data.choices)
            if len(self.program.steps) > 2:
                assert drawn - self.before <= 4
            self.before = drawn

    assert holds(Picky, FINDING)


def test_hypothesis_s_own_choice_is_kept_where_it_is_not_known():
    strange = object()
    assert narrow(strange) is strange
    assert narrow(None) is None


def test_a_schedule_that_deviates_is_marked_in_the_picture():
    class Marked(Machine):
        @rule()
        def two(self):
            self.say(None, "ann")
            self.say(None, "bob")
            self.run(b"\x01\x01")
            raise AssertionError("shown")

    _, notes = failure_of(Marked)
    assert "▶ call 2: say()" in notes
    assert "▶ chosen against the default order" in notes


def test_outside_of_hypothesis_the_picture_stays_with_the_error():
    machine = Machine()
    machine.say(None)
    machine.at_rest = lambda: pytest.fail("not as it should be")
    with pytest.raises(pytest.fail.Exception) as caught:
        machine.teardown()
    assert "Register-1" in "\n".join(caught.value.__notes__)
