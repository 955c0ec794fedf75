"""Requests over HTTP as they go over the wire: hostile in every part, drawn from a published contract, or breaking it.

What becomes of each is `model.http`'s to say. All of them are HTTP: what no server hands on to an application is not here.
"""

import dataclasses
import json
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from model.http import ROUTES, Sent
from strategies import malicious
from strategies.boundary import BOUNDARY
from strategies.documents import DOCUMENTS
from strategies.from_schema import Document, from_schema
from strategies.malicious import MALICIOUS

JSON = (("content-type", b"application/json"),)
POSTS = ("/api/v1/memes/", "/api/v1/memes/async", "/api/v1/analytics/search")
HOSTILE = (*malicious.MARKUP, *malicious.SQL, *malicious.TEMPLATES, *malicious.PATHS, *malicious.HEADERS, *malicious.PROMPTS)
MOST_BYTES = 70_000
WISHES: tuple[dict[str, Any], ...] = (
    {"topic": "cats"},
    {"topic": "tea", "format": "drake"},
    {"topic": "rude cats", "style": "dry"},
    {"topic": "vile cats"},
    {"topic": "dull cats", "priority": "high"},
    {"topic": "absurd absurd cats", "priority": "low", "max_refinements": 1},
    {"topic": "  cats \u00a0", "context": ""},
    {"topic": "cats", "deadline_s": 1.0},
)
"""Bodies of makers; every word of a topic is a trait of the world that memes are made in."""
OWNERS = (("ann", "k1"), ("bob", "k1"), ("ann", "k2"), ("an", "nk1"))
"""Users, and their idempotency keys; who glues the two together takes the last one for the first."""
PLACES = (
    "/api/health",
    "/api/health/live",
    "/api/health/ready",
    "/metrics",
    "/api/v1/analytics/stats/day",
    "/api/v1/analytics/stats/hour",
    "/api/v1/analytics/trending",
    "/api/v1/analytics/trending?limit=1&period=all",
    "/",
    "/problems/conflict",
    "/static/page.js",
    "/openapi.json",
)
"""Where anybody may look at any time."""
SEARCHES: tuple[dict[str, Any], ...] = (
    {},
    {"text": "CATS"},
    {"text": "draft 0", "format": "classic"},
    {"limit": 1},
    {"min_score": 0.6},
    {"text": "tea", "limit": 1.0},
)
"""Bodies of searches."""
MEDIA_TYPES = (
    b"",
    b"text/plain",
    b"application/x-www-form-urlencoded",
    b"application/json; charset=utf-16",
    b"APPLICATION/JSON ;a=b",
    b"json",
)
GOOD = b'{"topic": "cats"}'
RAW = (
    b"",
    b"{",
    GOOD[:-1],
    b"\xff\xfe",
    b'\xef\xbb\xbf{"topic": "cats"}',
    b'{"topic": "cats", "topic": "tea"}',
    b'{"topic": NaN}',
    b'{"topic": "cats", "\\ud800": 1}',
    b'{"topic": "cats", "deadline_s": 1e999}',
    b'{"topic": "cats", "max_refinements": 2.0}',
    b'{"topic": "cats", "max_refinements": 2.7}',
    b'{"topic": "cats", "max_refinements": -0.0, "target_score": -0.0}',
    b'{"topic": "cats"}\x00',
    b"[" * 50_000,
    b" " * MOST_BYTES,
    b'{"topic": "' + b"a" * MOST_BYTES + b'"}',
)
JUNK: tuple[Any, ...] = (None, True, -1, 1e9, "", "\x00", "a" * 1_001, [], {}, ["cats"], "<b>", 0.5)
WHERE_IDS_STAND = tuple(path for path in ROUTES if "{id}" in path)
METHODS = ("DELETE", "PUT", "PATCH", "OPTIONS", "HEAD", "TRACE", "FOO")
HEADERS = ("idempotency-key", "x-request-id", "if-none-match", "content-type", "accept", "cookie", "x-forwarded-for")


def _body(request: object) -> bytes:
    """A raw request as a body; what JSON has no word for is left as a text."""
    fields = {name: value for name, value in dataclasses.asdict(request).items() if name != "request_id"}  # type: ignore[call-overload]
    return json.dumps(fields, default=repr).encode("utf-8", "surrogatepass")[:MOST_BYTES]


