"""Which raw requests are acceptable, and what they become: one sentence for each rule."""

import math

import pytest

from dspy_meme_gen.domain import GenerateMeme, Priority
from model.validation import Fit, Refused, judge
from strategies.boundary import with_field


def refused(field, value):
    return judge(with_field(field, value)) == Refused((field,))


def becomes(field, value):
    verdict = judge(with_field(field, value))
    assert isinstance(verdict, Fit), verdict
    return dict(verdict.values)[field]


@pytest.mark.parametrize(
    ("given", "tidy"),
    [
        ("  cats  ", "cats"),
        ("cats \t\n tea", "cats tea"),
        ("cats\u3000tea", "cats tea"),
        ("cre\u0300me", "crème"),
        ("a" * 100, "a" * 100),
        (" " + "a " * 50, "a " * 49 + "a"),
        ("e\u0301" * 100, "é" * 100),
        ("<b>'; --", "<b>'; --"),
    ],
)
def test_text_is_composed_and_tidied(given, tidy):
    assert becomes("topic", given) == tidy


@pytest.mark.parametrize(
    "topic", ["", "   ", "\t\n", "a" * 101, "\ufb2c" * 34, "ca\x00ts", "cats\x07", "\x7f", "\x9b", "\ud800", None, 1, b"cats"]
)
def test_a_topic_must_have_1_to_100_characters_none_of_them_control_or_surrogate(topic):
    assert refused("topic", topic)


def test_style_and_context_may_be_missing():
    assert becomes("style", None) is None
    assert becomes("context", None) is None


def test_a_context_may_be_empty_but_a_style_may_not():
    assert becomes("context", "  ") == ""
    assert refused("style", "  ")


def test_style_and_context_have_their_lengths():
    assert becomes("style", "a" * 50) == "a" * 50
    assert refused("style", "a" * 51)
    assert becomes("context", "a" * 1000) == "a" * 1000
    assert refused("context", "a" * 1001)


@pytest.mark.parametrize("format", ["classic", "drake", "two-buttons", "distracted", "expanding-brain", " classic "])
def test_the_known_formats_are_known(format):  # noqa: A002  the contract's name
    assert becomes("format", format) == format.strip()


@pytest.mark.parametrize("format", ["", "Classic", "clаssic", "x" * 51, None, "classic\x00"])
def test_other_formats_are_refused(format):  # noqa: A002  the contract's name
    assert refused("format", format)


@pytest.mark.parametrize("field", ["request_id", "user_id"])
def test_identifiers_are_printable_short_and_left_alone(field):
    assert becomes(field, " ../a b ") == " ../a b "
    assert becomes(field, "e\u0301") == "e\u0301"
    assert becomes(field, "a" * 128) == "a" * 128
    assert all(refused(field, value) for value in ("", "a" * 129, "a\nb", "\u00a0", "\u200b", "\ud800", 7, None))


def test_a_priority_is_a_member_not_a_word():
    assert becomes("priority", Priority.LOW) is Priority.LOW
    assert refused("priority", "low")


@pytest.mark.parametrize("value", [-1, 4, True, False, 1.0, "1", None, 10**400])
def test_refinements_are_0_to_3(value):
    assert [becomes("max_refinements", number) for number in range(4)] == [0, 1, 2, 3]
    assert refused("max_refinements", value)


@pytest.mark.parametrize("value", [-5e-324, math.nextafter(1, 2), 2, math.nan, math.inf, -math.inf, True, "0.5", None, 10**400])
def test_a_target_score_is_finite_and_0_to_1(value):
    assert refused("target_score", value)


@pytest.mark.parametrize(("value", "number"), [(0, "0.0"), (-0.0, "0.0"), (1, "1.0"), (0.25, "0.25")])
def test_a_number_becomes_a_float_and_minus_zero_zero(value, number):
    assert repr(becomes("target_score", value)) == number


@pytest.mark.parametrize("value", [0, -0.0, -1, math.nextafter(300, 301), math.nan, math.inf, True, None])
def test_a_deadline_is_above_0_and_at_most_300(value):
    assert becomes("deadline_s", 300) == 300.0
    assert refused("deadline_s", value)


def test_all_that_is_wrong_is_named_in_order():
    everything = GenerateMeme("", "", "x", "", "\x00", "", "urgent", 9, 9, 0)
    assert judge(everything) == Refused(
        ("request_id", "topic", "format", "style", "context", "user_id", "priority", "max_refinements", "target_score", "deadline_s")
    )
