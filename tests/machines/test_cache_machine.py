"""The cache machine finds wrong memes and memes that are kept wrongly, and holds on real threads."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.mutants.found import first_example
from machines.cache import CacheMachine


@pytest.mark.parametrize(
    "mutant", ["key-without-the-target-score", "cache-ttl-zero-is-the-default", "followers-of-a-cancelled-leader-wait"]
)
def test_it_finds(mutant):
    assert first_example(mutant, "cache") is not None


def test_it_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(CacheMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
