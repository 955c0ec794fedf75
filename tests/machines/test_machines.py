"""Each machine finds planted faults, and finds nothing on Pykka's own threads, where there is nothing.

The faults are patches of `benchmarks/mutants`: for each machine a few, of several classes, that it finds early.
"""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.mutants.children import Children
from benchmarks.mutants.found import first_example
from machines.__main__ import MACHINES

MUTANTS = {
    "pipeline": ("job-kept-on-the-orchestrator", "reply-lost-when-a-port-raises", "key-without-the-style"),
    "cache": (
        "key-without-the-target-score",
        "cache-ttl-zero-is-the-default",
        "stampede-is-made-by-everybody",
        "failure-of-the-leader-is-everybodys",
    ),
    "supervision": ("restart-window-never-slides", "nobody-looks-after-a-pause", "one-restart-too-many"),
    "breaker": ("breaker-two-probes-in-half-open", "breaker-timeout-is-no-failure"),
    "flow": ("new-router-forgets-who-waits", "last-come-first-served", "refusal-costs-a-token"),
    "service": (
        "service-connections-are-kept-while-it-drains",
        "service-unfit-values-are-repeated",
        "service-page-skips-a-meme",
        "service-outcome-does-not-wake-the-loop",
    ),
    "store": (
        "store-deferred-meme-is-answered-as-stored",
        "store-failed-drain-is-not-tried-again",
        "store-failed-write-is-not-kept",
        "store-successor-does-not-look-into-the-outbox",
    ),
    "lifecycle": (
        "lifecycle-actors-end-in-order-of-start",
        "lifecycle-closes-after-failing",
        "lifecycle-deadline-of-the-settled-stays",
        "lifecycle-failed-start-leaves-its-actors",
        "lifecycle-stop-waits-for-the-reply",
        "lifecycle-who-waits-for-a-turn-is-not-failed",
    ),
}
FEW = settings(max_examples=8, stateful_step_count=10, database=None, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def first_example_of():
    """As `first_example`, in processes that are forked from a single one: what never changes is imported once."""
    with Children() as children:
        yield partial(first_example, children)


def test_every_machine_has_faults_to_find():
    assert list(MUTANTS) == list(MACHINES)
    assert all(MUTANTS.values())


@pytest.mark.parametrize(("machine", "mutant"), [(machine, mutant) for machine, found in MUTANTS.items() for mutant in found])
def test_it_finds(machine, mutant, first_example_of):
    assert first_example_of(mutant, machine) is not None


@pytest.mark.parametrize("machine", MACHINES)
def test_it_holds_on_pykkas_own_threads(machine, monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(MACHINES[machine], settings=FEW)
