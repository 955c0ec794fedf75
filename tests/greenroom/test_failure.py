from __future__ import annotations

import pykka

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


def test_a_failure_is_told_in_forty_lines_and_whole_where_that_is_asked_for():
    class Counter(pykka.ThreadingActor):
        def on_receive(self, message):
            return message

    def scenario():
        counter, other = Counter.start(), Counter.start()
        other.tell("aside")
        for number in range(60):
            counter.ask(number)
        pykka.ActorRegistry.stop_all()
        raise LookupError

    failure = greenroom.replay(scenario, "g1:").failure
    assert len(str(failure).splitlines()) <= 40
    assert "aside" not in str(failure)
    whole = failure.told(whole=True)
    assert "aside" in whole
    assert all(f"→ Counter-1 #{number} ask" in whole for number in range(1, 61))


def test_the_line_that_raised_is_the_programs_own():
    def scenario():
        pykka.ThreadingFuture().get(timeout=1)

    assert greenroom.replay(scenario, "g1:").failure.headline.startswith("Timeout: 1 seconds (test_failure.py:")
