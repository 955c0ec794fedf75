"""The command line: exit codes, messages, JSON, and a replay line that works in another process."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import greenroom
from greenroom.cli import main
from greenroom.places import load_scenario

PROGRAM = textwrap.dedent("""
    import threading, time
    import pykka
    import greenroom

    class Account(pykka.ThreadingActor):
        def __init__(self):
            super().__init__()
            self.balance = 0

        def on_receive(self, message):
            if message is not None:
                self.balance = message
            return self.balance

    class Teller(pykka.ThreadingActor):
        def on_receive(self, message):
            account, tags = message
            account.ask(account.ask(None) + 1)

    def correct():
        Account.start().stop()

    def lost_update():
        account, tellers = Account.start(), [Teller.start() for _ in range(2)]
        for teller in tellers:
            teller.tell((account, {"one", "two", "three"}))  # a set: its order depends on the hash seed
        for ref in (*tellers, account):
            ref.stop()
        time.sleep(0.25)
        assert greenroom.choose("a", "b", "c") == "a", "another"

    def left():
        Account.start()
        if greenroom.choose(False, True):
            raise LookupError

    def races_with_time():
        ready = threading.Event()
        threading.Timer(5, ready.set).start()
        assert not ready.wait(4)

    def shares():
        found = []

        def look():
            count = len(found)
            found.append(count)

        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [0, 1]

    def spins():
        while True:
            time.sleep(0)

    def wants(one):
        pass

    async def later():
        pass

    def forgets():
        forgets.runs = getattr(forgets, "runs", 0) + 1
        assert forgets.runs != 2

    def presses_ctrl_c():
        import os, signal
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)

    NUMBER = 3
