"""The pipeline machine finds planted faults, and a summary says what was done."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.mutants.found import first_example
from machines import __main__ as command
from machines.pipeline import PipelineMachine


@pytest.mark.parametrize("mutant", ["job-kept-on-the-orchestrator", "reply-lost-when-a-port-raises", "key-without-the-style"])
def test_it_finds(mutant):
    assert first_example(mutant, "pipeline") is not None


def test_the_command_sums_up_what_held(capsys, monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "stage")
    assert command.main(["pipeline", "--examples", "5", "--seed", "1"]) == 0
    out = capsys.readouterr().out
    for row in ("pipeline: held", "examples", "distinct schedules", "operations checked", "deepest inbox", "worst latency", "peak memory"):
        assert row in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["nosuch"], "there is no machine 'nosuch'"), (["pipeline", "--replay", "!!"], "machines:")],
)
def test_a_command_that_makes_no_sense_says_so(arguments, complaint, capsys, monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "stage")
    assert command.main(arguments) == 2
    assert complaint in capsys.readouterr().err


def test_the_machine_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(PipelineMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
