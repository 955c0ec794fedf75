"""The flow machine finds whoever is let in, passed over or forgotten wrongly, and holds on real threads."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.mutants.found import first_example
from machines.flow import FlowMachine


@pytest.mark.parametrize("mutant", ["new-router-forgets-who-waits", "last-come-first-served", "refusal-costs-a-token"])
def test_it_finds(mutant):
    assert first_example(mutant, "flow") is not None


def test_it_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(FlowMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
