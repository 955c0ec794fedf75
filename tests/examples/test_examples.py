"""Each example shows what it is there to show."""

from __future__ import annotations

from pathlib import Path

import pytest

import greenroom
from greenroom.cli import load_scenario, main

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def stop_race():
    return load_scenario(f"{EXAMPLES / 'stop_race.py'}::scenario")


@pytest.mark.parametrize("seed", range(5))
def test_pykkas_stop_race_is_found_in_few_executions(stop_race, seed):
    report = greenroom.explore(stop_race, seed=seed)
    assert report.executions_to_failure < 50
    assert type(report.failure.error) is greenroom.ReplyNeverComes
    assert len(report.failure.schedule) <= 3


def test_the_printed_failure_names_the_promise_and_shows_the_lanes(stop_race, capsys):
    assert main(["explore", f"{EXAMPLES / 'stop_race.py'}::scenario"]) == 1
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[1].startswith("ReplyNeverComes: main waits for ever: its ask 'world' passed the alive check of Greeter-1")
    heading = next(line.split() for line in lines if line.endswith("Closer-2"))
    assert heading == ["main", "Greeter-1", "Closer-2"]
    assert "→ Greeter-1 #2 ask 'world' ✗ nobody will read it" in text
    assert "✗ waits for Greeter-1 to answer #2" in text
    assert "▶ chosen against the default order" in text
    assert lines[-1].startswith("replay: greenroom replay ")
    assert "stop_race.py::scenario 'g1:" in lines[-1]


def test_every_example_has_a_test():
    assert {path.name for path in EXAMPLES.glob("*.py")} <= {"stop_race.py"}, "write a test for the new example here"
