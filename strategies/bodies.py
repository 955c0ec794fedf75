"""Bodies of HTTP requests from the schemas that the service itself publishes, by name: such as keep them, and such as break them."""

import math
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from jsonschema import Draft202012Validator

from dspy_meme_gen.api.schemas import MemeWish, SearchWish
from strategies.from_schema import Document, from_schema

WISH: Document = MemeWish.model_json_schema()
SEARCH: Document = SearchWish.model_json_schema()
STRANGERS = (None, True, [], {}, "", 0, -1, 1.5, 10**20, "\x00", "cats", ["cats"], {"topic": "cats"})
"""Values of every type that JSON has."""
UNKNOWN = ("Topic", "id", "", "__class__", "topic ")
MISSING = object()


def keeping(schema: Document) -> SearchStrategy[Document]:
    """Objects that keep it."""
    return from_schema(schema)


def breaking(schema: Document) -> SearchStrategy[Document]:
    """Objects that break it in one place: a field is missing, unknown, of another type, or just out of its bounds."""
    wrong = {field: values for field, rule in schema["properties"].items() if (values := _wrong(rule))}
    one_wrong = st.sampled_from(tuple(wrong)).flatmap(lambda field: st.sampled_from(wrong[field]).map(lambda value: {field: value}))
    kinds: list[SearchStrategy[Document]] = [
        *[one_wrong] * 4,  # there are many such breaches, and few of the other kinds
        st.sampled_from(UNKNOWN).map(lambda field: {field: "cats"}),
    ]
    if schema.get("required"):
        kinds.append(st.sampled_from(schema["required"]).map(lambda field: {field: MISSING}))
    return st.builds(_broken, keeping(schema), st.one_of(kinds))


def _broken(document: Document, breach: Document) -> Document:
    return {field: value for field, value in (document | breach).items() if value is not MISSING}


def _wrong(rule: Document) -> list[Any]:
    """What a field must not be."""
    allowed = Draft202012Validator(rule)
    return [value for value in (*_just_outside(rule), *STRANGERS) if not allowed.is_valid(value)]


def _just_outside(rule: Document) -> Iterator[Any]:
    """The first values beyond each bound of a rule, and of those that it is made of."""
    for part in rule.get("anyOf", ()):
        yield from _just_outside(part)
    if "maxLength" in rule:
        yield "a" * (rule["maxLength"] + 1)
    if "minimum" in rule:
        yield from (rule["minimum"] - 1, math.nextafter(rule["minimum"], -math.inf))
    if "maximum" in rule:
        yield from (rule["maximum"] + 1, math.nextafter(rule["maximum"], math.inf))
    if "exclusiveMinimum" in rule:
        yield rule["exclusiveMinimum"]
    for word in rule.get("enum", ()):
        yield word.upper()


BODIES: dict[str, SearchStrategy[Document]] = {
    "a wish by the schema": keeping(WISH),
    "a wish that breaks the schema": breaking(WISH),
    "a search by the schema": keeping(SEARCH),
    "a search that breaks the schema": breaking(SEARCH),
}
