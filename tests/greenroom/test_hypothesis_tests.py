"""Hypothesis's tests among pytest's items: the keys are those under which Hypothesis keeps their examples."""

from __future__ import annotations

import sys

from hypothesis.database import InMemoryExampleDatabase

from greenroom.hypothesis_tests import hypothesis_test, key_of

pytest_plugins = ["pytester"]

TESTS = """
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from spied import SPY

spied = settings(database=SPY, max_examples=3)

@spied
@given(st.integers())
def test_plain(number): SPY.ran("test_plain")

@pytest.mark.parametrize("case", ["a", "b"])
@spied
@given(number=st.integers())
def test_cases(case, number): SPY.ran(f"test_cases[{case}]")

@pytest.fixture(params=[1, 2], scope="module")
def setting(request): return request.param

class TestClass:
    @spied
    @given(number=st.integers())
    def test_method(self, setting, number): SPY.ran(f"test_method[{setting}]")

class Machine(RuleBasedStateMachine):
    @rule()
    def step(self): SPY.ran("runTest")

TestMachine = Machine.TestCase
TestMachine.settings = spied

def test_other(): pass
"""
SPIED = """
from hypothesis.database import InMemoryExampleDatabase

class Spy(InMemoryExampleDatabase):
    key = None
    found = {}

    def fetch(self, key):
        if not key.endswith((b".secondary", b".pareto")):
            self.key = key
        return super().fetch(key)

    def ran(self, name):
        self.found[name] = self.key

SPY = Spy()
"""


class Collecting:
    def __init__(self):
        self.keys = {}
        self.found = {}

    def pytest_sessionfinish(self):
        self.found = sys.modules["spied"].SPY.found  # before pytester takes the module away again

    def pytest_itemcollected(self, item):
        test = hypothesis_test(item)
        if test is not None:
            self.keys[item.name] = test.keys()


def test_keys_are_those_that_hypothesis_asks_its_database_for(pytester, monkeypatch, no_other_plugins):
    pytester.makepyfile(spied=SPIED, test_it=TESTS)
    monkeypatch.syspath_prepend(pytester.path)
    collecting = Collecting()
    result = pytester.inline_run("-p", "no:cacheprovider", plugins=[collecting])
    result.assertoutcome(passed=7)
    found = collecting.found
    assert (
        set(found)
        == set(collecting.keys)
        == {
            "test_plain",
            "test_cases[a]",
            "test_cases[b]",
            "test_method[1]",
            "test_method[2]",
            "runTest",
        }
    )
    for name, key in found.items():
        assert key in collecting.keys[name], name
    assert len(set(found.values())) == len(found)
    assert found["test_cases[a]"] == collecting.keys["test_cases[a]"][0]


class Stored:
    def __init__(self, *keys):
        self._keys = keys

    def keys(self):
        return [*self._keys]


def test_the_key_of_a_test_is_the_one_that_holds_a_failure():
    database = InMemoryExampleDatabase()
    assert key_of(Stored(b"a", b"b"), database) is None
    database.save(b"b.secondary", b"example")
    assert key_of(Stored(b"a", b"b"), database) == b"b"
    database.save(b"a.pareto", b"no failure")
    assert key_of(Stored(b"a"), database) is None


def test_an_item_that_hypothesis_does_not_know_is_no_test_of_its(request):
    assert hypothesis_test(request.node) is None
