"""``greenroom fuzz`` as a user runs it: over small tests with planted failures, in real worker processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import greenroom
from greenroom.cli import main
from greenroom.fuzz import coordinator

SOURCE = str(Path(greenroom.__file__).parents[1])
PLANTED = """
import os
import time
from pathlib import Path
import pykka
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import rule
import greenroom


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_sum(a, b):
    assert a + b < 1_500_000, "too much"
    if a > 900_000 and b % 2:
        raise ValueError("odd")


@given(st.integers())
def test_good(a):
    assert a == a


def test_plain():
    pass


@given(st.integers(0, 1000))
def test_dies(a):
    marker = Path("has died")
    if a > 500 and not marker.exists():
        marker.touch()
        os._exit(7)


@given(st.integers(0, 1000))
def test_hangs(a):
    if Path("hang").exists():
        Path("hang").unlink()
        time.sleep(10_000)


@given(st.lists(st.integers(0, 10**6), max_size=60))
def test_hard_to_shrink(numbers):
    with Path("pids").open("a") as file:
        file.write(f"{os.getpid()}\\n")
    if sum(numbers) >= 2_000_000:
        with Path("failing").open("a") as file:
            file.write("x")
        assert not numbers


class Account(pykka.ThreadingActor):
    balance = 100

    def on_receive(self, message):
        if message == "read":
            return self.balance
        self.balance = message


class Teller(pykka.ThreadingActor):
    def on_receive(self, message):
        account, amount = message
        balance = account.ask("read")
        account.ask(balance - amount)


def scenario():
    account = Account.start()
    tellers = [Teller.start(), Teller.start()]
    pykka.get_all([teller.ask((account, 10), block=False) for teller in tellers])
    assert account.ask("read") == 80
    for ref in (*tellers, account):
        ref.stop()


class Bank(greenroom.ActorMachine):
    def start_actors(self):
        self.account = Account.start()
        self.tellers = [Teller.start() for _ in range(2)]

    @rule(teller=st.integers(0, 1))
    def take(self, teller):
        self.client(f"client{teller}").ask(self.tellers[teller], (self.account, 1))

    def at_rest(self):
        assert self.perform(self.account.ask, "read") == 100 - len(self.operations), "money was lost"