@st.composite
def _posted(draw: st.DrawFn, bodies: SearchStrategy[bytes]) -> Sent:
    # Not by `builds`: that would show the body as it was drawn, and some are large.
    return Sent("POST", draw(st.sampled_from(POSTS)), JSON, draw(bodies), draw(st.booleans()))


def hostile_bodies() -> SearchStrategy[Sent]:
    """A field of each hostile kind, documents that are hostile before they are requests, and bytes that are none."""
    raw = st.one_of(*MALICIOUS.values(), *BOUNDARY.values()).map(_body)
    documents = st.one_of(*DOCUMENTS.values()).map(lambda text: text.encode()[:MOST_BYTES])
    # By number: Hypothesis shows a strategy's values where it names it, and some of these are large.
    odd = st.sampled_from(range(len(RAW))).map(lambda number: RAW[number])
    return _posted(st.one_of(odd, raw, documents))


def hostile_targets() -> SearchStrategy[Sent]:
    """Hostile text as an id, in a query, or as the path itself."""

    def build(text: str, where: str, method: str) -> Sent:
        odd = quote(text.encode("utf-8", "surrogatepass"), safe="")
        return Sent(method, where.format(id=odd))

    texts = st.one_of(st.sampled_from((*HOSTILE, *malicious.HOMOGLYPHS, *malicious.SURROGATES)), st.text(min_size=1, max_size=20))
    queries = ("/api/v1/memes/?limit={id}", "/api/v1/memes/?start={id}", "/api/v1/analytics/trending?period={id}&limit={id}")
    return st.builds(build, texts, st.sampled_from((*WHERE_IDS_STAND, *queries, "/{id}", "/api/{id}/")), st.sampled_from(("GET", "POST")))


def numbers_in_queries() -> SearchStrategy[Sent]:
    """Numbers at their limits, and what some take for a number."""
    texts = st.sampled_from(("0", "1", "100", "101", "-1", "007", "1.0", "%2B3", "1e1", str(2**63), str(2**63 - 1), "9" * 500, "0x1", "٣"))
    return st.builds(
        lambda text, name: Sent("GET", f"/api/v1/memes/?{name}={quote(text, safe='%')}"), texts, st.sampled_from(("limit", "start"))
    )


def hostile_headers() -> SearchStrategy[Sent]:
    """A header with hostile text or any bytes that a header can have, on each of a few requests."""
    texts = st.sampled_from(HOSTILE).map(lambda text: text.encode("utf-8", "surrogatepass"))
    values = st.one_of(texts, st.binary(max_size=40)).map(lambda value: bytes(byte for byte in value if byte >= 32 and byte != 127).strip())

    def build(name: str, value: bytes, method: str) -> Sent:
        rest = tuple(each for each in JSON if each[0] != name) if method == "POST" else ()
        return Sent(method, "/api/v1/memes/", (*rest, (name, value)), GOOD if method == "POST" else b"")

    return st.builds(build, st.sampled_from(HEADERS), values, st.sampled_from(("POST", "GET")))


def wrong_types() -> SearchStrategy[Sent]:
    """A good body under another media type."""
    return st.builds(
        lambda path, kind: Sent("POST", path, (("content-type", kind),), GOOD), st.sampled_from(POSTS), st.sampled_from(MEDIA_TYPES)
    )


def wrong_methods() -> SearchStrategy[Sent]:
    """Each path, under a method that few know, or with a slash more or less."""
    paths = st.sampled_from(tuple(ROUTES)).map(lambda path: path.format(id="page.css"))
    return st.one_of(
        st.builds(Sent, st.sampled_from(METHODS), paths),
        paths.map(lambda path: Sent("GET", path.rstrip("/") if len(path) > 1 and path.endswith("/") else path + "/")),
    )


def sizes() -> SearchStrategy[Sent]:
    """Bodies about as large as they may be, announced or not."""
    return _posted(st.sampled_from((-1, 0, 1, 4_000)).map(lambda extra: GOOD.ljust(2**16 + extra)))


HOSTILE_REQUESTS: dict[str, SearchStrategy[Sent]] = {
    "bodies": hostile_bodies(),
    "targets": hostile_targets(),
    "numbers in queries": numbers_in_queries(),
    "headers": hostile_headers(),
    "media types": wrong_types(),
    "sizes": sizes(),
    "methods and slashes": wrong_methods(),
}
"""By the part of the request that is hostile."""


