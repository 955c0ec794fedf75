"""A schedule is a value that prints as one word and is read back from it."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom import Schedule, ScheduleSyntaxError

choices = (
    st.text(min_size=1)
    | st.integers(0, 99).map("#{}".format)
    | st.sampled_from(["Counter-2", "Thread-1 (run)", "a=b,c", "naïve~2", "'quoted'"])
)
schedules = st.dictionaries(st.integers(0, 10**6), choices, max_size=8).map(lambda pairs: Schedule.of(sorted(pairs.items())))


@given(schedules)
def test_what_is_printed_is_read_back(schedule):
    assert Schedule.parse(str(schedule)) == schedule


@given(schedules)
def test_the_text_is_one_word_between_quotes(schedule):
    text = str(schedule)
    assert text.isascii()
    assert "'" not in text
    assert shlex.split(f"'{text}'") == [text]
    assert Schedule.parse(f" '{text}'\n") == schedule


def test_the_empty_schedule_is_the_default_order():
    assert str(Schedule()) == "g1:"
    assert Schedule.parse("g1:") == Schedule()
    assert len(Schedule()) == 0


def test_it_reads_as_a_person_would_write_it():
    schedule = Schedule.parse("g1:7=Counter-2,12=#1")
    assert schedule.deviations == ((7, "Counter-2"), (12, "#1"))
    assert str(schedule) == "g1:7=Counter-2,12=#1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "begins with 'g1:'"),
        ("7=Counter-2", "begins with 'g1:'"),
        ("g2:7=Counter-2", "begins with 'g1:'"),
        ("g1:7", "'7' is no deviation"),
        ("g1:7=", "'7=' is no deviation"),
        ("g1:=Counter-2", "'=Counter-2' is no deviation"),
        ("g1:x=Counter-2", "'x=Counter-2' is no deviation"),
        ("g1:-1=Counter-2", "'-1=Counter-2' is no deviation"),
        ("g1:1=a=b", "'1=a=b' is no deviation"),
        ("g1:1=a,", "'' is no deviation"),
        ("g1:3=a,3=b", "decisions must increase"),
        ("g1:3=a,1=b", "decision 1 comes after decision 3"),
    ],
)
def test_each_syntax_error_says_what_was_expected(text, message):
    with pytest.raises(ScheduleSyntaxError, match=message):
        Schedule.parse(text)
