"""Operations as intervals: what a search over them shows, and in how many lines."""

from __future__ import annotations

import greenroom
from greenroom.render.intervals import intervals
from tests.greenroom.checkers.histories import Register, history, operation


def shown(*operations, **options):
    return intervals(greenroom.linearizable(Register()).check(history(*operations)), **options)


def test_overlapping_operations_have_overlapping_bars():
    text = shown(
        operation("ann", ("write", 1), None, 1, 4, serial=1),
        operation("bob", ("read",), 1, 2, 3, serial=2),
        operation("bob", ("read",), 0, 5, 6, serial=3),
    )
    assert text.splitlines() == [
        "  ann #1  ├───────────┤             write(1) → None",
        "  bob #2      ├───┤                 read() → 1",
        "  bob #3                  ├───┤     read() → 0",
        "  the longest legal order is #1 #2; then comes none of",
        "    #3 read(): would have to return 1, returned 0 (in state 1)",
    ]


def test_what_may_still_take_effect_has_no_end():
    text = shown(
        operation("ann", ("write", 1), None, 1, None, serial=1),
        operation("bob", ("read",), 1, 2, 3, serial=2),
        operation("bob", ("read",), 0, 4, 5, serial=3),
    )
    assert "├┄┄┄" in text
    assert "write(1) pending" in text


def test_where_nothing_can_come_first_it_says_so():
    text = shown(operation("ann", ("read",), 7, 1, 2, serial=1))
    assert "  first comes none of" in text
    assert "#1 read(): would have to return 0, returned 7 (in state 0)" in text


def test_an_error_is_shown_as_one():
    assert "read() raised ValueError('no')" in shown(operation("ann", ("read",), None, 1, 2, error=ValueError("no")))


def test_of_a_long_order_the_end_is_shown():
    row = [operation("ann", ("write", number), None, 2 * number, 2 * number + 1, serial=number) for number in range(1, 201)]
    text = shown(*row, operation("bob", ("read",), 1, 500, 501, serial=201))
    lines = text.splitlines()
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 110
    assert lines[0] == "  … 186 earlier operations, in a legal order"
    assert "the longest legal order is … #185 " in text
    assert "#201" in lines[-1]


def test_of_many_refused_operations_the_first_are_shown():
    row = [operation(f"c{number}", ("read",), 9, number, 100 + number, serial=number) for number in range(1, 51)]
    text = shown(*row)
    assert len(text.splitlines()) <= 20
    assert "… and 45 more, none of them legal" in text


def test_a_judgement_without_a_search_has_no_intervals():
    assert intervals(greenroom.every_ask_is_answered().check(history())) == ""
    assert shown(operation("ann", ("read",), 0, 1, 2)) == ""