TestBank = Bank.TestCase
TestBank.settings = settings(deadline=None, stateful_step_count=6)
"""
pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path, monkeypatch, no_other_plugins):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([SOURCE, os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "planted.py").write_text(PLANTED, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n", encoding="utf-8")
    return tmp_path


def fuzz(*arguments):
    return main(["fuzz", *arguments, "--output", "out", "--workers", "1", "--seed", "1"])


def summary():
    return json.loads(Path("out/summary.json").read_text(encoding="utf-8"))


def found():
    return sorted((failure["error"], failure["message"].splitlines()[0]) for failure in summary()["failures"])


def test_each_failure_of_a_test_is_shown_once_and_the_run_goes_on(folder, capsys):
    assert fuzz("planted.py::test_sum", "--examples", "600") == 1
    told = capsys.readouterr().out
    assert told.count("too much") == told.count("ValueError: odd") == 1
    assert "a=900001,\n    b=1," in told
    assert found() == [("AssertionError", "too much"), ("ValueError", "odd")]
    assert summary()["examples"] >= 600
    assert sum(failure["times"] for failure in summary()["failures"]) > 5
    assert "<svg" in Path("out/summary.html").read_text(encoding="utf-8")


def test_a_failure_stays_in_the_database_where_pytest_finds_it(folder):
    assert fuzz("planted.py::test_sum", "--examples", "200") == 1
    replay = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "planted.py::test_sum"]
    code = "import hypothesis; hypothesis.settings.register_profile('again', phases=[hypothesis.Phase.reuse])"
    (folder / "conftest.py").write_text(code, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run([*replay, "--hypothesis-profile", "again"], capture_output=True, text=True, check=False, env=environment)
    assert "a=900001" in done.stdout
    assert "too much" in done.stdout


def test_a_machine_fails_with_its_picture_and_behaviours_are_counted(folder, capsys):
    assert fuzz("planted.py::TestBank", "--examples", "60") == 1
    told = capsys.readouterr().out
    assert told.count("money was lost") == 1
    assert "state.take(" in told
    assert "● #1 ask" in told
    (test,) = summary()["tests"]
    assert test["behaviours"] >= 5
    assert test["distinct_schedules"] >= 2


def test_a_scenario_is_explored_and_its_failure_kept_with_its_replay_line(folder, capsys):
    assert fuzz("planted.py::scenario", "--examples", "300") == 1
    assert capsys.readouterr().out.count("greenroom replay planted.py::scenario 'g1:'") == 1
    (path,) = Path(".greenroom/failures").glob("*.json")
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert (kept["schedule"], kept["shrunk"]) == ("g1:", True)
    assert summary()["examples"] >= 300
    assert fuzz("planted.py::scenario", "--examples", "1", "--fresh") == 1
    assert summary()["failures"][0]["replay"].endswith("'g1:'")


def test_where_nothing_fails_the_code_is_0_and_what_is_no_test_of_hypothesis_is_left_out(folder, capsys):
    assert fuzz("planted.py::test_good", "planted.py::test_plain", "--examples", "50") == 0
    told = capsys.readouterr().out
    assert "1 test; 1 left out: no test of Hypothesis" in told
    assert "no failure" in told
    assert summary()["left_out"] == {"planted.py::test_plain": "no test of Hypothesis"}


def test_a_later_session_goes_on_and_knows_what_is_known(folder, capsys):
    assert fuzz("planted.py::test_sum", "--examples", "300") == 1
    capsys.readouterr()
    assert fuzz("planted.py::test_sum", "--examples", "300") == 1
    told = capsys.readouterr().out
    assert "a=900001" not in told
    assert "0 new failures, 2 of earlier sessions still fail" in told
    assert summary()["examples"] >= 600
    assert summary()["sessions"] == 2


def test_what_was_corrected_is_told_to_fail_no_more(folder, capsys):
    assert fuzz("planted.py::test_sum", "--examples", "300") == 1
    corrected = PLANTED.replace("b % 2:", "b % 2 and False:").replace("< 1_500_000", "< 9_500_000")
    (folder / "planted.py").write_text(corrected, encoding="utf-8")
    assert fuzz("planted.py::test_sum", "--examples", "50") == 0
    assert "2 of earlier sessions did not fail again" in capsys.readouterr().out


def test_a_fresh_run_finds_first_what_is_saved(folder, capsys):
    assert fuzz("planted.py::test_sum", "--examples", "300") == 1
    capsys.readouterr()
    assert fuzz("planted.py::test_sum", "--examples", "1", "--fresh") == 1
    assert "a=900001" in capsys.readouterr().out


def test_a_worker_that_dies_is_started_again_and_told_of(folder, capsys):
    assert fuzz("planted.py::test_dies", "--examples", "200") == 0
    assert "worker 1 ended with code 7 in planted.py::test_dies" in capsys.readouterr().out
    assert [incident["what"] for incident in summary()["incidents"]] == ["worker died"]
    assert summary()["examples"] >= 200


def test_a_worker_that_has_grown_is_replaced(folder):
    assert fuzz("planted.py::test_hard_to_shrink", "--examples", "25", "--memory-mb", "80") in {0, 1}
    assert len(set(Path("pids").read_text(encoding="utf-8").split())) > 1
    assert summary()["incidents"] == []


def started(*arguments):
    command = [sys.executable, "-m", "greenroom", "fuzz", *arguments, "--output", "out", "--workers", "2", "--seed", "1"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def wait_until(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never happened")


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def failed_times():
    return len(Path("failing").read_bytes()) if Path("failing").exists() else 0


def test_a_run_killed_while_it_shrinks_has_lost_nothing_and_leaves_no_worker(folder, capsys):
    with started("planted.py::test_hard_to_shrink", "--minutes", "5") as run:
        wait_until(lambda: failed_times() > 3)
        run.kill()
    pids = set(Path("pids").read_text(encoding="utf-8").split())
    wait_until(lambda: not any(alive(pid) for pid in pids))
    assert json.loads(Path("out/state.json").read_text(encoding="utf-8"))["failures"]
    capsys.readouterr()
    assert fuzz("planted.py::test_hard_to_shrink", "--examples", "1") == 1
    told = capsys.readouterr().out
    assert told.count("numbers=[1000000, 1000000]") == 1
    (failure,) = summary()["failures"]
    assert failure["shrunk"]


def test_ctrl_c_finishes_what_is_being_shrunk_and_writes_the_summary(folder):
    with started("planted.py::test_hard_to_shrink", "--minutes", "5") as run:
        wait_until(lambda: failed_times() > 0)
        run.send_signal(signal.SIGINT)
        told, _ = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "numbers=[1000000, 1000000]" in told
    assert summary()["ended"] == "interrupted"


def test_a_second_ctrl_c_ends_at_once(folder):
    Path("hang").touch()
    with started("planted.py::test_hangs", "--minutes", "5") as run:
        wait_until(lambda: not Path("hang").exists())
        run.send_signal(signal.SIGINT)
        while "Ctrl-C again" not in run.stdout.readline():
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        told, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    assert summary()["ended"] == "interrupted"
    assert "summary: out" in told


def test_a_worker_that_hangs_is_replaced_and_told_of(folder, capsys, monkeypatch):
    Path("hang").touch()
    monkeypatch.setattr(coordinator, "HUNG_S", 5.0)
    assert fuzz("planted.py::test_hangs", "--examples", "100") == 0
    assert "one example takes more than 5 s" in capsys.readouterr().out
    assert "worker hung" in [incident["what"] for incident in summary()["incidents"]]
    assert summary()["examples"] >= 100


def test_a_second_run_of_the_same_tests_is_refused_while_the_first_goes_on(folder, capsys):
    with started("planted.py::test_good", "--minutes", "5") as run:
        wait_until(Path("out/state.json").exists)
        assert fuzz("planted.py::test_good", "--examples", "1") == 2
        assert "another run" in capsys.readouterr().err
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)
    assert run.returncode == 130


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere.py"], "nowhere.py"),
        (["planted.py::test_nothing"], "test_nothing"),
        (["planted.py::nothing"], "has no function 'nothing'"),
        (["planted.py::test_plain"], "none of the tests can be fuzzed: no test of Hypothesis"),
        (["broken.py"], "SyntaxError"),
        (["planted.py::test_good", "--profile", "nightly"], "Profile 'nightly' is not registered"),
        (["planted.py::test_good", "--database", "redis://127.0.0.1:1/0"], "redis://127.0.0.1:1/0"),
    ],
)
def test_what_makes_no_sense_is_told_and_ends_with_2(folder, capsys, arguments, why):
    (folder / "broken.py").write_text("def test_it(:\n", encoding="utf-8")
    assert fuzz(*arguments, "--examples", "1") == 2
    assert why in capsys.readouterr().err
