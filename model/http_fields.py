"""Which fields a JSON body may have, and which values they may take.

A body is held against its schema first; what fits is held against the rules of requests (`model.validation`). All that breaks the schema is
named; what breaks only the rules may stay unnamed until the schema is kept.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from model.http_json import NOTHING
from model.validation import FORMATS, RULES, Unfit

Fields: TypeAlias = tuple[tuple[str, object], ...]
Check: TypeAlias = Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Field:
    """What a field takes: `check` gives its value or raises Unfit. `default` is its value where it is left out, `required` that it is not.

    `rule` is the one of requests that it is held against afterwards.
    """

    check: Check
    default: object = None
    required: bool = False
    rule: Callable[[object], object] | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """The values of a body; or the fields that must be named, and those that may be, None for any."""

    values: Fields
    least: frozenset[str] = frozenset()
    most: frozenset[str] | None = frozenset()


def fields_of(known: Mapping[str, Field], document: object) -> Fit:
    """What a body holds, or what is wrong with it."""
    if document is NOTHING or not isinstance(document, dict):
        return _unfit({"body"}, {"body"})
    if any(_is_surrogate(letter) for name in document for letter in name):
        return Fit((), frozenset({"body"}), None)  # such a name cannot be written down
    values: dict[str, object] = {}
    broken = {name for name in document if name not in known}
    for name, field in known.items():
        try:
            values[name] = _value(field, document, name)
        except Unfit:
            broken.add(name)
    against_rules: set[str] = set()
    for name, value in values.items():
        rule = known[name].rule
        try:
            values[name] = value if rule is None else rule(value)
        except Unfit:
            against_rules.add(name)
    if broken:
        return _unfit(broken, broken | against_rules)
    if against_rules:
        return _unfit(against_rules, against_rules)
    return Fit(tuple(values.items()))


def _unfit(least: set[str], most: set[str]) -> Fit:
    return Fit((), frozenset(least), frozenset(most))


def _value(field: Field, document: Mapping[str, object], name: str) -> object:
    if name in document:
        return field.check(document[name])
    _require(not field.required)
    return field.default


def text(least: int, most: int) -> Check:
    """A text of so many characters as they are sent, with no lone surrogate."""

    def check(value: Any) -> str:  # noqa: ANN401 - any JSON document
        _require(isinstance(value, str))
        _require(least <= len(value) <= most and not any(_is_surrogate(letter) for letter in value))
        return str(value)

    return check


def one_of(*words: str) -> Check:
    """One of these texts."""

    def check(value: Any) -> str:  # noqa: ANN401 - any JSON document
        _require(isinstance(value, str) and value in words)
        return str(value)

    return check


def or_null(check: Check) -> Check:
    """The same, or null."""
    return lambda value: None if value is None else check(value)


def whole(least: int, most: int) -> Check:
    """A whole number: 1.0 is one, and true is none."""

    def check(value: Any) -> int:  # noqa: ANN401 - any JSON document
        _require(isinstance(value, int | float) and not isinstance(value, bool))
        _require(not isinstance(value, float) or (math.isfinite(value) and value == math.floor(value)))
        _require(least <= value <= most)
        return int(value)

    return check


def number(fits: Callable[[float], bool]) -> Check:
    """A number."""

    def check(value: Any) -> float:  # noqa: ANN401 - any JSON document
        _require(isinstance(value, int | float) and not isinstance(value, bool))
        _require(fits(value))
        return abs(float(value))

    return check


def identifier(value: Any) -> str:  # noqa: ANN401 - any JSON document
    """1 to 128 visible ASCII characters."""
    _require(isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]{1,128}", value) is not None)
    return str(value)


def _is_surrogate(letter: str) -> bool:
    return 0xD800 <= ord(letter) <= 0xDFFF


def _require(condition: bool) -> None:  # noqa: FBT001 - the condition is the whole call
    if not condition:
        raise Unfit


WISH: Final[Mapping[str, Field]] = {
    "topic": Field(text(1, 100), required=True, rule=RULES["topic"]),
    "format": Field(one_of(*FORMATS), default="classic"),
    "style": Field(or_null(text(1, 50)), rule=RULES["style"]),
    "context": Field(or_null(text(0, 1000)), rule=RULES["context"]),
    "user_id": Field(identifier, default="anonymous"),
    "priority": Field(one_of("low", "normal", "high"), default="normal"),
    "max_refinements": Field(whole(0, 3), default=3),
    "target_score": Field(number(lambda given: 0 <= given <= 1), default=0.7),
    "deadline_s": Field(number(lambda given: 0 < given <= 120), default=30.0),
}
"""A meme that somebody wants."""

SEARCH: Final[Mapping[str, Field]] = {
    "text": Field(text(0, 100), default=""),
    "format": Field(or_null(one_of(*FORMATS))),
    "min_score": Field(number(lambda given: 0 <= given <= 1), default=0.0),
    "limit": Field(whole(1, 100), default=20),
}
"""What to look for among the stored memes."""
