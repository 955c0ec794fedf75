"""Values as short text that is the same in every process: no addresses, no random URNs, no hash order."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache, partial
from threading import Thread
from typing import TYPE_CHECKING, Any

import pykka
from pykka import messages

from greenroom.task import current_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.history import Detail
    from greenroom.task import Task

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_URN = re.compile(r"\w+ \((urn:uuid:[0-9a-f-]{36})\)")  # how Pykka writes a reference into its messages
_LIMIT = 60
_LASTING = frozenset({str, int, float, bool, type(None)})  # what cannot change, keeps nothing else alive, and reads the same later


def describe(value: Any, limit: int = _LIMIT) -> str:
    """``value`` in at most ``limit`` characters."""
    text = _text(value, 3)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def describe_among(value: Any, tasks: list[Task]) -> str:
    """As ``describe``, where no task is running: references to actors among ``tasks`` go by their names."""
    text = _URN.sub(lambda found: _name_of_urn(found, tasks), describe(value, 20 * _LIMIT))
    return text if len(text) <= _LIMIT else text[: _LIMIT - 1] + "…"


def describe_message(message: Any, limit: int = _LIMIT) -> str:
    """A message as the program's author would name it: ``stop()``, ``transfer(5)``, ``{'op': 'get'}``."""
    if isinstance(message, messages._ActorStop):
        return "stop()"
    if isinstance(message, messages.ProxyCall):
        arguments = [_text(argument, 2) for argument in message.args]
        arguments += [f"{name}={_text(argument, 2)}" for name, argument in message.kwargs.items()]
        text = f"{'.'.join(message.attr_path)}({', '.join(arguments)})"
    elif isinstance(message, messages.ProxyGetAttr):
        text = ".".join(message.attr_path)
    elif isinstance(message, messages.ProxySetAttr):
        text = f"{'.'.join(message.attr_path)} = {_text(message.value, 2)}"
    else:
        text = _text(message, 3)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def message_detail(message: Any, prefix: str) -> Detail:
    """``prefix`` and a message for a history: described when somebody looks, where it cannot change until then."""
    if _lasts(message, 3):
        return _prefixed, prefix, message
    kind = type(message)
    if kind is dict and _LASTING.issuperset(map(type, message.values())) and _LASTING.issuperset(map(type, message)):
        return _prefixed, prefix, message.copy()
    if kind is messages.ProxyCall and not message.kwargs and _LASTING.issuperset(map(type, message.args)):
        return _called, prefix, message.attr_path, message.args
    return prefix + describe_message(message)


def value_detail(value: Any) -> Detail:
    """As ``message_detail``, for a reply."""
    return (describe, value) if _lasts(value, 3) else describe(value)


def _lasts(value: Any, depth: int) -> bool:
    """Whether a value is of the lasting kinds all through, for so many levels."""
    kind: Any = type(value)
    if kind in _LASTING:
        return True
    if not depth:
        return False
    if kind is tuple:
        return all(_lasts(part, depth - 1) for part in value)
    names = _frozen_fields(kind)
    if names is None:
        return False
    for name in names:
        part = getattr(value, name)
        if type(part) not in _LASTING and not _lasts(part, depth - 1):  # most parts are: a call less for each
            return False
    return True


@lru_cache(maxsize=1024)
def _frozen_fields(kind: type[Any]) -> tuple[str, ...] | None:
    """All fields of a dataclass that is frozen and has the repr that Python wrote for it; none of an enumeration, whose members last."""
    if issubclass(kind, Enum):
        return ()
    if _shown_fields(kind) is None or not kind.__dataclass_params__.frozen:
        return None
    return tuple(field.name for field in fields(kind))


def _prefixed(prefix: str, message: Any) -> str:
    return prefix + describe(message)


def _called(prefix: str, attr_path: Any, arguments: tuple[Any, ...]) -> str:
    return prefix + describe_message(messages.ProxyCall(attr_path, arguments, {}))


def task_name_of(ref: Any) -> str:
    """The stable name of the actor behind a reference."""
    owner = getattr(getattr(ref, "actor_inbox", None), "owner", None)
    return owner.name if owner is not None else f"{ref.actor_class.__name__}-?"


