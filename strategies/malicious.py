"""Attacks, by name. Each strategy gives a raw request that carries one: of the corpus in `nasty`, or put together from its parts.

Most are valid text, which must go through unharmed and do no harm; some must be refused.
"""

import math

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dspy_meme_gen.domain import GenerateMeme
from strategies.assembled import ASSEMBLED
from strategies.boundary import around, with_field, with_text
from strategies.nasty import NASTY

MARKUP, SQL, TEMPLATES, PATHS, HEADERS, HOMOGLYPHS, PROMPTS = (
    tuple(NASTY[name].values())
    for name in (
        "markup and script",
        "sql",
        "template and format strings",
        "path traversal",
        "header and log injection",
        "homoglyphs",
        "prompt injection",
    )
)
SURROGATES = ("\ud800", "\udfff", "ca\udc00ts", "\udc00\ud800", "\ud83d")
WRONG = (None, True, 0, 1.5, b"cats", ["cats"], {"topic": "cats"}, ("cats",), object)
NOT_NUMBERS = (math.nan, math.inf, -math.inf, 10**400, -(10**400), 2**63, 1e308, "0.7", None, True, 1 + 0j, [1])
NUMBERS = ("max_refinements", "target_score", "deadline_s")
FIELDS = tuple(GenerateMeme.__dataclass_fields__)
OPTIONAL = ("style", "context")


def _wrong_types() -> SearchStrategy[GenerateMeme]:
    text_fields = tuple(field for field in FIELDS if field not in NUMBERS and field not in OPTIONAL)
    return st.one_of(
        st.builds(with_field, st.sampled_from(text_fields), st.sampled_from(WRONG)),
        st.builds(with_field, st.sampled_from(OPTIONAL), st.sampled_from(WRONG[1:])),
        st.builds(with_field, st.just("priority"), st.sampled_from(("low", "urgent", 1))),
        st.builds(with_field, st.just("max_refinements"), st.sampled_from((True, False, 1.0, "1", None))),
        st.builds(with_field, st.sampled_from(NUMBERS[1:]), st.sampled_from(("0.5", True, None, [1], 1j))),
    )


def attacks(name: str) -> SearchStrategy[str]:
    """The texts of a class: of the corpus, alone or among plain letters, and new ones of the same kind."""
    listed = around(tuple(NASTY[name].values()))
    return listed | ASSEMBLED[name] if name in ASSEMBLED else listed


MALICIOUS: dict[str, SearchStrategy[GenerateMeme]] = {
    **{name: with_text(attacks(name)) for name in NASTY},
    "prompt injection": with_text(attacks("prompt injection"), "topic", "style", "context"),
    "path traversal in ids": with_text(attacks("path traversal"), "request_id", "user_id"),
    "oversized": with_text(st.integers(11, 17).map(lambda bits: "a" * 2**bits)),
    "wrong types": _wrong_types(),
    "not a number, infinite, huge": st.builds(with_field, st.sampled_from(NUMBERS), st.sampled_from(NOT_NUMBERS)),
    "lone surrogates": with_text(around(SURROGATES)),
}
