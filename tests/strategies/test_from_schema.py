"""Requests from the schema, and the repair that makes hypothesis-jsonschema give them."""

import hypothesis_jsonschema._from_schema as upstream
import pytest
from hypothesis import given
from hypothesis.errors import HypothesisException
from hypothesis.internal.conjecture import utils
from jsonschema import Draft7Validator

from model.validation import Refused, judge
from strategies.from_schema import SCHEMA, breaking_documents, documents, from_schema, request_of
from tests.strategies.drawn import examples

VALIDATOR = Draft7Validator(SCHEMA)
DOCUMENTS = documents()
ONE_FIELD = {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]}


def test_the_schema_is_a_schema():
    Draft7Validator.check_schema(SCHEMA)


@given(DOCUMENTS)
def test_documents_keep_the_schema(document):
    assert VALIDATOR.is_valid(document)


@given(breaking_documents())
def test_breaking_documents_break_the_schema_and_are_refused(document):
    assert not VALIDATOR.is_valid(document)
    try:
        request = request_of(document)
    except TypeError:
        return
    assert isinstance(judge(request), Refused)


def test_a_good_part_of_what_keeps_the_schema_is_taken():
    verdicts = [judge(request_of(document)) for document in examples(DOCUMENTS, 100)]
    taken = sum(not isinstance(verdict, Refused) for verdict in verdicts)
    assert taken >= len(verdicts) // 4


def test_optional_fields_come_and_go():
    sizes = {len(document) for document in examples(DOCUMENTS, 100)}
    assert min(sizes) == 2
    assert max(sizes) >= 5


def test_an_element_that_a_dependency_forbids_is_rejected():
    schema = {"type": "object", "properties": {"a": {"const": 1}, "b": {"const": 2}}, "dependencies": {"b": {"required": ["c"]}}}
    seen = examples(from_schema(schema), 100)
    assert all("c" in document for document in seen if "b" in document)
    assert any("a" in document for document in seen)


def test_the_repair_is_still_needed(monkeypatch):
    """Without it hypothesis-jsonschema fails on every object. When this test fails, delete `_Elements`, `repair` and this test."""
    monkeypatch.setattr(upstream, "cu", utils)
    with pytest.raises((AttributeError, HypothesisException)) as caught:
        examples(from_schema(ONE_FIELD), 20)
    assert "more" in str(caught.value), "hypothesis-jsonschema fails on objects for another reason than the one that is repaired"


def test_the_repair_works():
    assert all(isinstance(document["topic"], str) for document in examples(from_schema(ONE_FIELD), 20))
