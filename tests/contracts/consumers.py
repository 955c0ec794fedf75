"""What a pact needs of a provider, looked up in an OpenAPI document: whether what it sends is taken, and what it reads is promised.

Nothing runs for it, so it can also be asked of documents whose programs are long gone. What values come when, only the replayed pact shows.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from tests.contracts.compatibility import resolved

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]
_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "number": (int, float), "integer": int, "null": type(None)}


def unmet(pact: Schema, document: Schema) -> list[str]:
    """Every need of the pact that the document does not meet, in words; nothing if it meets all."""
    return list(dict.fromkeys(problem for each in pact["interactions"] for problem in _interaction(each, document)))


def _interaction(interaction: Schema, document: Schema) -> Iterator[str]:
    request, response = interaction["request"], interaction["response"]
    operation = _operation(document, request["method"].lower(), request["path"])
    if operation is None:
        yield f"{request['method']} {request['path']} is not there"
        return
    path, described = operation
    where = f"{request['method']} {path}"
    if response["status"] != 422:  # such a request is unfit on purpose
        yield from _sent(where, request, described, document)
    answer = described["responses"].get(str(response["status"]))
    if answer is None:
        yield f"{where} does not answer {response['status']}"
        return
    yield from _read(f"{where} {response['status']}", response, answer, document)


def _operation(document: Schema, method: str, path: str) -> tuple[str, Schema] | None:
    """The first that fits, those without parameters before others."""
    for template in sorted(document["paths"], key=lambda each: each.count("{")):
        if method in document["paths"][template] and re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path):
            return template, document["paths"][template][method]
    return None


def _sent(where: str, request: Schema, operation: Schema, document: Schema) -> Iterator[str]:
    parameters = {(each["in"], each["name"].lower()): each for each in operation.get("parameters", [])}
    given = {("query", name.lower()): values for name, values in request.get("query", {}).items()}
    own = {"content-type", "accept"}
    given |= {("header", name.lower()): values for name, values in request.get("headers", {}).items() if name.lower() not in own}
    yield from (f"{where} does not know {name}" for place, name in given if (place, name) not in parameters)
    for (place, name), parameter in parameters.items():
        if parameter.get("required") and place != "path" and (place, name) not in given:
            yield f"{where} needs {name}"
    body = request.get("body", {}).get("content")
    taken = operation.get("requestBody")
    if body is None:
        yield from [f"{where} needs a body"] if taken and taken.get("required") else []
        return
    if not taken:
        yield f"{where} takes no body"
        return
    schema = {**taken["content"]["application/json"]["schema"], "components": document.get("components", {})}
    for error in Draft202012Validator(schema).iter_errors(body):
        yield f"{where} does not take the body: {error.message}"


def _read(where: str, response: Schema, answer: Schema, document: Schema) -> Iterator[str]:
    promised = {name.lower() for name, header in answer.get("headers", {}).items() if header.get("required")} | {"content-type"}
    headers = {name.lower(): values for name, values in response.get("headers", {}).items()}
    yield from (f"{where} does not promise {name}" for name in headers if name not in promised)
    kind = headers.get("content-type", [""])[0]
    content = answer.get("content", {})
    if kind and kind not in content:
        yield f"{where} is not {kind}"
    elif "body" in response and kind.endswith("json"):
        body = response["body"]["content"]
        yield from _field(where, body if not isinstance(body, str) else json.loads(body), content[kind].get("schema", {}), document)


def _field(where: str, value: Any, schema: Schema, document: Schema) -> Iterator[str]:
    """Whether a value like this may be there; of an object what is read has to be there."""
    branches = [resolved(document, each) for each in resolved(document, schema).get("anyOf", [schema])]
    fitting = [each for each in branches if "type" not in each or _is_a(value, each["type"])]
    if not fitting:
        yield f"{where} is no {type(value).__name__}, it is {' or '.join(sorted(each['type'] for each in branches))}"
    elif isinstance(value, dict):
        yield from _members(where, value, fitting[0], document)
    elif isinstance(value, list) and value and "items" in fitting[0]:
        yield from _field(f"{where} items", value[0], fitting[0]["items"], document)
    elif "enum" in fitting[0] and value not in fitting[0]["enum"]:
        yield f"{where} is never {value!r}"


def _members(where: str, value: Schema, schema: Schema, document: Schema) -> Iterator[str]:
    for name, each in value.items():
        if name in schema.get("properties", {}):
            if name not in schema.get("required", []):
                yield f"{where} may come without {name}"
            yield from _field(f"{where} {name}", each, schema["properties"][name], document)
        elif not schema.get("additionalProperties"):  # open on purpose: what else may be there is said nowhere, and so not missing
            yield f"{where} has no {name}"


def _is_a(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