def _text(value: Any, depth: int) -> str:
    kind: Any = type(value)
    if kind in _LASTING:
        text = repr(value)
        return _ADDRESS.sub("", text) if " at 0x" in text else text
    return _way_of(kind)(value, depth)


@lru_cache(maxsize=1024)
def _way_of(kind: type[Any]) -> Callable[[Any, int], str]:  # noqa: PLR0911 - one line for each kind of value
    """How values of this kind are written; found once, for every message of an execution comes through here."""
    if issubclass(kind, pykka.ActorRef):
        return lambda value, _: task_name_of(value)
    if issubclass(kind, pykka.ActorProxy):
        return lambda value, _: f"proxy of {task_name_of(value.actor_ref)}"
    if issubclass(kind, pykka.ThreadingFuture):
        return _future
    if issubclass(kind, pykka.Actor):
        return lambda value, _: task_name_of(value._actor_ref) if hasattr(value, "_actor_ref") else kind.__name__
    if kind in (list, tuple, dict, set, frozenset):
        return _container
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _named_tuple
    if issubclass(kind, bytes | bytearray):
        return lambda value, _: f"<{len(value)} bytes>" if len(value) > _LIMIT else _as_it_says(value)
    names = _shown_fields(kind)
    if names is not None:
        return partial(_dataclass, names)
    return lambda value, _: _as_it_says(value)


def _future(value: Any, _: int) -> str:
    if not hasattr(value, "greenroom_label"):
        return _as_it_says(value)
    asked = getattr(value, "asked", None)
    return f"<{value.greenroom_label}>" if asked is None else f"<reply of {asked[0].greenroom_name} to #{asked[1]}>"


def _named_tuple(value: Any, depth: int) -> str:
    if not depth:
        return _as_it_says(value)
    inside = ", ".join(f"{name}={_text(part, depth - 1)}" for name, part in zip(value._fields, value, strict=False))
    return f"{type(value).__name__}({inside})"


def _dataclass(names: tuple[str, ...], value: Any, depth: int) -> str:
    if not depth:
        return _as_it_says(value)
    inside = ", ".join([f"{name}={_text(getattr(value, name), depth - 1)}" for name in names])
    return f"{type(value).__qualname__}({inside})"


def _as_it_says(value: Any) -> str:
    text = _ADDRESS.sub("", _quiet_repr(value))
    return _URN.sub(_name_of_urn, text) if "urn:uuid:" in text else text


def _name_of_urn(found: re.Match[str], tasks: list[Task] | None = None) -> str:
    task = current_task()
    known = tasks or ([] if task is None else task.scheduler.tasks)
    return next((other.name for other in known if other.actor is not None and other.actor.actor_urn == found[1]), found[0])


def _shown_fields(kind: type[Any]) -> tuple[str, ...] | None:
    """The fields in the repr of a dataclass that has the repr that Python wrote for it."""
    if not is_dataclass(kind) or getattr(kind.__repr__, "__wrapped__", None) is None:
        return None
    return tuple(field.name for field in fields(kind) if field.repr)


def _quiet_repr(value: Any) -> str:
    """The repr, without scheduling points: an execution that is recorded takes the same path as one that is not."""
    if isinstance(value, Thread):
        return f"<Thread {value.name}>"
    task = current_task()
    if task is not None:
        task.scheduler.current = None
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - a repr of the program under test; a picture must not fail for it
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"
    finally:
        if task is not None:
            task.scheduler.current = task


def _container(value: Any, depth: int) -> str:
    if not depth:
        return _as_it_says(value)
    depth -= 1
    kind = type(value)
    if kind is dict:
        return "{" + ", ".join([f"{_text(key, depth)}: {_text(part, depth)}" for key, part in value.items()]) + "}"
    parts = [_text(part, depth) for part in value]
    if kind in (set, frozenset):
        return "{" + ", ".join(sorted(parts)) + "}" if value else "set()"
    inside = ", ".join(parts)
    if kind is tuple:
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return f"[{inside}]"
