"""Which tasks a failure is about: where the search for its causes begins."""

from __future__ import annotations

from collections import deque
from enum import Enum
from threading import Thread
from types import BuiltinMethodType, CellType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import pykka

from greenroom.errors import PromiseBroken
from greenroom.shims.locks import Named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenroom.task import Task

_DEPTH: Final = 4
_MOST_OBJECTS: Final = 5_000
_CONTAINERS: Final = (list, dict, set, bytearray, deque)
_FUNCTIONS: Final = (FunctionType, MethodType, BuiltinMethodType)
# What goes through these has events of its own, or is no memory of the program.
_CLOSED: Final = (pykka.ActorRef, pykka.ActorProxy, pykka.Actor, pykka.Future, Named, Thread, ModuleType, BaseException, type)


def focus_of(tasks: list[Task], error: BaseException | None) -> tuple[str, ...]:
    """The names of the tasks that ``error`` is about; none where that is not known.

    An exception of the scenario's own is also about every actor that shares mutable memory with it: no event tells what happens there.
    """
    if error is None:
        return ()
    raised = next((task for task in tasks if task.error is error), None)
    if isinstance(error, PromiseBroken) and raised is None:
        return error.about
    if raised is None or raised.kind not in ("scenario", "client"):
        return ()
    return (raised.name, *_sharing(tasks, raised, error))


def _sharing(tasks: list[Task], raised: Task, error: BaseException) -> list[str]:
    """The actors and threads that hold something mutable which the frames that raised ``error`` hold as well."""
    seen: set[int] = set()
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("greenroom", "pykka"):
            used = {name: frame.f_globals[name] for name in frame.f_code.co_names if name in frame.f_globals}
            seen.update(_mutable_in([frame.f_locals, used]))
        trace = trace.tb_next
    others = [task for task in tasks if task is not raised and task.kind in ("actor", "thread")]
    return [task.name for task in others if not seen.isdisjoint(_mutable_in(_roots(task)))]


def _roots(task: Task) -> list[Any]:
    if task.actor is None:
        thread = task.thread
        return [] if thread is None else [{name: value for name, value in vars(thread).items() if not name.startswith("_greenroom")}]
    methods = [value for kind in type(task.actor).__mro__ if kind.__module__.partition(".")[0] != "pykka" for value in vars(kind).values()]
    return [vars(task.actor), methods]


def _mutable_in(roots: list[Any]) -> Iterator[int]:
    """The identities of the mutable things that can be reached from the members of ``roots`` in a few steps.

    Actors, references and futures are not entered: what goes through them has events.
    """
    todo = deque((part, 1) for root in roots for part in (root.values() if isinstance(root, dict) else root))
    visited: set[int] = set()
    while todo and len(visited) < _MOST_OBJECTS:
        value, depth = todo.popleft()
        if id(value) in visited:
            continue
        visited.add(id(value))
        if isinstance(value, _CONTAINERS) or _is_mutable_object(value):
            yield id(value)
        if depth < _DEPTH:
            todo.extend((part, depth + 1) for part in _parts(value))


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.values()]
    if isinstance(value, list | tuple | set | frozenset | deque):
        return [*value]
    if isinstance(value, CellType):
        try:
            return [value.cell_contents]
        except ValueError:  # it is empty
            return []
    if isinstance(value, _FUNCTIONS):
        return _parts_of_function(value)
    return [*_members(value).values()]


def _is_mutable_object(value: Any) -> bool:
    frozen = getattr(getattr(type(value), "__dataclass_params__", None), "frozen", False)
    return bool(_members(value)) and not frozen and not isinstance(value, Enum) and not isinstance(value, _FUNCTIONS)


def _members(value: Any) -> dict[str, Any]:
    if isinstance(value, _CLOSED):
        return {}
    try:
        members = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return members if type(members) is dict else {}


def _parts_of_function(function: Any) -> list[Any]:
    plain = getattr(function, "__func__", function)
    parts = [
        getattr(function, "__self__", None),
        *(getattr(plain, "__closure__", None) or ()),
        *(getattr(plain, "__defaults__", None) or ()),
    ]
    code = getattr(plain, "__code__", None)
    if code is not None:
        parts += [plain.__globals__[name] for name in code.co_names if name in plain.__globals__]
    return [part for part in parts if part is not None]
