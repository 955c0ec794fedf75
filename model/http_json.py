"""Which bytes are a JSON document: UTF-8, one value, each key once in its object, no number that JSON does not have, not too deep."""

import json
from typing import Any, Final, NoReturn

DEEP: Final = 200
"""So deep some readers still follow, others give up."""


class Malformed(Exception):
    """No such document."""


class Deep(Exception):
    """A reader may say that it is malformed."""


class Nothing:
    """What an empty body holds."""


NOTHING: Final = Nothing()


def read(body: bytes) -> Any:  # noqa: ANN401 - any JSON document
    """The document, NOTHING if there is none.

    Raises:
        Malformed: it is none.
        Deep: it may be taken for none.
    """
    if not body:
        return NOTHING
    if _depth(body) > DEEP:
        raise Deep
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_refuse)
    except ValueError as error:
        raise Malformed from error


def _depth(body: bytes) -> int:
    """How deep the brackets go, were they all outside of strings: never less than it is."""
    depth = deepest = 0
    for byte in body:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
