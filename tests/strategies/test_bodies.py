"""Bodies by the published schemas keep them; those that break them do so in one place, and every kind of breach comes up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from strategies.bodies import BODIES, SEARCH, WISH, breaking
from tests.strategies.drawn import examples

ENOUGH = 150
SCHEMAS = {"a wish": WISH, "a search": SEARCH}


def schema_of(name):
    return SCHEMAS[" ".join(name.split()[:2])]


@pytest.mark.parametrize("name", BODIES)
@given(st.data())
def test_a_body_keeps_or_breaks_its_schema_as_its_name_says(name, data):
    body = data.draw(BODIES[name])
    assert Draft202012Validator(schema_of(name)).is_valid(body) == ("breaks" not in name)


@pytest.mark.parametrize("name", [name for name in BODIES if "breaks" in name])
def test_a_body_breaks_its_schema_in_one_place(name):
    for body in examples(BODIES[name], ENOUGH):
        places = {(tuple(error.absolute_path), error.validator) for error in Draft202012Validator(schema_of(name)).iter_errors(body)}
        assert len({path for path, _ in places}) == 1


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        (
            "a wish that breaks the schema",
            {"required", "additionalProperties", "type", "maxLength", "minLength", "pattern", "enum", "minimum"},
        ),
        ("a search that breaks the schema", {"additionalProperties", "type", "maxLength", "minimum", "maximum"}),
    ],
)
def test_every_rule_is_broken_by_something(name, rules):
    broken = {
        error.validator for body in examples(BODIES[name], ENOUGH) for error in Draft202012Validator(schema_of(name)).iter_errors(body)
    }
    assert rules <= broken


@pytest.mark.parametrize("field", WISH["properties"])
def test_every_field_is_broken_by_something(field):
    alone = {**WISH, "properties": {field: WISH["properties"][field]}, "required": []}
    broken = [error for body in examples(breaking(alone), 40) for error in Draft202012Validator(alone).iter_errors(body)]
    assert any(field in error.absolute_path for error in broken)


def test_the_first_values_beyond_a_bound_are_among_them():
    schema = {"type": "object", "additionalProperties": False, "properties": {"n": {"type": "integer", "minimum": 2, "maximum": 5}}}
    drawn = {repr(body["n"]) for body in examples(breaking(schema), ENOUGH) if set(body) == {"n"}}
    assert {"1", "6", "True", "None"} <= drawn
    assert not {"2", "3", "4", "5"} & drawn
