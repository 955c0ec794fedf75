"""Validation in small scopes: every text of up to five of the characters that matter, every number that is an edge of a rule."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import replace
from itertools import chain, product

import pytest

from model import validation
from model.validation import Fit, Unfit, judge, text
from strategies.boundary import with_field

LETTERS = (" ", "\t", "\u2003", "a", "e", "\u0301", "\x00", "\ud800", "\u200b")
"""White space of three kinds, a letter that composes with the mark and one that does not, what is refused, and what only looks empty."""
LONGEST = 5
MOST = 3
EDGES = (
    0,
    1,
    2,
    3,
    4,
    -1,
    True,
    False,
    None,
    "1",
    0.0,
    -0.0,
    5e-324,
    0.5,
    1.0,
    300,
    300.0,
    math.nextafter(300, 301),
    math.inf,
    math.nan,
    10**400,
)


def texts():
    return map("".join, chain.from_iterable(product(LETTERS, repeat=length) for length in range(LONGEST + 1)))


def tidied(rule, given):
    try:
        return rule(given)
    except Unfit:
        return None


def it_is_as_long_as_allowed(_given, tidy):
    return 1 <= len(tidy) <= MOST


def it_is_composed(_given, tidy):
    return unicodedata.is_normalized("NFC", tidy)


def its_white_space_is_one_space_within(_given, tidy):
    return tidy.split() == tidy.split(" ") and "" not in tidy.split(" ")


def nothing_in_it_is_a_control_or_half_a_pair(_given, tidy):
    return not any(unicodedata.category(character) in {"Cc", "Cs"} for character in tidy)


def tidying_again_changes_nothing(_given, tidy):
    return tidied(text(MOST), tidy) == tidy


def no_word_is_lost(given, tidy):
    return tidy.split() == unicodedata.normalize("NFC", given).split()


CLAIMS = [
    it_is_as_long_as_allowed,
    it_is_composed,
    its_white_space_is_one_space_within,
    nothing_in_it_is_a_control_or_half_a_pair,
    tidying_again_changes_nothing,
    no_word_is_lost,
]


def broken(rule, claims):
    """The first claim that a taken text breaks, and how many texts were taken."""
    taken = 0
    for given in texts():
        tidy = tidied(rule, given)
        if tidy is not None:
            taken += 1
            for claim in claims:
                if not claim(given, tidy):
                    return claim, given, taken
    return None, None, taken


def test_every_short_text_that_is_taken_keeps_every_claim():
    assert sum(1 for _ in texts()) == sum(len(LETTERS) ** length for length in range(LONGEST + 1))
    assert broken(text(MOST), CLAIMS) == (None, None, 10_892)


def test_what_is_refused_has_a_reason():
    """Too short or too long as it would be shown, or with a character that nobody may send."""
    for given in texts():
        if tidied(text(MOST), given) is None:
            shown = " ".join(unicodedata.normalize("NFC", given).split())
            assert not 1 <= len(shown) <= MOST or "\x00" in given or "\ud800" in given


WRONG = [
    (text(MOST + 1), it_is_as_long_as_allowed),
    (lambda given: unicodedata.normalize("NFD", text(MOST)(given)), it_is_composed),
    (lambda given: f"{text(MOST)(given)} ", its_white_space_is_one_space_within),
    (lambda given: text(MOST)(given.replace("\x00", "")) + "\x00" * given.count("\x00"), nothing_in_it_is_a_control_or_half_a_pair),
    (lambda given: text(MOST)(given).replace("\u200b", ""), no_word_is_lost),
    (lambda given: text(MOST)(given) + "aaa", tidying_again_changes_nothing),
]


@pytest.mark.parametrize(("rule", "claim"), WRONG)
def test_a_wrong_rule_breaks_the_claim(rule, claim):
    assert broken(rule, [claim])[0] is claim


def test_every_claim_is_broken_by_something():
    assert {claim for _, claim in WRONG} == set(CLAIMS)


@pytest.mark.parametrize("field", ["max_refinements", "target_score", "deadline_s"])
@pytest.mark.parametrize("value", EDGES)
def test_a_number_that_is_taken_is_within_its_limits_and_stays_as_it_is(field, value):
    verdict = judge(with_field(field, value))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    legal = {
        "max_refinements": number and isinstance(value, int) and 0 <= value <= 3,
        "target_score": number and 0 <= value <= 1,
        "deadline_s": number and 0 < value <= 300,
    }[field]
    assert isinstance(verdict, Fit) == legal
    if isinstance(verdict, Fit):
        given = dict(verdict.values)[field]
        assert given == value
        assert math.copysign(1, given) == 1
        assert type(given) is (int if field == "max_refinements" else float)


def test_every_set_of_unfit_fields_is_named_in_order():
    """All 2 ** 10 of them."""
    bad = {"request_id": "", "topic": "", "format": "x", "style": "", "context": "\x00", "user_id": "", "priority": "low"}
    bad |= {"max_refinements": 4, "target_score": 2, "deadline_s": 0}
    for mask in product((False, True), repeat=len(bad)):
        chosen = {field: value for (field, value), unfit in zip(bad.items(), mask, strict=True) if unfit}
        raw = with_field("topic", "cats")
        for field, value in chosen.items():
            raw = replace(raw, **{field: value})
        verdict = judge(raw)
        assert (isinstance(verdict, Fit) and not chosen) or verdict.fields == tuple(field for field in validation.RULES if field in chosen)
