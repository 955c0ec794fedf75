"""The supervision machine finds children that are lost or started too often, and holds on real threads."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.mutants.found import first_example
from machines.supervision import SupervisionMachine


@pytest.mark.parametrize("mutant", ["restart-window-never-slides", "nobody-looks-after-a-pause", "one-restart-too-many"])
def test_it_finds(mutant):
    assert first_example(mutant, "supervision") is not None


def test_it_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(SupervisionMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
