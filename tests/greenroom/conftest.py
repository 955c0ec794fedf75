"""What the tests of greenroom share: ways to run one small program."""

from __future__ import annotations

import pykka
import pytest

import greenroom
from tests.plugins import NO_OTHERS


def _outcomes(scenario, *, executions=300, policy="random", seed=0, **options):
    seen = set()

    def observed():
        seen.add(scenario())

    report = greenroom.explore(observed, executions=executions, policy=policy, seed=seed, **options)
    report.raise_failure()
    return seen


@pytest.fixture
def outcomes():
    """``outcomes(scenario)``: every result that some schedule gives."""
    return _outcomes


@pytest.fixture
def same_on_threads():
    """``same_on_threads(scenario)``: the one result that it has, on a stage under many schedules as on real threads."""

    def compare(scenario, *, executions=60, **options):
        try:
            on_threads = scenario()
        finally:
            pykka.ActorRegistry.stop_all()
        on_stage = _outcomes(scenario, executions=executions, **options)
        assert on_stage == {on_threads}
        return on_threads

    return compare


@pytest.fixture
def failure_of():
    """``failure_of(scenario)``: the failure that exploration finds; the test fails where it finds none."""

    def find(scenario, *, executions=2000, **options):
        report = greenroom.explore(scenario, executions=executions, **options)
        assert report.failure is not None, f"{scenario.__name__}: no failure in {report.executions} executions"
        return report.failure

    return find


@pytest.fixture
def no_other_plugins(monkeypatch):
    """Each pytest that the test starts, in this process or another, has greenroom's plugin and Hypothesis's alone."""
    for name, value in NO_OTHERS.items():
        monkeypatch.setenv(name, value)
