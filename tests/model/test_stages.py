"""The order of stages."""

from __future__ import annotations

import pytest

from model.stages import first_wrong

WHOLE = ("routing", "cache", "text", "verification", "scoring", "refining", "verification", "scoring", "image", "storing", "completed")


def test_a_whole_request_and_each_beginning_of_one_are_in_order():
    for length in range(len(WHOLE) + 1):
        assert first_wrong(WHOLE[:length]) is None
        assert first_wrong((*WHOLE[:length], "cancelled")) == (None if length < len(WHOLE) else len(WHOLE))


@pytest.mark.parametrize("place", range(len(WHOLE) - 1))
def test_a_stage_left_out_is_noticed_where_it_is_missed(place):
    left_out = (*WHOLE[:place], *WHOLE[place + 1 :])
    excused = {("cache", "completed"), ("scoring", "image"), ("verification", "image")}
    before = WHOLE[place - 1] if place else ""
    if (before, WHOLE[place + 1]) not in excused and WHOLE[place + 1] not in {"verification", "scoring"}:
        assert first_wrong(left_out) == place


def test_each_orchestrator_that_died_explains_one_more_beginning():
    stages = ("routing", "cache", "text", "cache", "text", "verification")
    assert first_wrong(stages) == 3
    assert first_wrong(stages, reruns=1) is None


def test_nothing_comes_after_the_end():
    assert first_wrong(("routing", "cache", "completed", "cancelled")) == 3
