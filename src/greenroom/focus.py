"""Which tasks a failure is about: where the search for its causes begins."""

from __future__ import annotations

import dis
import gc
from collections import deque
from enum import Enum
from threading import Thread
from types import BuiltinMethodType, CellType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import pykka

from greenroom.errors import PromiseBroken
from greenroom.shims.gates import Named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenroom.task import Task

_DEPTH: Final = 4
_MOST_OBJECTS: Final = 5_000
_CONTAINERS: Final = (list, dict, set, bytearray, deque)
_VALUES: Final = (int, float, str, bytes, tuple, frozenset, type(None), *_CONTAINERS)
_BASES: Final = frozenset({"pykka", "builtins", "abc", "typing"})
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
    """The actors that hold something mutable, or set a variable, which the frames that raised ``error`` hold or read; and all threads.

    Threads share memory by their nature, and what one has called is forgotten when it ends.
    """
    seen: set[int] = set()
    names: set[str] = set()
    trace = error.__traceback__
    while trace is not None:
        frame, code = trace.tb_frame, trace.tb_frame.f_code
        if frame.f_globals.get("__name__", "").partition(".")[0] not in ("greenroom", "pykka"):
            names.update(code.co_names, code.co_cellvars, code.co_freevars)
            seen.update(
                _mutable_in([dict(frame.f_locals), {name: frame.f_globals[name] for name in code.co_names if name in frame.f_globals}])
            )
        trace = trace.tb_next
    actors = [task for task in tasks if task.actor is not None]
    sharing = [task.name for task in actors if not (seen.isdisjoint(_mutable_in(_roots(task))) and names.isdisjoint(_set_by(task)))]
    return [*sharing, *(task.name for task in tasks if task.kind == "thread" and task is not raised)]


def _set_by(task: Task) -> set[str]:
    """The names of what its code sets besides its own attributes: variables of a module or of an outer function, and class attributes."""
    functions = [value for kind in _classes(task) for value in vars(kind).values() if isinstance(value, FunctionType)]
    found = {
        str(instruction.argval)
        for function in functions
        for instruction in dis.get_instructions(function)
        if instruction.opname in ("STORE_GLOBAL", "STORE_DEREF")
    }
    return found | {
        name for kind in _classes(task) for name, value in vars(kind).items() if not name.startswith("__") and isinstance(value, _VALUES)
    }


def _classes(task: Task) -> list[type]:
    """The program's own classes that it is an instance of."""
    return [kind for kind in type(task.actor).__mro__ if kind.__module__.partition(".")[0] not in _BASES]


def _roots(task: Task) -> list[Any]:
    return [vars(task.actor), [value for kind in _classes(task) for value in vars(kind).values()]]


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
        if issubclass(type(value), _CONTAINERS) or _is_mutable_object(value):
            yield id(value)
        if depth < _DEPTH:
            todo.extend((part, depth + 1) for part in _parts(value))


def _parts(value: Any) -> list[Any]:
    if issubclass(type(value), (*_CONTAINERS, tuple, frozenset)):
        return gc.get_referents(value)  # no method of the program's is called here
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
    return bool(_members(value)) and not frozen and not issubclass(type(value), (Enum, *_FUNCTIONS))


def _members(value: Any) -> dict[str, Any]:
    if issubclass(type(value), _CLOSED):
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
