"""Simpler values that a strategy could have drawn as well, simplest first."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 12


def simpler_values(value: Any, strategy: Any) -> Iterator[Any]:
    """What may stand in place of ``value``: numbers nearer to zero, shorter texts and lists, an earlier one of several, False.

    A rule may rely on what its strategy draws, so nothing is given that it could not draw; that is known of plain strategies by what
    they print, and of others nothing is. In a list any element may be missing where its least size allows it.
    """
    known = _call(repr(strategy)) or _list_of_anything(repr(strategy))
    if known is None:
        return
    name, positional, options = known
    if name == "integers" and type(value) is int:
        yield from _integers(value, options.get("min_value"), options.get("max_value"))
    elif name == "booleans" and value is True:
        yield False
    elif name == "sampled_from" and positional and isinstance(positional[0], list | tuple):
        elements = [*positional[0]]
        place = next((place for place, element in enumerate(elements) if type(element) is type(value) and element == value), 0)
        yield from elements[: min(place, _MOST)]
    elif name in ("text", "binary", "lists") and isinstance(value, str | bytes | list) and not options.get("unique_by"):
        yield from _shorter(value, options.get("min_size", 0))


def _call(text: str) -> tuple[str, list[Any], dict[str, Any]] | None:
    """The name and the literal arguments of a call, from its source; None if it is none."""
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return None
    return (
        call.func.id,
        [_literal(argument) for argument in call.args],
        {keyword.arg: _literal(keyword.value) for keyword in call.keywords if keyword.arg is not None},
    )


def _list_of_anything(text: str) -> tuple[str, list[Any], dict[str, Any]] | None:
    """As ``_call`` for a list whose elements' strategy does not print as source: its own options stand behind that."""
    if not text.startswith("lists(") or "unique" in text:
        return None
    least = re.fullmatch(r"(?:, \w+=\d+)*?, min_size=(\d+)(?:, \w+=\d+)*", text[:-1].rpartition(")")[2])
    return "lists", [], {"min_size": int(least[1]) if least else 0}


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ...


def _integers(value: int, least: Any, most: Any) -> Iterator[int]:
    if not all(bound is None or isinstance(bound, int) for bound in (least, most)):
        return
    target = max(0, least) if least is not None else 0
    target = min(target, most) if most is not None else target
    while value != target:
        yield target
        target += (value - target + 1) // 2 if value > target else -((target - value + 1) // 2)


def _shorter(value: Any, least: Any) -> Iterator[Any]:
    if not isinstance(least, int) or len(value) <= least:
        return
    for size in sorted({least, (least + len(value)) // 2}):
        yield value[:size]
    for place in range(min(len(value), _MOST)):
        yield value[:place] + value[place + 1 :]
