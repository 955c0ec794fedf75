"""What the same work leaves behind is counted, and the line that allocated it is named."""

from __future__ import annotations

from machines.repetition import growing_lines, growth_of

KEPT = []


def leaking(number):
    KEPT.extend([number, index] for index in range(10))  # the planted leak


def tidy(number):
    [[number, index] for index in range(10)]


def test_a_planted_leak_is_named_by_its_line():
    assert f"{__file__}:{leaking.__code__.co_firstlineno + 1}" in growing_lines(leaking)
    KEPT.clear()


def test_work_that_leaves_nothing_names_no_line_of_its_own():
    assert __file__ not in growing_lines(tidy)


def test_a_leak_grows_in_each_round_and_tidy_work_does_not():
    assert growth_of(leaking, 5)[-1] > 5
    assert growth_of(tidy, 5)[-1] <= 5
    KEPT.clear()
