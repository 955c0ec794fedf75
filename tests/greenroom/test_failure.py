from __future__ import annotations

import greenroom
from greenroom.explore import explore
from greenroom.failure import same_failure


def fails_at_the_top_of_a_module():
    assert greenroom.choose(1, 2, 3) != 2, "two"


def test_a_scenario_that_can_be_named_is_replayed_from_the_shell():
    failure = explore(fails_at_the_top_of_a_module).failure
    assert failure.replay_line.startswith("replay: greenroom replay ")
    assert failure.replay_line.endswith("test_failure.py::fails_at_the_top_of_a_module 'g1:0=#1'")
    assert failure.headline == "AssertionError: two"


def test_a_scenario_that_cannot_be_named_is_replayed_from_python():
    def local():
        assert greenroom.choose(1, 2) == 1

    failure = explore(local).failure
    assert failure.replay_line == 'replay: greenroom.replay(local, "g1:0=#1")'


def test_failures_are_the_same_when_they_are_raised_by_the_same_line():
    def scenario():
        value = greenroom.choose(0, 1, 2, 3)
        if value == 1:
            raise ValueError(value)
        if value > 1:
            raise ValueError(value)

    one, two, three = (greenroom.replay(scenario, f"g1:0=#{value}").failure for value in (1, 2, 3))
    assert same_failure(two, three)
    assert not same_failure(one, two)


def test_an_error_without_a_text_has_a_headline():
    def scenario():
        raise LookupError

    assert explore(scenario).failure.headline.startswith("LookupError: raise LookupError (test_failure.py:")
