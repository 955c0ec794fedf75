"""A value as the code that makes it again: builtins, enums, dataclasses, dates, what has a name in a module, nested as they come."""

from __future__ import annotations

import dataclasses
import math
import pathlib
from collections import Counter, OrderedDict, deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from greenroom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CHANGEABLE = frozenset((list, tuple, set, dict, deque, bytearray, OrderedDict, Counter))
_WIDE = 100  # characters after which a text is written in pieces
_PIECE = 24  # characters of such a piece, each of which may take four


class Imports:
    """The modules that the written code needs."""

    def __init__(self) -> None:
        self._found: dict[str, set[str]] = {}
        self._modules: set[str] = set()

    def module(self, name: str) -> str:
        """What a module is called in the code, from now on imported.

        Raises:
            UsageError: its name is no Python name.
        """
        if not all(part.isidentifier() for part in name.split(".")) or name == "__main__":
            raise UsageError(f"{name} cannot be imported: call it something that an import statement takes")
        package, _, last = name.rpartition(".")
        if package:
            self.add(package, last)
        else:
            self._modules.add(name)
        return last

    def add(self, module: str, name: str) -> None:
        """One more name."""
        self._found.setdefault(module, set()).add(name)

    def name(self, thing: Any) -> str:
        """What a class or function is called in the code, from now on imported.

        Raises:
            UsageError: no import statement reaches it.
        """
        module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
        if module == "builtins" and name:
            return str(name)
        if not module or not name or "<" in name or module == "__main__":
            where = "the script that runs" if module == "__main__" else "a function"
            raise UsageError(f"{thing!r} cannot be imported, for it is defined in {where}: define it at the top of a module")
        outermost = name.partition(".")[0]
        if any(outermost in names for other, names in self._found.items() if other != module):
            raise UsageError(f"two different things are called {outermost}: {thing!r} and one that is imported already; rename one")
        self.add(module, outermost)
        return str(name)

    def lines(self) -> list[str]:
        """The import statements."""
        whole = [f"import {name}" for name in sorted(self._modules)]
        return whole + [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(self._found.items())]


def literal(value: Any, imports: Imports, *, what: str = "") -> str:
    """The expression that makes an equal value.

    Args:
        value: what is to be written.
        imports: gains what the expression names.
        what: how an error calls the value, as in ``argument 'order' of submit``.

    Raises:
        UsageError: there is no such expression; the message names the part that stands in the way.
    """
    try:
        return _written(value, imports)
    except RecursionError as error:
        raise UsageError(f"{what or 'a value'} holds itself, and cannot be written as code") from error
    except UsageError as error:
        raise UsageError(f"{what}: {error}" if what else str(error)) from error


def _written(value: Any, imports: Imports) -> str:
    kind = type(value)
    writer = _BY_KIND.get(kind)
    if writer is None:
        writer = next((found for belongs, found in _FAMILIES if belongs(value)), None)
    if writer is None:
        raise UsageError(
            f"{_shown(value)} of {kind.__module__}.{kind.__qualname__} cannot be written as code: draw plain values "
            "(numbers, text, bytes, containers, enums, dataclasses), and make of them inside the rule what it needs"
        )
    return writer(value, imports)


def _text(value: str | bytes) -> str:
    """One literal, or one a line where it is long."""
    whole = _quoted(value)
    if len(whole) <= _WIDE:
        return whole
    pieces = [_quoted(value[start : start + _PIECE]) for start in range(0, len(value), _PIECE)]
    return "(\n" + "".join(f"    {piece}\n" for piece in pieces) + ")"


def _quoted(value: str | bytes) -> str:
    """As ``repr``, but in the quotes that formatters prefer."""
    text = repr(value)
    prefix, body = ("b", text[2:-1]) if isinstance(value, bytes) else ("", text[1:-1])
    return f'{prefix}"{body}"' if text[-1] == "'" and '"' not in body else text


def _number(value: complex) -> str:
    if isinstance(value, complex):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    return repr(value) if math.isfinite(value) else f'float("{value}")'


def _enum(value: Enum, imports: Imports) -> str:
    kind = type(value)
    name = imports.name(kind)
    return f"{name}.{value.name}" if value.name in kind.__members__ else f"{name}({_written(value.value, imports)})"


