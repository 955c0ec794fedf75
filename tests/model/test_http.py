"""What is read of a request: what it asks for, or why it is refused."""

from __future__ import annotations

import json

import pytest

from model.http import MOST_BYTES, Asks, Moved, Refused, Sent, judge
from model.http_json import NOTHING, Deep, Malformed, read

JSON = (("content-type", b"application/json"),)


def posted(body, path="/api/v1/memes/", headers=JSON, **others):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return judge(Sent("POST", path, headers, raw, **others))


def got(target, method="GET", headers=()):
    return judge(Sent(method, target, headers))


@pytest.mark.parametrize(
    ("target", "what", "of"),
    [
        ("/api/v1/memes/", "list", ""),
        ("/api/v1/memes/status/r1", "status", "r1"),
        ("/api/v1/memes/m-0123456789abcdef", "look", "m-0123456789abcdef"),
        ("/api/v1/memes/m-0123456789abcdef/image", "picture", "m-0123456789abcdef"),
        ("/api/v1/analytics/stats/day", "stats", "day"),
        ("/problems/conflict", "problem", "conflict"),
        ("/metrics%0A", "metrics", ""),
        ("/", "page", ""),
    ],
)
def test_a_path_says_what_is_asked_for(target, what, of):
    asks = got(target)
    assert isinstance(asks, Asks)
    assert (asks.what, asks.of) == (what, of)


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/nowhere", "not-found"),
        ("/api/v1/memes/async", "not-found"),
        ("/api/v1/memes/m-0123456789ABCDEF", "not-found"),
        ("/api/v1/memes/a%2Fb/c", "not-found"),
        ("/api/v1/memes//", "not-found"),
        ("/problems/none", "not-found"),
        ("/static/..%2Fapp.py", "not-found"),
        ("/api/v1/analytics/stats/aeon", "invalid"),
        ("/api/v1/memes/?limit=101", "invalid"),
        ("/api/v1/memes/?limit=x", "invalid"),
        ("/api/v1/memes/?start=" + "9" * 5_000, "invalid"),
    ],
)
def test_a_path_or_a_query_may_be_refused(target, problem):
    refused = got(target)
    assert isinstance(refused, Refused)
    assert refused.problems == (problem,)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/api/v1/memes/", ("GET", "POST")),
        ("PUT", "/api/v1/memes/async", ("POST",)),
        ("HEAD", "/", ("GET",)),
        ("POST", "/openapi.json", ("GET", "HEAD")),
    ],
)
def test_a_wrong_method_is_told_all_right_ones(method, path, allow):
    assert got(path, method) == Refused(("method-not-allowed",), allow=allow)


def test_a_slash_too_many_or_too_few_moves():
    assert got("/api/v1/memes") == Moved("/api/v1/memes/")
    assert got("/metrics/") == Moved("/metrics")


def test_what_only_some_take_for_a_number_may_be_taken_or_not():
    for text in ("007", "1.0", "%2B3", "1_0"):
        asks = got(f"/api/v1/memes/?limit={text}")
        assert isinstance(asks, Asks)
        assert asks.unsure is not None
    assert got("/api/v1/memes/?limit=7&limit=8")["limit"] == 8


def test_a_wish_is_read_with_its_defaults_and_tidied_up():
    asks = posted({"topic": "  cats\u00a0and  tea ", "max_refinements": 2.0, "target_score": -0.0})
    assert isinstance(asks, Asks)
    assert (asks["topic"], asks["user_id"], asks["max_refinements"], asks["target_score"]) == ("cats and tea", "anonymous", 2, 0.0)


@pytest.mark.parametrize(
    ("body", "least", "most"),
    [
        ({}, {"topic"}, {"topic"}),
        ([], {"body"}, {"body"}),
        (b"", {"body"}, {"body"}),
        ({"topic": "cats", "Topic": 1, "style": ""}, {"Topic", "style"}, {"Topic", "style"}),
        ({"topic": " ", "deadline_s": 121}, {"deadline_s"}, {"deadline_s", "topic"}),
        ({"topic": "a\x00"}, {"topic"}, {"topic"}),
        ({"topic": "a" * 101}, {"topic"}, {"topic"}),
        ({"topic": "cats", "max_refinements": True, "target_score": 10**400}, {"max_refinements", "target_score"}, None),
        ({"topic": "cats", "user_id": "a b", "priority": "urgent"}, {"user_id", "priority"}, {"user_id", "priority"}),
    ],
)
def test_unfit_fields_are_named(body, least, most):
    refused = posted(body)
    assert isinstance(refused, Refused)
    assert refused.problems == ("invalid",)
    assert refused.least == least
    assert most is None or refused.most == most


def test_a_key_that_is_none_is_unfit_beside_the_fields():
    refused = posted({"topic": ""}, headers=(*JSON, ("idempotency-key", b"a b")))
    assert isinstance(refused, Refused)
    assert refused.least == {"topic", "Idempotency-Key"}


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"\xef\xbb\xbf{}", b'{"a": 1, "a": 1}', b"NaN", b"[-Infinity]", b"9" * 5_000, b'{"topic": "cats"} {}']
)
def test_bytes_that_are_no_document(body):
    with pytest.raises(Malformed):
        read(body)
    assert posted(body) == Refused(("malformed",))


def test_no_bytes_are_no_document_and_deep_ones_may_be_none():
    assert read(b"") is NOTHING
    with pytest.raises(Deep):
        read(b"[" * 300 + b"]" * 300)
    assert read(b"[" * 100 + b"]" * 100)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[" * 500, b'{"topic": "' + b"a" * 70_000 + b'"}', b"\n\xff" * 200 + b" " * 300, bytes(range(256))]
)
def test_a_request_is_shown_as_python_and_short(body):
    sent = Sent("POST", "/", JSON, body, announced=False)
    assert eval(repr(sent)) == sent
    assert len(repr(sent)) < 2_000


def test_length_comes_first_then_the_path_then_the_type_then_the_body():
    large = b" " * (MOST_BYTES + 1)
    assert posted(large, path="/nowhere") == Refused(("too-large",))
    assert posted(large, path="/nowhere", announced=False) == Refused(("not-found",))
    assert posted(large, headers=(), announced=False) == Refused(("unsupported-media-type",))
    assert posted(large, announced=False) == Refused(("too-large",))
    for length in (b"-1", b"x", b"\xb2", b"9" * 30):
        assert posted(b"{}", headers=(*JSON, ("content-length", length))) == Refused(("too-large",))
