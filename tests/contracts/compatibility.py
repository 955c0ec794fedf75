"""Whether a consumer of one OpenAPI document can go on with another: what it sends is still taken, what it reads is still there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def breaks(before: Schema, after: Schema) -> list[str]:
    """Every way in which `after` breaks a consumer of `before`, in words; nothing if it can go on."""
    return list(_document(before, after))


def resolved(document: Schema, schema: Schema) -> Schema:
    """The schema that a reference leads to; one that is no reference is itself."""
    while "$ref" in schema:
        node: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            node = node[part]
        schema = node
    return schema


def _document(before: Schema, after: Schema) -> Iterator[str]:
    for path, operations in before["paths"].items():
        for method, operation in operations.items():
            now = after["paths"].get(path, {}).get(method)
            where = f"{method.upper()} {path}"
            if now is None:
                yield f"{where} is gone"
            else:
                yield from _operation(where, _Pair(before, after), operation, now)


class _Pair:
    """The two documents, to look references up in."""

    def __init__(self, before: Schema, after: Schema) -> None:
        self._before, self._after = before, after

    def resolved(self, old: Schema, new: Schema) -> tuple[Schema, Schema]:
        return resolved(self._before, old), resolved(self._after, new)


def _operation(where: str, pair: _Pair, old: Schema, new: Schema) -> Iterator[str]:
    known = {(each["in"], each["name"].lower()): each for each in old.get("parameters", [])}
    for each in new.get("parameters", []):
        before = known.pop((each["in"], each["name"].lower()), None)
        if before is None:
            if each.get("required"):
                yield f"{where} now needs {each['name']}"
        else:
            yield from _taken(f"{where} {each['name']}", pair, before["schema"], each["schema"])
    yield from (f"{where} no longer knows {name}" for _, name in known)
    if "requestBody" in old and "requestBody" in new:
        yield from _taken(f"{where} body", pair, _body(old["requestBody"]), _body(new["requestBody"]))
    elif "requestBody" in old:
        yield f"{where} no longer takes a body"
    elif new.get("requestBody", {}).get("required"):
        yield f"{where} now needs a body"
    for status, answer in old["responses"].items():
        now = new["responses"].get(status)
        if now is None:
            yield from [f"{where} no longer answers {status}"] if status < "300" else []
            continue
        yield from _headers(f"{where} {status}", answer.get("headers", {}), now.get("headers", {}))
        for kind, content in answer.get("content", {}).items():
            if kind not in now.get("content", {}):
                yield f"{where} {status} is no longer {kind}"
            else:
                yield from _given(f"{where} {status}", pair, content.get("schema", {}), now["content"][kind].get("schema", {}))


def _headers(where: str, old: Schema, new: Schema) -> Iterator[str]:
    needed = {name for name, header in new.items() if header.get("required")}
    yield from (f"{where} may come without {name}" for name, header in old.items() if header.get("required") and name not in needed)


def _body(body: Schema) -> Schema:
    schema: Schema = body["content"]["application/json"]["schema"]
    return schema


def _taken(where: str, pair: _Pair, old: Schema, new: Schema) -> Iterator[str]:
    """What a consumer sends: nothing that was taken is refused."""
    old, new = pair.resolved(old, new)
    if _kinds(new) and (missing := _kinds(old) - _kinds(new)):
        yield f"{where} no longer takes {', '.join(sorted(missing))}"
    if _kinds(new) and not _kinds(old):
        yield f"{where} takes {', '.join(sorted(_kinds(new)))} alone"
    yield from (f"{where} no longer takes {value!r}" for value in _values(old) if _values(new) and value not in _values(new))
    if not _values(old) and _values(new):
        yield f"{where} takes listed values alone"
    for limits, is_tighter in ((_LOWER, float.__gt__), (_UPPER, float.__lt__)):
        for limit in limits:
            if limit in new and (limit not in old or is_tighter(float(new[limit]), float(old[limit]))):
                yield f"{where} has a tighter {limit}: {new[limit]}"
    yield from (f"{where} now needs {name}" for name in new.get("required", []) if name not in old.get("required", []))
    for name, schema in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{where} no longer knows {name}"
        else:
            yield from _taken(f"{where} {name}", pair, schema, new["properties"][name])


def _given(where: str, pair: _Pair, old: Schema, new: Schema) -> Iterator[str]:
    """What a consumer reads: everything that it knows is there, and of the same kind."""
    old, new = pair.resolved(old, new)
    if _kinds(old) and (more := _kinds(new) - _kinds(old)):
        yield f"{where} may now be {', '.join(sorted(more))}"
    if _kinds(old) and not _kinds(new):
        yield f"{where} may now be anything"
    yield from (f"{where} may now be {value!r}" for value in _values(new) if _values(old) and value not in _values(old))
    for name, schema in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            yield f"{where} no longer has {name}"
            continue
        if name in old.get("required", []) and name not in new.get("required", []):
            yield f"{where} may leave {name} out"
        yield from _given(f"{where} {name}", pair, schema, new["properties"][name])
    if "items" in old and "items" in new:
        yield from _given(f"{where} items", pair, old["items"], new["items"])


def _kinds(schema: Schema) -> set[str]:
    """The JSON types that it allows; none where it allows all. A reference among alternatives is to an object, as pydantic has it."""
    branches = schema.get("anyOf", [schema])
    return {each.get("type", "object") for each in branches if "type" in each or "$ref" in each}


def _values(schema: Schema) -> list[Any]:
    return [value for each in schema.get("anyOf", [schema]) for value in each.get("enum", [])]
