"""Text is measured as a terminal shows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.render.columns import columns, fit, fit_name, pad, printable, wrap

texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=30)


@pytest.mark.parametrize(("text", "width"), [("", 0), ("abc", 3), ("→ ●", 3), ("猫", 2), ("e\u0301", 1), ("a\u200db", 2), ("🙀", 2)])
def test_columns_are_counted_as_a_terminal_shows_them(text, width):
    assert columns(text) == width


@given(texts, st.integers(1, 20))
def test_what_is_fitted_is_never_wider_and_is_whole_where_it_can_be(text, width):
    fitted = fit(text, width)
    assert columns(fitted) <= width
    assert (fitted == text) == (columns(text) <= width) or fitted.endswith("…")


@given(texts, st.integers(0, 20))
def test_a_padded_text_is_as_wide_as_was_asked(text, width):
    assert columns(pad(text, width)) == max(width, columns(text))


@pytest.mark.parametrize(
    ("name", "width", "fitted"),
    [
        ("Counter-12", 10, "Counter-12"),
        ("MemeGenerator-12", 12, "MemeGene…-12"),
        ("main", 14, "main"),
        ("averylongname", 8, "averylo…"),
        ("a-verylongtail", 8, "a-veryl…"),
        ("Counter-12", 3, "Co…"),
    ],
)
def test_a_name_keeps_its_number(name, width, fitted):
    assert fit_name(name, width) == fitted


@given(st.text(max_size=60), st.integers(1, 20), st.integers(1, 5))
def test_wrapped_lines_are_few_and_narrow_enough(text, width, most_lines):
    lines = wrap(printable(text), width, most_lines)
    assert len(lines) <= most_lines
    assert all(columns(line) <= width for line in lines)


def test_words_are_kept_whole_and_the_rest_is_cut_in_the_last_line():
    assert wrap("waits for the lock of left", 10, 3) == ["waits for", "the lock", "of left"]
    assert wrap("waits for the lock of left", 10, 2) == ["waits for", "the lock …"]
    assert wrap("", 10, 3) == []


@given(st.text())
def test_printable_text_is_one_line_without_controls(text):
    assert printable(text).isprintable()
    assert len(printable(text)) == len(text)
    assert "\x1b" not in printable("\x1b[31mred\x1b[0m")
