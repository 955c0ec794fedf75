"""Each class holds what its name says, and model and service judge all of it alike."""

import json
import math
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_meme_gen.domain import GenerateMeme, Priority, payload_key, validate
from dspy_meme_gen.errors import InvalidRequest
from model.validation import Fit, Refused, judge
from model.values import request_from
from strategies import boundary, malicious
from strategies.boundary import LIMITS
from strategies.classes import CLASSES, DOCUMENTS, SEQUENCES


def texts(request: GenerateMeme) -> list[str]:
    """The text fields, those of the simplest request left out."""
    simplest = GenerateMeme("r1", "cats")
    given_texts = [(getattr(request, field), getattr(simplest, field)) for field in LIMITS]
    return [text for text, usual in given_texts if isinstance(text, str) and text != usual]


def some_text(holds):
    return lambda request: any(holds(text) for text in texts(request))


def carries(attacks):
    return some_text(lambda text: any(attack in text for attack in attacks))


def has_any(*signs):
    return some_text(lambda text: any(sign in text for sign in signs))


def has_category(*categories):
    return some_text(lambda text: any(unicodedata.category(character) in categories for character in text))


def some_length(extra):
    return lambda request: any(isinstance(value := getattr(request, f), str) and len(value) == LIMITS[f] + extra for f in LIMITS)


def fields_of(request: GenerateMeme) -> list[str]:
    return list(request.__dataclass_fields__)


def fields_unlike(types):
    return lambda request: any(type(getattr(request, field)) not in allowed for field, allowed in types.items())


TYPES = {
    **dict.fromkeys(("request_id", "topic", "format", "user_id"), (str,)),
    **dict.fromkeys(("style", "context"), (str, type(None))),
    **dict.fromkeys(("target_score", "deadline_s"), (float, int)),
    "max_refinements": (int,),
    "priority": (Priority,),
}

INJECTIONS = (*malicious.PROMPTS, "Ignore the above", "SYSTEM:", "Forget your", "As the developer")

PROMISES = {
    "valid": lambda request: isinstance(judge(request), Fit),
    "empty": lambda request: any(getattr(request, field) == "" for field in LIMITS),
    "white space only": some_text(str.isspace),
    "white space around and within": some_text(lambda text: " ".join(text.split()) != text and not text.isspace()),
    "one character": some_text(lambda text: len(text) == 1),
    "as long as allowed": some_length(0),
    "one character too long": some_length(1),
    "longer in NFC": some_text(lambda text: len(unicodedata.normalize("NFC", text)) > len(text)),
    "shorter in NFC": some_text(lambda text: len(unicodedata.normalize("NFC", text)) < len(text)),
    "combining marks": some_text(lambda text: not unicodedata.is_normalized("NFC", text) or any(map(unicodedata.combining, text))),
    "astral planes": some_text(lambda text: max(text) > "\uffff"),
    "right to left": some_text(lambda text: any(unicodedata.bidirectional(c) in {"R", "AL", "RLE", "RLO", "RLI"} for c in text)),
    "zero width": has_category("Cf"),
    "NUL": some_text(lambda text: "\x00" in text),
    "control characters": has_category("Cc"),
    "refinements at the edge": lambda request: request.max_refinements in {-1, 0, 3, 4},
    "target score at the edge": lambda request: min(abs(request.target_score), abs(request.target_score - 1)) < 1e-9,
    "deadline at the edge": lambda request: min(abs(request.deadline_s + 1), abs(request.deadline_s), abs(request.deadline_s - 300)) <= 1,
    "markup and script": has_any("<", "javascript:", "data:", "&lt;", "&#", "onfocus=", "onerror="),
    "sql": has_any("'", '"', "--", ";", "%", "`", " OR ", " AND ", "UNION", "ORDER BY", "UN/**/ION", "$$"),
    "template and format strings": has_any("{", "%", "#{", "${"),
    "shell commands": carries(malicious.NASTY["shell commands"].values()),
    "path traversal": has_any("..", "/", "\\", "~", "%2e", "%252e", "%c0%ae", "%00", "::$"),
    "requests forged": has_any("//"),
    "header and log injection": has_any("\r", "\n", "\u2028", "\u2029", "\x85", "\x1b", "%0d%0a", "\u560a"),
    "homoglyphs": some_text(lambda text: text.isprintable() and not text.isascii()),
    "prompt injection": has_any(*INJECTIONS),
    "words with a meaning": carries(malicious.NASTY["words with a meaning"].values()),
    "texts that change": carries(malicious.NASTY["texts that change"].values()),
    "path traversal in ids": lambda request: PROMISES["path traversal"](request) and request.topic == "cats",
    "oversized": some_text(lambda text: len(text) > 2 * max(LIMITS.values())),
    "wrong types": fields_unlike(TYPES),
    "not a number, infinite, huge": lambda request: not isinstance(judge(request), Fit),
    "lone surrogates": has_category("Cs"),
    "by the schema": lambda request: not fields_unlike(TYPES)(request),
}


def test_every_class_makes_a_promise():
    assert list(CLASSES) == list(PROMISES)


