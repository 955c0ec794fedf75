"""Requests over HTTP: each kind is HTTP, and brings what its name promises."""

from __future__ import annotations

import pytest
from hypothesis import Phase, find, given, settings

from model.http import MOST_BYTES, Asks, Moved, Refused, judge
from strategies.http_requests import HOSTILE_REQUESTS, from_contract

QUICK = settings(max_examples=25, database=None, deadline=None)
ANY = settings(database=None, phases=[Phase.generate])
"""For what is to be found at all, and need not be small."""
CONTRACT = {
    "paths": {
        "/api/v1/memes/": {
            "get": {"parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}}]},
            "post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wish"}}}}},
        },
        "/api/v1/memes/{id}": {"get": {"parameters": [{"name": "id", "in": "path", "schema": {"type": "string"}}]}},
    },
    "components": {
        "schemas": {
            "Wish": {
                "type": "object",
                "additionalProperties": False,
                "required": ["topic"],
                "properties": {"topic": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]*$", "examples": ["x"]}},
            }
        }
    },
}


@pytest.mark.parametrize("kind", sorted(HOSTILE_REQUESTS))
def test_every_kind_is_http_and_is_judged(kind):
    @QUICK
    @given(HOSTILE_REQUESTS[kind])
    def check(sent):
        assert sent.target.isascii()
        assert sent.target.startswith("/")
        assert not set(sent.target) & set(" \r\n")
        for name, value in sent.headers:
            assert name == name.lower()
            assert value == value.strip()
            assert not any(byte < 32 or byte == 127 for byte in value)
        assert isinstance(judge(sent), Asks | Moved | Refused)

    check()


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("bodies", "malformed"),
        ("bodies", "invalid"),
        ("targets", "not-found"),
        ("numbers in queries", "invalid"),
        ("headers", "invalid"),
        ("media types", "unsupported-media-type"),
        ("methods and slashes", "method-not-allowed"),
        ("sizes", "too-large"),
    ],
)
def test_every_kind_is_refused_for_what_it_is(kind, problem):
    find(HOSTILE_REQUESTS[kind], lambda sent: getattr(judge(sent), "problems", None) == (problem,), settings=ANY)


def test_sizes_are_on_both_sides_of_the_limit_announced_or_not():
    for announced in (True, False):
        for large in (True, False):
            find(
                HOSTILE_REQUESTS["sizes"],
                lambda sent, announced=announced, large=large: (sent.announced, len(sent.body) > MOST_BYTES) == (announced, large),
                settings=ANY,
            )


@QUICK
@given(from_contract(CONTRACT))
def test_a_contract_gives_requests_of_its_operations(sent):
    assert (sent.method, sent.path.count("/")) in {("GET", 4), ("POST", 4)} or "%2F" in sent.target
    assert (sent.method == "POST") == bool(sent.body)


@pytest.mark.parametrize("wanted", [Asks, Refused])
def test_a_contract_is_kept_and_broken(wanted):
    posts = from_contract(CONTRACT).filter(lambda sent: sent.method == "POST")
    found = find(posts, lambda sent: isinstance(judge(sent), wanted), settings=ANY)
    assert found.headers == (("content-type", b"application/json"),)


@QUICK
@given(from_contract(CONTRACT).filter(lambda sent: sent.method == "GET" and "?" not in sent.target))
def test_ids_are_part_of_one_path(sent):
    assert sent.target.count("/") == 4
