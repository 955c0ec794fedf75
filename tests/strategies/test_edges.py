"""Every value that a class is about is really drawn, within as many examples as the ci profile gives it."""

from __future__ import annotations

import pytest

from dspy_meme_gen.domain import Priority
from strategies import boundary, malicious
from strategies.boundary import LIMITS
from strategies.classes import CLASSES, DOCUMENTS
from tests.strategies.drawn import examples

ENOUGH = 300


def values(name, field):
    return {(type(value), repr(value)) for value in (getattr(request, field) for request in examples(CLASSES[name], ENOUGH))}


def lengths(name, field):
    return {len(text) for request in examples(CLASSES[name], ENOUGH) if isinstance(text := getattr(request, field), str)}


@pytest.mark.parametrize("field", LIMITS)
def test_every_text_field_is_empty_of_one_character_full_and_too_long(field):
    assert 0 in lengths("empty", field)
    assert 1 in lengths("one character", field)
    assert LIMITS[field] in lengths("as long as allowed", field)
    assert LIMITS[field] + 1 in lengths("one character too long", field)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("white space around and within", boundary.SPACED),
        ("combining marks", boundary.COMBINING),
        ("astral planes", boundary.ASTRAL),
        ("right to left", boundary.RIGHT_TO_LEFT),
        ("zero width", boundary.ZERO_WIDTH),
        ("control characters", boundary.CONTROLS),
        ("NUL", ("\x00",)),
        ("lone surrogates", malicious.SURROGATES),
        ("one character", ("a", "Z", "7", "é", "猫", "😀")),
    ],
)
def test_every_text_of_the_class_comes_up(name, texts):
    drawn = {str(getattr(request, field)) for request in examples(CLASSES[name], ENOUGH) for field in LIMITS}
    assert [text for text in texts if not any(text in each for each in drawn)] == []


@pytest.mark.parametrize(
    ("name", "field", "wanted"),
    [
        ("refinements at the edge", "max_refinements", (0, 3, 4, -1)),
        ("target score at the edge", "target_score", (0.0, -0.0, 0, 1, 1.0, 5e-324, -5e-324, 1.0000000000000002, 0.9999999999999999)),
        ("deadline at the edge", "deadline_s", (300, 300.0, 300.00000000000006, 301, 0, 0.0, -0.0, 5e-324, -1)),
        ("not a number, infinite, huge", "deadline_s", malicious.NOT_NUMBERS),
        ("not a number, infinite, huge", "target_score", malicious.NOT_NUMBERS),
        ("not a number, infinite, huge", "max_refinements", malicious.NOT_NUMBERS),
    ],
)
def test_every_number_of_the_class_comes_up(name, field, wanted):
    assert {(type(value), repr(value)) for value in wanted} <= values(name, field)


def test_texts_that_change_their_length_cross_the_limit_in_both_directions():
    assert {33, 34, 100} == lengths("longer in NFC", "topic")
    assert {200, 202} == lengths("shorter in NFC", "topic")


@pytest.mark.parametrize("field", malicious.FIELDS)
def test_every_field_is_given_a_wrong_type(field):
    usual = {"style": (str, type(None)), "context": (str, type(None)), "target_score": (float, int), "deadline_s": (float, int)}
    drawn = [type(getattr(request, field)) for request in examples(CLASSES["wrong types"], ENOUGH)]
    right = usual.get(field, (int,) if field == "max_refinements" else (str,))
    odd = {kind for kind in drawn if kind not in right}
    assert odd - {Priority} if field == "priority" else odd


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("deeply nested", {100, 1_000, 100_000}),
        ("keys of one hash", {2**8, 2**10, 2**12}),
        ("many keys", {1_000, 10_000}),
        ("huge numbers", {400, 5_000}),
    ],
)
def test_every_size_of_a_document_comes_up(name, sizes):
    count = {
        "deeply nested": lambda text: text.count("["),
        "keys of one hash": lambda text: text.count(": 0"),
        "many keys": lambda text: text.count("key"),
        "huge numbers": lambda text: text.count("9"),
    }[name]
    assert {count(text) for text in examples(DOCUMENTS[name], 60)} == sizes
