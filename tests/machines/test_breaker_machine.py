"""The breaker machine finds the faults that published breakers have, and holds on real threads."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.mutants.found import first_example
from machines.breaker import BreakerMachine


@pytest.mark.parametrize("mutant", ["breaker-two-probes-in-half-open", "breaker-timeout-is-no-failure"])
def test_it_finds(mutant):
    assert first_example(mutant, "breaker") is not None


def test_it_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(BreakerMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
