"""Each example shows what it is there to show: its bug is found, its correction holds, and its docstring tells what is printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import greenroom
from greenroom.cli import load_check, load_scenario, main

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SEEDS = range(5)

# What is found, in which words, and the options that it takes.
BUGS = {
    "check_then_await": (KeyError, "'pen'", {}),
    "deadlock": (greenroom.Deadlock, "Orders-1 waits for Stock-2 waits for Orders-1", {}),
    "dining": (greenroom.Deadlock, "Philosopher-1 waits for Philosopher-2 waits for Philosopher-3 waits for Philosopher-1", {}),
    "lock_held_across_ask": (greenroom.Deadlock, "Dashboard-2 waits for Worker-1 waits for Dashboard-2", {}),
    "lost_update": (AssertionError, "2 payments of 30 from 100 leave 70", {}),
    "message_order": (greenroom.ActorDied, "Warehouse-1 died of KeyError('A7') while it handled paid('A7')", {}),
    "restart_race": (AssertionError, "uploaded []", {}),
    "shared_mutable_reply": (AssertionError, "the total is 4200: neither with the pen (5700) nor without it (5500)", {}),
    "stampede": (AssertionError, "rendered 2 times", {}),
    "stale_read": (
        greenroom.ClaimBroken,
        "price(): would have to return 1200, returned 1000",
        {"checks": load_check(f"{EXAMPLES}/stale_read.py::claim")},
    ),
    "starvation": (greenroom.Livelock, "Sender-1 keeps going without coming to an end", {"max_steps": 2000}),
    "stop_race": (greenroom.ReplyNeverComes, "its ask 'world' passed the alive check of Greeter-1", {}),
    "unwoken_loop": (greenroom.Deadlock, "main waits for ever in its event loop, and nobody is left to wake that", {}),
    "timeout_and_retry": (AssertionError, "one purchase, charged 2 times", {"timers": "explored"}),
}
HOLDS = ["two_clients"]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch):
    """Commands in docstrings name files as they are seen from there."""
    monkeypatch.chdir(ROOT)


def function_of(example, name):
    return load_scenario(f"examples/{example}.py::{name}")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("example", BUGS)
def test_the_bug_is_found_from_every_seed(example, seed):
    kind, words, options = BUGS[example]
    report = greenroom.explore(function_of(example, "scenario"), executions=2000, seed=seed, **options)
    assert report.failure is not None
    assert type(report.failure.error) is kind
    assert words in report.failure.claim


@pytest.mark.parametrize("example", BUGS)
def test_the_correction_holds(example):
    _, _, options = BUGS[example]
    greenroom.explore(function_of(example, "fixed"), executions=200, **options).raise_failure()


@pytest.mark.parametrize("example", [*BUGS, *HOLDS])
def test_the_docstring_shows_what_is_printed_and_the_replay_prints_the_same_failure(example, capsys):
    docstring = function_of(example, "scenario").__globals__["__doc__"]
    command, expected = re.search(r"^    \$ greenroom (.*)\n((?:    .*\n)+)", docstring, re.MULTILINE).groups()
    exit_code = main(shlex.split(command))
    printed = capsys.readouterr().out
    assert pattern_of(expected).fullmatch(printed), (
        f"the docstring of examples/{example}.py says\n{expected}\nbut this is printed\n{printed}"
    )
    assert exit_code == (example in BUGS)
    if example in BUGS:
        failure, line = printed.split("\n", 1)[1], printed.splitlines()[-1]
        assert main(shlex.split(line.removeprefix("replay: greenroom "))) == 1
        assert capsys.readouterr().out == failure


def pattern_of(expected):
    """What is shown, line for line; … stands for anything: within a line, or for lines on a line of its own."""
    lines = [line.removeprefix("    ") for line in expected.splitlines()]
    parts = [r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n" for line in lines]
    return re.compile("".join(parts))


def test_the_printed_picture_of_the_stop_race_shows_the_message_that_nobody_reads(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")  # pytest-xdist's workers have 80, where the last line is broken
    assert main(["explore", "examples/stop_race.py::scenario"]) == 1
    text = capsys.readouterr().out
    heading = next(line.split() for line in text.splitlines() if line.endswith("Closer-2"))
    assert heading == ["main", "Greeter-1", "Closer-2"]
    assert "→ Greeter-1 #2 ask 'world' ✗ nobody will read it" in text
    assert "✗ waits for Greeter-1 to answer #2" in text
    assert "▶ chosen against the default order" in text


@pytest.mark.parametrize("seed", SEEDS)
def test_pykkas_stop_race_takes_few_executions_and_few_deviations(seed):
    report = greenroom.explore(function_of("stop_race", "scenario"), seed=seed)
    assert report.executions_to_failure < 50
    assert len(report.failure.schedule) <= 3


def test_the_timeout_is_only_found_where_timers_are_explored():
    greenroom.explore(function_of("timeout_and_retry", "scenario"), executions=200).raise_failure()


def test_two_clients_have_six_orders(capsys):
    scenario = function_of("two_clients", "scenario")
    orders = set()
    greenroom.explore(lambda: orders.add(scenario()), executions=300).raise_failure()
    assert orders == {"AABB", "ABAB", "ABBA", "BAAB", "BABA", "BBAA"}


def test_every_example_has_a_test_and_a_docstring_that_says_what_is_printed():
    examples = {path.stem for path in EXAMPLES.glob("*.py")}
    assert examples == {*BUGS, *HOLDS}, "write a test for the new example here"
    for example in examples:
        assert f"    $ greenroom explore examples/{example}.py::scenario" in function_of(example, "scenario").__globals__["__doc__"]
