"""Which examples an OpenAPI document lacks, and which do not fit their own schemas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from tests.contracts.compatibility import resolved

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]


def field_troubles(document: Schema) -> list[str]:
    """Fields of objects, parameters and headers of answers without an example, or with one that does not fit."""
    return [
        problem
        for where, schema in (*_properties(document, ""), *_parameters(document), *_headers(document))
        for problem in _judged(where, _wholes({"schema": schema}, document), schema, document)
    ]


def whole_troubles(document: Schema) -> list[str]:
    """Bodies of requests and answers without a whole example, or with one that does not fit."""
    return [
        problem
        for where, content in _contents(document)
        for problem in _judged(where, _wholes(content, document), content.get("schema", {}), document)
    ]


def _judged(where: str, examples: list[Any], schema: Schema, document: Schema) -> Iterator[str]:
    if not examples:
        yield f"{where} has no example"
    validator = Draft202012Validator({**schema, "components": document.get("components", {})})
    for example in examples:
        yield from (f"{where} has an example that does not fit: {error.message}" for error in validator.iter_errors(example))


def _wholes(content: Schema, document: Schema) -> list[Any]:
    """The examples beside a schema, or in it, or in the one that it refers to (FastAPI leaves out what stands beside a reference)."""
    own = [content["example"]] if "example" in content else [each["value"] for each in content.get("examples", {}).values()]
    return own or list(resolved(document, content.get("schema", {})).get("examples", []))


def _properties(node: Any, where: str) -> Iterator[tuple[str, Schema]]:
    """Every property of every object in the document, wherever it is described."""
    if isinstance(node, list):
        for number, each in enumerate(node):
            yield from _properties(each, f"{where}/{number}")
    if not isinstance(node, dict):
        return
    if node.get("type") == "object":
        yield from ((f"{where} {name}", schema) for name, schema in node.get("properties", {}).items())
    for name, each in node.items():
        if name not in {"example", "examples"}:
            yield from _properties(each, f"{where}/{name}")


def _operations(document: Schema) -> Iterator[tuple[str, Schema]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield f"{method.upper()} {path}", operation


def _parameters(document: Schema) -> Iterator[tuple[str, Schema]]:
    for where, operation in _operations(document):
        yield from ((f"{where} {each['name']}", each["schema"]) for each in operation.get("parameters", []))


def _headers(document: Schema) -> Iterator[tuple[str, Schema]]:
    for where, operation in _operations(document):
        for status, answer in operation["responses"].items():
            yield from ((f"{where} {status} {name}", header["schema"]) for name, header in answer.get("headers", {}).items())


def _contents(document: Schema) -> Iterator[tuple[str, Schema]]:
    for where, operation in _operations(document):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{where} body {kind}", content
        for status, answer in operation["responses"].items():
            yield from ((f"{where} {status} {kind}", content) for kind, content in answer.get("content", {}).items())