@pytest.mark.parametrize("name", CLASSES)
@given(st.data())
def test_a_class_holds_what_its_name_says(name, data):
    assert PROMISES[name](data.draw(CLASSES[name]))


def by_the_service(raw: GenerateMeme) -> GenerateMeme | tuple[str, ...]:
    """The normalised request, or the fields that are complained of, in order."""
    try:
        return validate(raw)
    except InvalidRequest as refusal:
        return tuple(dict.fromkeys(field for field, _ in refusal.problems))


def exactly(value: object) -> tuple[type, str]:
    """1 is not 1.0 here, nor 0.0 minus zero."""
    return type(value), repr(value)


@pytest.mark.parametrize("name", CLASSES)
@given(st.data())
def test_model_and_service_judge_alike(name, data):
    raw = data.draw(CLASSES[name])
    verdict, taken = judge(raw), by_the_service(raw)
    if isinstance(verdict, Refused):
        assert taken == verdict.fields
        return
    assert [(field, exactly(value)) for field, value in verdict.values] == [(f, exactly(getattr(taken, f))) for f in fields_of(taken)]
    assert request_from(taken).payload.key == payload_key(taken)
    assert validate(taken) == taken


@pytest.mark.parametrize("name", ["one character too long", "oversized", "control characters", "lone surrogates", "empty"])
def test_some_classes_are_refused_whenever_the_field_is_no_context(name):
    @given(CLASSES[name].filter(lambda request: request.context is None))
    def refused(request):
        assert isinstance(judge(request), Refused)

    refused()


@pytest.mark.parametrize(
    "name", ["markup and script", "sql", "template and format strings", "prompt injection", "homoglyphs", "astral planes"]
)
def test_an_attack_in_an_ordinary_text_is_taken_as_text(name):
    @given(CLASSES[name].filter(lambda request: request.format == "classic"))
    def taken(request):
        verdict = judge(request)
        assert isinstance(verdict, Fit) or set(verdict.fields) <= {"style", "request_id", "user_id"}

    taken()


@given(SEQUENCES["replayed ids"])
def test_replayed_ids_are_one_request(requests):
    assert len(requests) >= 2
    assert len(set(requests)) == 1


@given(SEQUENCES["conflicting ids"])
def test_conflicting_ids_have_one_id_and_two_payloads(requests):
    assert len({request.request_id for request in requests}) == 1
    assert len({payload_key(validate(request)) for request in requests}) == 2


@given(SEQUENCES["same id from another user"])
def test_the_same_id_from_another_user_is_the_same_payload(requests):
    assert len({request.request_id for request in requests}) == 1
    assert len({payload_key(validate(request)) for request in requests}) == 1
    assert len(set(requests)) == 2


@given(SEQUENCES["colliding keys"])
def test_colliding_keys_are_four_payloads_of_the_same_words(requests):
    joined = {
        " ".join(filter(None, (request.topic, request.style, request.context))) for request in requests if request.style or request.context
    }
    assert len(joined) <= 2
    assert len({payload_key(validate(request)) for request in requests}) == 4


@given(SEQUENCES["equal once tidied"])
def test_equal_once_tidied_are_equal_payloads_under_two_ids(requests):
    assert len({request.topic for request in requests}) == 2
    assert len({payload_key(validate(request)) for request in requests}) == 1
    assert len({request.request_id for request in requests}) == 2


def depth_of(text: str) -> int:
    return text.count("[")


def pairs_of(text: str) -> list[tuple[str, object]]:
    return json.loads(text, object_pairs_hook=list)


def java_hash(text: str) -> int:
    value = 0
    for character in text:
        value = (31 * value + ord(character)) % 2**32
    return value


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


DOCUMENT_PROMISES = {
    "deeply nested": lambda text: depth_of(text) >= 100,
    "oversized": lambda text: len(text) > 2**16,
    "duplicate keys": lambda text: len(pairs_of(text)) > len(dict(pairs_of(text))),
    "many keys": lambda text: len(json.loads(text)) > 1000,
    "keys of one hash": lambda text: len({java_hash(key) for key in json.loads(text) if key != "topic"}) == 1,
    "huge numbers": lambda text: text.count("9") >= 400,
    "numbers that JSON lacks": lambda text: not math.isfinite(json.loads(text)["target_score"]),
    "escaped lone surrogates": lambda text: any(unicodedata.category(character) == "Cs" for character in json.loads(text)["topic"]),
    "not JSON": lambda text: not is_json(text),
    "not an object": lambda text: is_json(text) and not isinstance(json.loads(text), dict),
}


def test_every_kind_of_document_makes_a_promise():
    assert list(DOCUMENTS) == list(DOCUMENT_PROMISES)


@pytest.mark.parametrize("name", DOCUMENTS)
@given(st.data())
def test_a_document_is_what_its_name_says(name, data):
    assert DOCUMENT_PROMISES[name](data.draw(DOCUMENTS[name]))


def test_the_names_of_the_two_tables_of_requests_do_not_clash():
    assert not set(boundary.BOUNDARY) & set(malicious.MALICIOUS)