def _dataclass(value: Any, imports: Imports) -> str:
    fields = dataclasses.fields(value)
    made_by_class = [field.name for field in fields if not field.init]
    written = _call(type(value), ((field.name, getattr(value, field.name)) for field in fields if field.init), imports)
    if made_by_class:
        try:
            again = dataclasses.replace(value)
        except Exception as error:
            raise UsageError(f"{_shown(value)} cannot be made again from its fields: {error}") from error
        if any(getattr(again, name) != getattr(value, name) for name in made_by_class):
            raise UsageError(f"{_shown(value)} has been changed since it was made: {', '.join(made_by_class)} cannot be given to its class")
    return written


def _call(kind: type, fields: Iterable[tuple[str, Any]], imports: Imports) -> str:
    return f"{imports.name(kind)}({', '.join(f'{name}={_written(field, imports)}' for name, field in fields)})"


def _items(value: Iterable[Any], imports: Imports) -> str:
    return ", ".join(_written(item, imports) for item in value)


def _tuple(value: tuple[Any, ...], imports: Imports) -> str:
    return f"({_items(value, imports)}{',' if len(value) == 1 else ''})"


def _set(value: set[Any] | frozenset[Any], imports: Imports) -> str:
    inside = ", ".join(sorted(_written(item, imports) for item in value))  # the order of a set is no part of its value
    if not inside:
        return f"{type(value).__name__}()"
    return f"{{{inside}}}" if type(value) is set else f"frozenset({{{inside}}})"


def _dict(value: dict[Any, Any], imports: Imports) -> str:
    pairs = ", ".join(f"{_written(key, imports)}: {_written(item, imports)}" for key, item in value.items())
    return f"{{{pairs}}}" if type(value) is dict else f"{imports.name(type(value))}({{{pairs}}})"


def _deque(value: deque[Any], imports: Imports) -> str:
    bound = "" if value.maxlen is None else f", maxlen={value.maxlen}"
    return f"{imports.name(deque)}([{_items(value, imports)}]{bound})"


def _moment(value: datetime | date | time, imports: Imports) -> str:
    name = imports.name(type(value))
    if not isinstance(value, datetime | time):
        return f"{name}.fromisoformat({_quoted(value.isoformat())})"
    naive = f"{name}.fromisoformat({_quoted(value.replace(tzinfo=None, fold=0).isoformat())})"
    changes = [f"tzinfo={_written(value.tzinfo, imports)}"] if value.tzinfo is not None else []
    changes += ["fold=1"] if value.fold else []
    return f"{naive}.replace({', '.join(changes)})" if changes else naive


def _timedelta(value: timedelta, imports: Imports) -> str:
    return f"{imports.name(timedelta)}(days={value.days}, seconds={value.seconds}, microseconds={value.microseconds})"


def _by_repr(value: Any, _: Imports) -> str:
    return repr(value)


def _by_text(value: Any, imports: Imports) -> str:
    return f"{imports.name(type(value))}({_quoted(str(value))})"


_BY_KIND: dict[type, Callable[[Any, Imports], str]] = {
    **dict.fromkeys((bool, int, type(None), range), _by_repr),
    type(...): lambda _, __: "...",
    **dict.fromkeys((str, bytes), lambda value, _: _text(value)),
    **dict.fromkeys((float, complex), lambda value, _: _number(value)),
    **dict.fromkeys((dict, OrderedDict, Counter), _dict),
    **dict.fromkeys((set, frozenset), _set),
    **dict.fromkeys((Decimal, Fraction, UUID, *(kind for kind in vars(pathlib).values() if isinstance(kind, type))), _by_text),
    **dict.fromkeys((datetime, date, time), _moment),
    bytearray: lambda value, _: f"bytearray({_text(bytes(value))})",
    deque: _deque,
    list: lambda value, imports: f"[{_items(value, imports)}]",
    slice: lambda value, imports: f"slice({_items((value.start, value.stop, value.step), imports)})",
    timedelta: _timedelta,
    timezone: lambda value, imports: f"{imports.name(timezone)}({_timedelta(value.utcoffset(None), imports)})",
    tuple: _tuple,
}
_FAMILIES: tuple[tuple[Callable[[Any], bool], Callable[[Any, Imports], str]], ...] = (
    (lambda value: isinstance(value, Enum), _enum),
    (lambda value: isinstance(value, type | FunctionType | BuiltinFunctionType), lambda value, imports: imports.name(value)),
    (dataclasses.is_dataclass, _dataclass),
    (
        lambda value: isinstance(value, tuple) and hasattr(value, "_fields"),
        lambda value, imports: _call(type(value), zip(value._fields, value, strict=True), imports),
    ),
)


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a repr of the program under test may do anything
        text = f"<no repr: {error}>"
    return text if len(text) <= _WIDE else f"{text[: _WIDE - 1]}…"
