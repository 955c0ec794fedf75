"""A deadlock among some tasks while others run on: certain, or not claimed at all.

Tasks that wait for one another without a deadline stand still for ever, unless somebody else sets the future or releases the lock that
one of them waits for. So nothing is claimed while a task that may still run can get hold of it: the search for what a task can get hold
of follows references, as a tracing garbage collector does, and gives up (nothing is claimed) where there are too many.
"""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path
from types import FrameType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import pykka

from greenroom.runtime import Future, Inbox
from greenroom.scheduler import Scheduler
from greenroom.shims.locks import Lock, RLock
from greenroom.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MOST_OBJECTS: Final = 100_000
_FOREIGN: Final = frozenset({"greenroom", "pykka", "greenlet", "hypothesis", "pytest", "_pytest"})
_LIBRARY: Final = Path(threading.__file__).parent
# Through these a program sends messages, and gets hold of nothing; and what is greenroom's own is not the program's.
_OPAQUE: Final = (pykka.ActorRef, pykka.ActorProxy, Inbox, Task, Scheduler, ModuleType, str, bytes, int, float, type(None))


def standing_still(tasks: list[Task], giver: Callable[[Task], Task | None]) -> list[Task]:
    """The tasks that can never go on, for each waits for another one of them.

    Args:
        tasks: all tasks of a stage.
        giver: the one task that could wake a waiting task by what it does next, if that is known.
    """
    alive = [task for task in tasks if not task.done]
    still = [task for task in alive if task.blocked and not task.timer and giver(task) is not None]
    while still:
        members = set(map(id, still))
        waiting = [task for task in still if id(giver(task)) in members]
        if len(waiting) == len(still):
            wanted = _names_of([task for task in still if _others_could_end(task)])
            in_reach = _in_reach([task for task in alive if id(task) not in members], set(wanted))
            if in_reach is None:
                return []
            ended = {wanted[name] for name in in_reach}
            waiting = [task for task in still if id(task.target) not in ended]
            if len(waiting) == len(still):
                return still
        still = waiting
    return []


def _others_could_end(task: Task) -> bool:
    """Whether it waits for what anybody could give who gets hold of it; only its holder releases an RLock, only a task ends itself."""
    return isinstance(task.target, Future) or (isinstance(task.target, Lock) and not isinstance(task.target, RLock))


def _names_of(tasks: list[Task]) -> dict[int, int]:
    """The identities of what ``tasks`` wait for; a primitive from before the stage is got hold of by its real one as well."""
    names = {id(task.target): id(task.target) for task in tasks}
    for kept in tasks[0].scheduler.kept.values() if tasks else ():
        if type(kept) is tuple and id(kept[0]) in names:  # (the twin, the real one), as shims.prior keeps them
            names[id(kept[1])] = id(kept[0])
    return names


def _in_reach(tasks: Iterable[Task], wanted: set[int]) -> set[int] | None:
    """Those of ``wanted`` (identities) that ``tasks`` can get hold of; None if there is too much to look at."""
    found: set[int] = set()
    visited: set[int] = set()
    todo = [part for task in tasks for part in _held_by(task)] if wanted else []
    while todo:
        value = todo.pop()
        if id(value) in visited:
            continue
        visited.add(id(value))
        if id(value) in wanted:
            found.add(id(value))
        if len(visited) > _MOST_OBJECTS:
            return None
        if not issubclass(type(value), _OPAQUE):
            todo.extend(_parts(value))
    return found


def _held_by(task: Task) -> list[Any]:
    """Where the search begins: the variables of its running code, its actor or thread, its messages, and what it will call."""
    parts: list[Any] = [task.function, task.target, task.handling, task.actor, task.thread]
    if isinstance(task.inbox, Inbox):
        parts += task.inbox._items
    frame: FrameType | None = task.greenlet.gr_frame if task.greenlet is not None else None
    while frame is not None:
        parts += _of_frame(frame)
        frame = frame.f_back
    return parts


def _of_frame(frame: FrameType) -> list[Any]:
    return [*frame.f_locals.values(), *_named_in(frame.f_code.co_names, frame.f_globals)]


def _parts(value: Any) -> list[Any]:
    if isinstance(value, FrameType):
        return _of_frame(value)
    if isinstance(value, FunctionType):
        given = [*(value.__closure__ or ()), *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
        names = [name for code in _codes(value.__code__) for name in code.co_names]
        return given if _is_foreign(value) else [*given, *_named_in(names, value.__globals__)]
    if isinstance(value, type) and _is_foreign(value):
        return []
    return gc.get_referents(value)


def _is_foreign(value: Any) -> bool:
    """Whether it was written without knowing the program: its global variables hold nothing of the program's."""
    name = str(value.__module__).partition(".")[0]
    if name not in sys.stdlib_module_names:
        return name in _FOREIGN
    file = getattr(sys.modules.get(name), "__file__", None)
    return file is None or Path(file).is_relative_to(_LIBRARY)  # else a module of the program that has the name of Python's own


def _codes(code: Any) -> list[Any]:
    """The code itself and that of the functions defined in it."""
    return [code, *(inner for part in code.co_consts if hasattr(part, "co_names") for inner in _codes(part))]


def _named_in(names: Iterable[str], variables: dict[str, Any]) -> list[Any]:
    """The global variables of these names, and the variables of these names in the modules among them."""
    names = [*names]
    found = [variables[name] for name in names if name in variables]
    inside = [vars(module).get(name) for module in found if isinstance(module, ModuleType) for name in names]
    return [*found, *(value for value in inside if value is not None)]