""")


@pytest.fixture
def program(tmp_path, monkeypatch):
    """The file of small scenarios, in the current directory."""
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("program", "queue (a scenario)"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield tmp_path
    sys.modules.pop("program", None)


def run(*arguments, hash_seed="0"):
    """The command in a process of its own."""
    source = str(Path(greenroom.__file__).parents[1])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": source, "PYTHONIOENCODING": "utf-8"}
    if not hash_seed:
        del environment["PYTHONHASHSEED"]
    command = [sys.executable, "-m", "greenroom", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=60)


# -- exploring -----------------------------------------------------------------------------------------------------------


def test_a_correct_scenario_gives_0(program, capsys):
    assert main(["explore", "program.py::correct", "-n", "20"]) == 0
    output = capsys.readouterr()
    assert output.out.startswith("correct: 20 executions, ")
    assert output.out.rstrip().endswith(": no failure")
    assert output.err == ""


def test_a_failure_gives_1_with_claim_picture_and_replay_line(program, capsys):
    assert main(["explore", "program.py::lost_update"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("lost_update: ")
    assert lines[1].startswith("AssertionError: ")
    assert any("Account-1" in line and "Teller-2" in line for line in lines)
    assert lines[-1].startswith("replay: greenroom replay program.py::lost_update 'g1:")


def test_what_is_found_is_one_json_object(program, capsys):
    assert main(["explore", "program.py::lost_update", "--json", "--seed", "3", "--policy", "random"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["scenario"] == "lost_update"
    assert report["executions"] == report["executions_to_failure"]
    assert (report["policy"], report["seed"]) == ("random", 3)
    assert report["failure"]["error"] == "AssertionError"
    assert greenroom.Schedule.parse(report["failure"]["schedule"]).deviations
    assert report["failure"]["replay"].startswith("replay: greenroom replay")
    assert main(["explore", "program.py::correct", "--json", "-n", "5"]) == 0
    assert json.loads(capsys.readouterr().out)["failure"] is None


def test_a_failure_can_be_shown_as_it_was_found(program, capsys):
    lengths = []
    for options in ([], ["--no-shrink"]):
        assert main(["explore", "program.py::lost_update", "--json", "--policy", "random", "--seed", "1", *options]) == 1
        schedule = json.loads(capsys.readouterr().out)["failure"]["schedule"]
        lengths.append(len(greenroom.Schedule.parse(schedule)))
    assert lengths[0] < lengths[1]


def test_time_ends_an_exploration(program, capsys):
    assert main(["explore", "program.py::correct", "-n", "1000000000", "--seconds", "0.05"]) == 0


def test_a_promise_can_be_ignored(program, capsys):
    assert main(["explore", "program.py::left", "-n", "1"]) == 1
    assert main(["explore", "program.py::left", "-n", "1", "--ignore", "LeftBehind"]) == 0
    assert main(["explore", "program.py::spins", "-n", "1", "--max-steps", "50", "--ignore", "Livelock"]) == 0


# -- replaying -----------------------------------------------------------------------------------------------------------


def test_a_replay_of_a_failure_gives_1_and_of_the_default_order_0(program, capsys):
    assert main(["replay", "program.py::lost_update", "g1:"]) == 0
    output = capsys.readouterr().out
    assert "main" in output.splitlines()[0]
    assert output.splitlines()[-1].startswith("no failure under g1: (")
    assert output.splitlines()[-1].endswith(" steps, 0.25 virtual seconds)")


def test_a_replay_is_one_json_object_with_its_events(program, capsys):
    assert main(["replay", "program.py::correct", "g1:", "--json"]) == 0
    execution = json.loads(capsys.readouterr().out)
    assert execution["failure"] is None
    assert execution["schedule"] == "g1:"
    assert execution["events"][0] == {
        "time_ns": 0, "task": "main", "kind": "start", "target": "Account-1", "number": 0, "detail": "", "deviation": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scenario", "options"),
    [
        ("lost_update", {}),
        ("left", {"ignore": [greenroom.LeftBehind]}),
        ("races_with_time", {"timers": "explored"}),
        ("spins", {"max_steps": 70}),
        ("shares", {"granularity": "line"}),
        ("shares", {"granularity": "line", "lines_of": ["program"]}),
    ],
)
def test_the_replay_line_works_in_another_process_with_another_hash_seed(program, scenario, options):
    failure = greenroom.explore(load_scenario(f"program.py::{scenario}"), **options).failure
    prompt, *command = shlex.split(failure.replay_line)
    assert (prompt, command[:2]) == ("replay:", ["greenroom", "replay"])
    expected = str(failure)
    for hash_seed in ("1", "4711"):
        done = run(*command[1:], hash_seed=hash_seed)
        assert done.returncode == 1, done.stderr
        assert done.stdout.rstrip("\n") == expected
        assert done.stderr == ""


def test_the_replay_line_works_where_the_path_has_spaces_in_it(program):
    place = program / "a folder" / "it's.py"
    place.parent.mkdir()
    place.write_text(PROGRAM)
    failure = greenroom.explore(load_scenario(f"{place}::lost_update")).failure
    done = run(*shlex.split(failure.replay_line)[2:])
    assert done.stdout.rstrip("\n") == str(failure)


def test_what_the_line_of_python_says_can_be_run(program):
    def spins():
        while True:
            greenroom.checkpoint("round")

    failure = greenroom.explore(spins, max_steps=70, timers="explored", ignore=[greenroom.LeftBehind]).failure
    line = failure.replay_line.removeprefix("replay: ")
    assert line == 'greenroom.replay(spins, "g1:", max_steps=70, timers="explored", ignore=[greenroom.LeftBehind])'
    again = eval(line, {"greenroom": greenroom, "spins": spins})
    assert str(again.failure) == str(failure)


# -- what makes no sense -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explore", "program.py"], "'program.py' names no function; write FILE.py::function"),
        (["explore", "program.py::"], "'program.py::' names no function"),
        (["explore", "missing.py::scenario"], "there is no file missing.py"),
        (["explore", "notes.txt::scenario"], "notes.txt is no Python file"),
        (["explore", "broken.py::scenario"], "broken.py cannot be imported: SyntaxError: "),
        (["explore", "exits.py::scenario"], "exits.py cannot be imported: SystemExit: 7"),
        (["explore", "program.py::lost"], "program.py has no function 'lost'; it has correct, lost_update, left, races_with_time, "),
        (["explore", "program.py::NUMBER"], "program.py has no function 'NUMBER'"),
        (["explore", "program.py::wants"], "cannot be called without arguments: missing a required argument: 'one'"),
        (["explore", "program.py::later"], "later is a coroutine or a generator"),
        (["explore", "program.py::correct", "--policy", "best"], "there is no policy 'best'; choose one of portfolio, fifo, random"),
        (["explore", "program.py::correct", "--lines-of", "program"], 'give granularity="line" as well'),
        (["explore", "program.py::correct", "--granularity", "line", "--lines-of", "nothing"], "'nothing' that cannot be imported"),
        (["explore", "program.py::forgets"], "did not happen again under the same schedule"),
        (["replay", "program.py::correct", "7=Counter-2"], "a schedule begins with 'g1:'"),
        (["replay", "program.py::correct", "g1:7"], "'7' is no deviation"),
        (["replay", "program.py::correct", "g1:99=Account-1"], "the schedule deviates at decision 99"),
        (["replay", "program.py::lost_update", "g1:0=Nobody-7"], "the schedule runs Nobody-7 here, but only these can run: "),
    ],
)
def test_what_makes_no_sense_gives_2_and_says_why(program, capsys, arguments, message):
    (program / "notes.txt").write_text("x = 1")
    (program / "broken.py").write_text("def scenario(:")
    (program / "exits.py").write_text("raise SystemExit(7)")
    assert main(arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("greenroom: ")
    assert message in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["replay", "program.py::correct"], "the following arguments are required: schedule"),
        (["explore", "program.py::correct", "-n", "0"], "0 is not a whole number of at least 1"),
        (["explore", "program.py::correct", "-n", "many"], "many is not a whole number of at least 1"),
        (["explore", "program.py::correct", "--max-steps", "-5"], "-5 is not a whole number of at least 1"),
        (["explore", "program.py::correct", "--seconds", "soon"], "soon is not a positive number"),
        (["explore", "program.py::correct", "--seconds", "inf"], "inf is not a positive number"),
        (["explore", "program.py::correct", "--timers", "never"], "invalid choice: 'never'"),
        (["explore", "program.py::correct", "--granularity", "word"], "invalid choice: 'word'"),
        (["explore", "program.py::correct", "--ignore", "Everything"], "invalid choice: 'Everything'"),
    ],
)
def test_options_that_make_no_sense_give_2_and_the_usage(program, capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    output = capsys.readouterr()
    assert output.err.startswith("usage: greenroom ")
    assert message in output.err


def test_ctrl_c_gives_130(program, capsys):
    assert main(["explore", "program.py::presses_ctrl_c"]) == 130
    assert capsys.readouterr().err == "greenroom: interrupted\n"


def test_the_version_and_the_help_are_told():
    version, help_text = run("--version"), run("explore", "--help")
    assert (version.returncode, version.stdout.split()[0]) == (0, "greenroom")
    assert help_text.returncode == 0
    assert "FILE.py::SCENARIO" in help_text.stdout


# -- loading -------------------------------------------------------------------------------------------------------------


def test_a_file_finds_the_files_beside_it(program):
    (program / "beside_the_scenario.py").write_text("VALUE = 5")
    (program / "uses_it.py").write_text("from beside_the_scenario import VALUE\ndef scenario():\n    return VALUE")
    assert load_scenario("uses_it.py::scenario")() == 5


def test_a_file_with_the_name_of_a_module_does_not_take_its_place(program):
    import queue  # noqa: PLC0415 - the one that must stay

    (program / "queue.py").write_text("def scenario():\n    return 'mine'")
    assert load_scenario("queue.py::scenario")() == "mine"
    assert sys.modules["queue"] is queue


def test_a_file_that_has_changed_is_loaded_again(program):
    (program / "changing.py").write_text("def scenario():\n    return 1")
    assert load_scenario("changing.py::scenario")() == 1
    (program / "changing.py").write_text("def scenario():\n    return 'another'")
    assert load_scenario("changing.py::scenario")() == "another"


def test_a_program_that_goes_through_a_set_of_texts_takes_the_same_path_in_every_process(tmp_path):
    file = tmp_path / "sets.py"
    file.write_text("def scenario():\n    assert False, list(set('abcdefghij'))\n", encoding="utf-8")
    first, second = (run("explore", f"{file}::scenario", hash_seed="").stdout.splitlines()[1] for _ in range(2))
    assert first == second
    assert run("explore", f"{file}::scenario", hash_seed="0").stdout.splitlines()[1] == first
    assert run("explore", f"{file}::scenario", hash_seed="1").stdout.splitlines()[1] != first  # who gives a seed gets it


def test_a_reader_that_goes_away_is_no_error_of_ours(program):
    source = str(Path(greenroom.__file__).parents[1])
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": source}
    command = [sys.executable, "-m", "greenroom", "explore", "program.py::lost_update"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, env=environment, stdout=writing, stderr=subprocess.PIPE, encoding="utf-8", check=False, timeout=60)
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 141
