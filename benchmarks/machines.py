"""How small Hypothesis makes a failing machine: five planted faults, several seeds each; ``python -m benchmarks.machines``.

Printed for each: medians of the rules that are left (the drawn ending not counted), of the bytes of schedules that are not zero, and of
the injected faults, the examples to the first failure, and CPU seconds in all. Then how many choices a step takes: Hypothesis deletes up
to five at a time.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pykka
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.control import current_build_context
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

import greenroom
from greenroom.faults import crash, fails, naps, pause, slow

if TYPE_CHECKING:
    from greenroom.steps import Program

SETTINGS = settings(
    max_examples=1_000,
    stateful_step_count=20,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
)
people = st.sampled_from(["ann", "bob", "cid"])


class Machine(greenroom.ActorMachine):
    """Counts its examples, and keeps the last program that failed: Hypothesis ends with the smallest."""

    examples: ClassVar[int] = 0
    first: ClassVar[int] = 0
    failing: ClassVar[Program | None] = None

    def teardown(self) -> None:
        """As every machine ends."""
        kind = type(self)
        kind.examples += 1
        failed = True
        try:
            failed = sys.exc_info()[1] is not None
            super().teardown()
        except BaseException:
            failed = True
            raise
        finally:
            if failed:
                kind.first = kind.first or kind.examples
                kind.failing = self.program


# -- five systems, each with a fault -----------------------------------------------------------------------------------------


class Account(pykka.ThreadingActor):
    """Pays others by asking them."""

    def __init__(self, balance: int) -> None:
        super().__init__()
        self.balance = balance

    def deposit(self, amount: int) -> None:
        """Take money in."""
        self.balance += amount

    def pay(self, other: Any, amount: int) -> None:
        """Hand it on, and wait until it has arrived."""
        self.balance -= amount
        other.deposit(amount).get()


class LostUpdate(Machine):
    """A client reads a balance, and writes it later."""

    def start_actors(self) -> None:
        """One account."""
        self.account = Account.start(0).proxy()
        self.added = 0

    @rule(who=people, amount=st.integers(1, 9))
    def add(self, who: str, amount: int) -> None:
        """One more amount."""
        self.added += amount
        self.client(who).call("add", self.write, amount)

    @rule(who=people)
    def look(self, who: str) -> None:
        """Ask for the balance."""
        self.client(who).call("look", self.balance)

    def write(self, amount: int) -> None:
        """Two messages, where one was needed."""
        self.account.balance = self.account.balance.get() + amount

    def at_rest(self) -> None:
        """Everything that was added is there."""
        assert self.perform(self.balance) == self.added

    def balance(self) -> int:
        """What the account says."""
        balance: int = self.account.balance.get()
        return balance


class CrossedPayments(Machine):
    """Two accounts that pay each other wait for each other."""

    def start_actors(self) -> None:
        """Three accounts."""
        self.accounts = [Account.start(100).proxy() for _ in range(3)]

    @rule(who=people, payer=st.integers(0, 2), payee=st.integers(0, 2))
    def pay(self, who: str, payer: int, payee: int) -> None:
        """Any account pays any other."""
        if payer != payee:
            self.client(who).call("pay", lambda: self.accounts[payer].pay(self.accounts[payee], 10).get())


class Worker(pykka.ThreadingActor):
    """Does jobs, and is started anew by its desk when it fails."""

    def __init__(self, desk: Any) -> None:
        super().__init__()
        self.desk = desk

    def on_receive(self, message: Any) -> None:
        """One job."""
        self.desk.tell(("done", message))

    def on_failure(self, *_: Any) -> None:
        """The jobs in the inbox are gone."""
        self.desk.tell(("failed", None))


class Desk(pykka.ThreadingActor):
    """Accepts jobs, and repeats what its worker was at when it failed; but not what was still in the worker's inbox."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[Any] = []
        self.done: list[Any] = []

    def on_start(self) -> None:
        """A first worker."""
        self.worker = Worker.start(self.actor_ref)

    def on_receive(self, message: Any) -> Any:
        """What clients and the worker say."""
        what, job = message
        if what == "work":
            self.open.append(job)
            self.worker.tell(job)
        elif what == "done":
            self.open.remove(job)
            self.done.append(job)
        elif what == "failed":
            self.worker = Worker.start(self.actor_ref)
            if self.open:
                self.worker.tell(self.open[0])
        return len(self.done)


class LostJobs(Machine):
    """A crash takes the jobs along that wait in the inbox."""

    faults = (crash(Worker), slow(Worker, 0.5))

    def start_actors(self) -> None:
        """A desk with its worker."""
        self.desk = Desk.start()
        self.jobs = 0

    @rule(who=people)
    def work(self, who: str) -> None:
        """One more job."""
        self.jobs += 1
        self.client(who).ask(self.desk, ("work", self.jobs))

    @rule(who=people)
    def look(self, who: str) -> None:
        """How many are done."""
        self.client(who).ask(self.desk, ("look", 0))

    def at_rest(self) -> None:
        """All jobs were done."""
        assert self.perform(self.desk.ask, ("look", 0)) == self.jobs


class Bank:
    """A dependency."""

    def __init__(self) -> None:
        self.cents = 0

    def charge(self, cents: int) -> int:
        """Take the money."""
        self.cents += cents
        return cents


class Till(pykka.ThreadingActor):
    """Charges customers."""

    def __init__(self, bank: Any) -> None:
        super().__init__()
        self.bank = bank

    def pay(self, cents: int) -> int:
        """One payment."""
        charged: int = self.bank.charge(cents)
        return charged


