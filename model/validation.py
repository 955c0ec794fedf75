"""Which raw requests are acceptable, and what they become.

Every field has one rule: a function that gives the normalised value or raises `Unfit`. A request is refused with the names of all
its unfit fields, in the order of the fields; what is said about each is the service's own business.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TypeVar

Kind = TypeVar("Kind")

FORMATS = ("classic", "drake", "two-buttons", "distracted", "expanding-brain")
PRIORITIES = ("LOW", "NORMAL", "HIGH")


class Unfit(Exception):
    """A value that its field cannot have."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request is not taken: the unfit fields, in order."""

    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fit:
    """A request as the pipeline will see it: each field with its normalised value, in order."""

    values: tuple[tuple[str, object], ...]


def judge(raw: object) -> Fit | Refused:
    """What becomes of a raw request: any object with the attributes of a request, each of any type."""
    values, unfit = [], []
    for field, rule in RULES.items():
        try:
            values.append((field, rule(getattr(raw, field))))
        except Unfit:
            unfit.append(field)
    return Refused(tuple(unfit)) if unfit else Fit(tuple(values))


def text(most: int, *, least: int = 1) -> Callable[[object], str]:
    """Composed, outer white space gone, inner runs one space, then counted in code points; no control character, no lone surrogate."""

    def rule(value: object) -> str:
        tidy = re.sub(r"\s+", " ", unicodedata.normalize("NFC", _of(str, value))).strip(" ")
        _require(least <= len(tidy) <= most and not any(_control_or_surrogate(ord(character)) for character in tidy))
        return tidy

    return rule


def optional(rule: Callable[[object], object]) -> Callable[[object], object]:
    """The same rule, or None."""
    return lambda value: None if value is None else rule(value)


def known_format(value: object) -> str:
    """The name of a layout; no known name comes near the limit of 50 characters."""
    name = text(50)(value)
    _require(name in FORMATS)
    return name


def identifier(value: object) -> str:
    """A printable name, kept exactly as it is: an idempotency key that is tidied up is another key."""
    name = _of(str, value)
    _require(1 <= len(name) <= 128 and name.isprintable())
    return name


def priority(value: object) -> object:
    """A member of an enumeration of priorities; the bare word is none."""
    _require(isinstance(value, Enum) and value.name in PRIORITIES)
    return value


def whole(value: object) -> int:
    """0, 1, 2 or 3; False and True are no numbers."""
    number = _of(int, value)
    _require(number in range(4))
    return number


def number(fits: Callable[[float], bool]) -> Callable[[object], float]:
    """A number within limits, as a float; minus zero is zero, for equal requests must be one request. NaN is within no limits."""

    def rule(value: object) -> float:
        given = value if isinstance(value, float) else _of(int, value)
        _require(fits(given))
        return abs(float(given))

    return rule


RULES: Mapping[str, Callable[[object], object]] = MappingProxyType(
    {
        "request_id": identifier,
        "topic": text(100),
        "format": known_format,
        "style": optional(text(50)),
        "context": optional(text(1000, least=0)),
        "user_id": identifier,
        "priority": priority,
        "max_refinements": whole,
        "target_score": number(lambda given: 0 <= given <= 1),
        "deadline_s": number(lambda given: 0 < given <= 300),
    }
)
"""The rule of each field, in the order of the fields."""


def _of(kind: type[Kind], value: object) -> Kind:
    """The value, if it is of that type; a bool is an int to Python, but not here."""
    if isinstance(value, bool) or not isinstance(value, kind):
        raise Unfit
    return value


def _require(condition: bool) -> None:  # noqa: FBT001  the condition is the whole call
    if not condition:
        raise Unfit


def _control_or_surrogate(code: int) -> bool:
    """C0, DEL and C1, or half of a pair."""
    return code < 0x20 or 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF
