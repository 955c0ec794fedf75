"""Small scopes, complete: every schedule there is of an actor or two, a request or two, and a mishap; and a fault for each to find."""

from __future__ import annotations

import pykka
import pytest

from tests.machines import scopes_of_parts, scopes_of_requests, scopes_of_the_store

each = pytest.mark.parametrize(
    "scope",
    [
        pytest.param(scope, id=scope.scenario.__name__)
        for module in (scopes_of_parts, scopes_of_requests, scopes_of_the_store)
        for scope in module.SCOPES
    ],
)


@each
def test_every_schedule_of_a_small_scope_holds(scope):
    report = scope.search()
    report.raise_failure()
    assert report.exhausted, report
    assert report.executions == scope.schedules, report
    assert pykka.ActorRegistry.get_all() == []


@each
def test_a_search_of_a_small_scope_finds_what_is_wrong(scope, monkeypatch):
    scope.plant(monkeypatch)
    assert scope.search(shrink=False).failure is not None
