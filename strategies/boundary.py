"""The edges of every rule, by name. Each strategy gives a raw request, valid or not, in which one field is of that kind."""

import math
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dspy_meme_gen.domain import GenerateMeme

LIMITS = {"topic": 100, "format": 50, "style": 50, "context": 1000, "request_id": 128, "user_id": 128}
"""The text fields, and how many characters each may have."""

COMBINING = ("e\u0301", "a\u0308\u0323", "\u0915\u093c", "\u1100\u1161\u11a8", "o" + "\u0335" * 20)
ASTRAL = ("😀", "𝒞", "🏴\U000e0067\U000e0062\U000e007f", "👩\u200d🚀", "\U0010ffff")
RIGHT_TO_LEFT = ("שלום", "مرحبا", "\u202eabc\u202c", "abc\u200fאב", "\u2067x\u2069")
ZERO_WIDTH = ("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "ca\u200bts")
WHITE = (" ", "  ", "\t", "\n", "\u00a0", "\u2003", "\u3000", "\u2028", "\x1f", "\x85")
SPACED = ("  cats  ", "cats\u3000and\ttea", "\ncats\n", "cats \u2003 tea", f"cats{1000 * ' '}tea")
CONTROLS = ("\x00", "\x01", "\x07", "\x1b[31m", "\x7f", "\x80", "\x9b")
GROWS_IN_NFC = "\ufb2c"
"""One character that is three in NFC."""


def with_text(texts: SearchStrategy[str], *fields: str) -> SearchStrategy[GenerateMeme]:
    """Requests with such a text in one of the text fields, or in one of those named."""
    return st.builds(with_field, st.sampled_from(fields or tuple(LIMITS)), texts)


def with_field(field: str, value: object) -> GenerateMeme:
    """The simplest request, but for one field."""
    return replace(GenerateMeme("r1", "cats"), **{field: value})


def around(texts: tuple[str, ...]) -> SearchStrategy[str]:
    """One of these texts, alone or among plain letters."""
    return st.tuples(st.sampled_from(("", "cats")), st.sampled_from(texts), st.sampled_from(("", "tea"))).map("".join)


def of_length(extra: int) -> SearchStrategy[GenerateMeme]:
    """A text field as long as it may be, and so many characters more."""
    return st.builds(
        lambda field, letter: with_field(field, letter * (LIMITS[field] + extra)), st.sampled_from(tuple(LIMITS)), st.sampled_from("aé猫😀")
    )


def with_number(field: str, *values: float) -> SearchStrategy[GenerateMeme]:
    """Requests with one of these numbers."""
    return st.sampled_from(values).map(lambda value: with_field(field, value))


BOUNDARY: dict[str, SearchStrategy[GenerateMeme]] = {
    "empty": with_text(st.just("")),
    "white space only": with_text(st.lists(st.sampled_from(WHITE), min_size=1, max_size=3).map("".join)),
    "white space around and within": with_text(st.sampled_from(SPACED)),
    "one character": with_text(st.sampled_from("aZ7é猫😀")),
    "as long as allowed": of_length(0),
    "one character too long": of_length(1),
    "longer in NFC": st.sampled_from((33, 34, 100)).map(lambda count: with_field("topic", GROWS_IN_NFC * count)),
    "shorter in NFC": st.sampled_from((100, 101)).map(lambda count: with_field("topic", "e\u0301" * count)),
    "combining marks": with_text(around(COMBINING)),
    "astral planes": with_text(around(ASTRAL)),
    "right to left": with_text(around(RIGHT_TO_LEFT)),
    "zero width": with_text(around(ZERO_WIDTH)),
    "NUL": with_text(around(("\x00",))),
    "control characters": with_text(around(CONTROLS)),
    "refinements at the edge": with_number("max_refinements", 0, 3, 4, -1),
    "target score at the edge": with_number(
        "target_score", 0.0, -0.0, 0, 1, 1.0, 5e-324, -5e-324, math.nextafter(1, 2), math.nextafter(1, 0)
    ),
    "deadline at the edge": with_number("deadline_s", 300, 300.0, math.nextafter(300, 301), 301, 0, 0.0, -0.0, 5e-324, -1),
}