class ChargedTwice(Machine):
    """A client that hears nothing in time tries once more."""

    faults = (naps("bank", "charge", seconds=3.0), fails("bank", "charge"), pause(Till))

    def start_actors(self) -> None:
        """A till."""
        self.bank = Bank()
        self.till = Till.start(self.port(self.bank, name="bank")).proxy()

    @rule(who=people, cents=st.integers(1, 500))
    def buy(self, who: str, cents: int) -> None:
        """One purchase."""
        self.client(who).call("buy", self.pay, cents)

    def pay(self, cents: int) -> int:
        """Patient for two seconds, twice."""
        try:
            paid: int = self.till.pay(cents).get(timeout=2)
        except pykka.Timeout:
            paid = self.till.pay(cents).get(timeout=20)
        return paid

    def at_rest(self) -> None:
        """The bank has what was paid."""
        assert self.bank.cents == sum(operation.result for operation in self.operations if operation.error is None)


class Store(pykka.ThreadingActor):
    """Passes on to the next what it is told to write, at once; answers what it knows."""

    def __init__(self, following: Any = None) -> None:
        super().__init__()
        self.following = following
        self.value = 0

    def on_receive(self, message: int | None) -> int | None:
        """None reads."""
        if message is None:
            return self.value
        self.value = message
        if self.following is not None:
            self.following.tell(message)
        return None


class Relay(Store):
    """One between two others."""


class Register:
    """What a register does."""

    def init(self) -> int:
        """It begins with 0."""
        return 0

    def step(self, state: int, call: Any) -> list[tuple[int | None, int]]:
        """A write answers None, a read the value."""
        return [(state, state)] if call[0] == "read" else [(None, call[1])]


class StaleReads(Machine):
    """Writes are answered by the first of three stores, reads by the last."""

    faults = (pause(Relay), slow(Relay, 0.5))
    checks = (greenroom.linearizable(Register()),)

    def start_actors(self) -> None:
        """Three in a chain."""
        self.last = Store.start()
        self.first_store = Store.start(Relay.start(self.last))

    @rule(who=people, value=st.integers(1, 5))
    def write(self, who: str, value: int) -> None:
        """To the first."""
        self.client(who).call("write", self.first_store.ask, value)

    @rule(who=people)
    def read(self, who: str) -> None:
        """From the last."""
        self.client(who).call("read", lambda: self.last.ask(None))


MACHINES: tuple[type[Machine], ...] = (LostUpdate, CrossedPayments, LostJobs, ChargedTwice, StaleReads)


# -- what is measured --------------------------------------------------------------------------------------------------------


def shrunk(machine: type[Machine], number: int) -> dict[str, float]:
    """What is left of ``machine`` under the seed ``number``.

    Raises:
        AssertionError: nothing was found; the fault is planted too deep, or the machine is too weak.
    """
    fresh: type[Machine] = type(machine.__name__, (machine,), {"__module__": machine.__module__})
    started = time.process_time()
    try:
        run_state_machine_as_test(seed(number)(fresh), settings=SETTINGS)
    except Exception:  # noqa: BLE001 - the planted fault
        program = fresh.failing
        assert program is not None
        schedules = [value for step in program.steps for _, value in step.arguments if isinstance(value, bytes)]
        rules = [step.rule for step in program.steps if step.rule != "choose_ending"]
        return {
            "rules": len(rules),
            "bytes": sum(byte > 0 for schedule in schedules for byte in schedule),
            "faults": sum(name in fresh._fault_rules for name in rules),  # noqa: SLF001 - which rules are faults
            "examples": fresh.first,
            "CPU s": time.process_time() - started,
        }
    raise AssertionError(f"{machine.__name__}, seed {number}: nothing was found in {SETTINGS.max_examples} examples")


class Measured(ChargedTwice):
    """Counts what each step draws."""

    widths: ClassVar[dict[str, list[int]]] = {}
    before = 0

    @invariant()
    def steps_are_counted(self) -> None:
        """Hypothesis's choices since the step before."""
        drawn = len(current_build_context().data.choices)
        if self.program.steps:
            self.widths.setdefault(self.program.steps[-1].rule, []).append(drawn - self.before)
        self.before = drawn

    def at_rest(self) -> None:
        """The fault is not asked for here."""


def main() -> int:
    """Print the tables; the exit code is 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.machines", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    seeds = parser.parse_args().seeds
    print(f"{'planted fault':<18}{'rules':>8}{'bytes':>8}{'faults':>8}{'examples':>10}{'CPU s':>8}   medians of {seeds} seeds (most rules)")
    for machine in MACHINES:
        found = [shrunk(machine, number) for number in range(seeds)]
        medians = {name: statistics.median(each[name] for each in found) for name in found[0]}
        most = max(each["rules"] for each in found)
        row = f"{medians['rules']:>8g}{medians['bytes']:>8g}{medians['faults']:>8g}{medians['examples']:>10g}{medians['CPU s']:>8.1f}"
        print(f"{machine.__name__:<18}{row}   ({most:g})", flush=True)
    quiet = settings(SETTINGS, max_examples=200, phases=[Phase.generate], derandomize=True)
    run_state_machine_as_test(Measured, settings=quiet)
    print(f"\n{'step':<22}{'choices':>8}{'most':>8}   median; the first step of an example also draws which rules are off")
    for name, widths in sorted(Measured.widths.items()):
        print(f"{name:<22}{statistics.median(widths):>8g}{max(widths):>8g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