def _odd_post(body: bytes = GOOD, *headers: tuple[str, bytes], announced: bool = True) -> Sent:
    return Sent("POST", "/api/v1/memes/", (*JSON, *headers), body, announced)


ODD: tuple[Sent, ...] = (
    *map(_odd_post, RAW),
    *(_odd_post(body, announced=False) for body in RAW if len(body) > 2**16),
    *(_odd_post(GOOD, ("x-request-id", value)) for value in (b"e1<script>alert(1)</script>", b"e1 forged", b"e" * 65, b"")),
    *(_odd_post(GOOD, ("idempotency-key", value)) for value in (b"a b", b"", b"\xe9", b"k" * 129)),
    *(Sent("POST", "/api/v1/memes/", (("content-type", kind),), GOOD) for kind in MEDIA_TYPES),
    _odd_post(b'{"topic": "cats", "style": "' + b"secret" * 9 + b'"}'),
    _odd_post(b'{"topic": "ca\\ud800ts"}'),
    _odd_post(b'{"topic": "cats", "<script>": 1}'),
    Sent("GET", "/api/v1/memes/%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
    Sent("GET", "/api/v1/memes/status/r1%0D%0ASet-Cookie%3A%20a%3Db"),
    Sent("GET", "/api/v1/analytics/stats/..%2F..%2Fetc%2Fpasswd"),
    Sent("GET", "/api/v1/memes/?limit=0&start=x"),
    Sent("DELETE", "/api/v1/memes/"),
    Sent("GET", "/api/v1/memes"),
)
"""Known odd requests, by number: quick to draw, so that each comes up soon."""


def from_contract(document: Document) -> SearchStrategy[Sent]:
    """Requests that an OpenAPI document allows, and requests that break what it says of a body in one place."""
    operations = [
        _operation(document, path, method.upper(), operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return st.one_of(*operations)


def strange(document: Document) -> SearchStrategy[Sent]:
    """Hostile requests, and requests by a contract."""
    kinds = {**HOSTILE_REQUESTS, "by the contract": from_contract(document)}
    # Each kind as often as another: Hypothesis would make one choice of all that they choose among.
    return st.sampled_from(sorted(kinds)).flatmap(lambda kind: kinds[kind])


def _operation(document: Document, path: str, method: str, operation: Document) -> SearchStrategy[Sent]:
    parameters = operation.get("parameters", [])
    drawn = {each["name"]: from_schema(_resolved(document, each["schema"])) for each in parameters if each["in"] != "header"}
    places = {each["name"]: each["in"] for each in parameters}
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    bodies: SearchStrategy[Any] = st.none()
    if content is not None:
        schema = _resolved(document, content["schema"])
        bodies = from_schema(schema) | _broken(schema)

    def build(values: dict[str, Any], body: Any) -> Sent:  # noqa: ANN401 - any JSON document
        target = path
        for name, value in values.items():
            if places[name] == "path":
                target = target.replace(f"{{{name}}}", quote(str(value) or "x", safe=""))
        query = "&".join(
            f"{name}={quote(str(value), safe='')}" for name, value in values.items() if places[name] == "query" and value is not None
        )
        raw = b"" if body is None else json.dumps(body).encode()
        return Sent(method, f"{target}?{query}" if query else target, JSON if raw else (), raw)

    return st.builds(build, st.fixed_dictionaries(drawn), bodies)


def _broken(schema: Document) -> SearchStrategy[Document]:
    """A document by the schema, but for one field: it is something else, or unknown, or missing."""
    fields = st.sampled_from((*schema["properties"], "Topic", "<b>", ""))

    def broken(document: Document, field: str, value: object, missing: bool) -> Document:  # noqa: FBT001 - drawn
        if missing:
            return {name: each for name, each in document.items() if name != field}
        return document | {field: value}

    return st.builds(broken, from_schema(schema), fields, st.sampled_from(JUNK), st.booleans())


def _resolved(document: Document, schema: Any) -> Any:  # noqa: ANN401 - any part of a schema
    """The schema with its references followed, and without what is only for readers."""
    if isinstance(schema, list):
        return [_resolved(document, each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return {name: _resolved(document, each) for name, each in schema.items() if name not in {"examples", "default", "title", "description"}}
