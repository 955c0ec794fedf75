"""Plain objects that actors share, seen from outside: which steps changed them, and which had them at hand.

An actor that hands out its own list, or two that are given the same dict, share memory without any message. An exhaustive search must not
take their steps for independent. So after each step the objects that can be reached from an actor's attributes, and from the variables of
its class and its module, are compared with what they were before. A step that changed one has written it; a step of another task that has
it at hand (in an attribute, a local variable, a closure or its module) counts as reading it, whether it did or not.

What only the scenario's own functions and threads share is not watched: mark it with ``checkpoint``. What a
library keeps inside is not seen either; actors that share an iterator or a random generator are told of.
"""

from __future__ import annotations

import sys
from collections import deque
from functools import cache
from random import Random
from types import BuiltinFunctionType, CellType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pykka
from greenlet import getcurrent

from greenroom.runtime import Inbox
from greenroom.shims.gates import Named
from greenroom.shims.loop_queue import LoopQueue
from greenroom.shims.threads import ident_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from greenroom.dependence import Trace
    from greenroom.scheduler import Scheduler
    from greenroom.task import Task

MOST_OBJECTS: Final = 2_000
_ATOMS: Final = frozenset({int, float, complex, str, bytes, bool, type(None), range, BuiltinFunctionType, ModuleType, type})
_APART: Final = (pykka.ActorRef, pykka.ActorProxy, pykka.CallableProxy, pykka.Future, Named, Inbox, type, ModuleType, BaseException)
_LIBRARIES: Final = frozenset(sys.stdlib_module_names | {"pykka", "greenroom", "greenlet"}) - {"__main__"}
_PLAIN: Final = frozenset({list, tuple, set, frozenset, deque})
_NAMES: Final = "names of "
_CONTAINERS: Final = (dict, list, set, deque, tuple, frozenset)
_KNOWN: Final = _PLAIN | {dict, bytearray, CellType, FunctionType, MethodType}
_OF_PYKKA: Final = frozenset({"actor_ref", "actor_urn", "actor_inbox", "actor_stopped"})


class _Watched:
    """An object that may change; ``was`` is what it held when it was looked at last."""

    __slots__ = ("of_actor", "thing", "was")

    def __init__(self, thing: Any, was: tuple[Any, ...]) -> None:
        self.thing = thing
        self.was = was
        self.of_actor = False


class SharedMemory:
    """The objects that the actors of one execution can reach; ``after`` tells ``trace`` of each step which of them it touched."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._watched: dict[int, _Watched] = {}
        self._reach: list[dict[int, _Watched]] = []
        self._handed: list[int] = []
        self._opaque: dict[int, tuple[Any, str]] = {}

    def after(self, task: Task) -> None:
        """``task`` has ended a step."""
        scheduler = task.scheduler
        before = self._reach[task.index] if task.index < len(self._reach) else {}
        self._look_at(scheduler, task)
        after = self._reach[task.index]
        taken = self._passed_on(task)
        for known, watched in self._watched.items():
            if watched.of_actor:
                now = _contents(watched.thing)
                changed = not _same(watched.was, now)
                watched.was = now
                if changed or known in before or known in after or known in taken:
                    self._trace.held(watched.thing, changed)

    def _passed_on(self, task: Task) -> dict[int, _Watched]:
        """What ``task`` has taken in this step: it had that at hand, even if it has dropped it since.

        What it has given is watched from now on, under a name of the giver: one message may go to several, whoever takes it first.
        """
        trace = self._trace
        self._handed += [0] * (len(self._reach) - len(self._handed))
        for thing in trace.handed:
            self._handed[task.index] += 1
            self._walk(task, {}, _opened(f"handed {self._handed[task.index]}", thing), of_actor=True)
        taken: dict[int, _Watched] = {}
        for number, thing in enumerate(trace.taken):
            self._walk(task, taken, _opened(f"taken {number}", thing), of_actor=True)
        trace.handed.clear()
        trace.taken.clear()
        return taken

    def _look_at(self, scheduler: Scheduler, task: Task) -> None:
        """Look again at what ``task`` has at hand, and for the first time at those that it has started."""
        tasks = scheduler.tasks
        new = range(len(self._reach), len(tasks))
        self._reach += [{} for _ in new]
        for index in {*new, task.index}:
            other = tasks[index]
            reach = self._reach[index] = {}
            if not other.done:
                if other.actor is not None:
                    self._walk(other, reach, _attributes(other.actor), of_actor=True)
                self._walk(other, reach, _at_hand(other), of_actor=False)

    def _walk(self, task: Task, reach: dict[int, _Watched], roots: Iterator[tuple[str, Any]], *, of_actor: bool) -> None:
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            name, thing = stack.pop()
            kind: Any = type(thing)
            if name.startswith(_NAMES):  # only what is bound to the names: the objects are looked at one by one
                self._watch(task, reach, name, thing, of_actor=of_actor)
                continue
            if kind in _ATOMS or id(thing) in seen:
                continue
            if kind not in _KNOWN and _slots(kind) is None:
                if of_actor and (hasattr(kind, "__next__") or issubclass(kind, Random)):
                    self._note_opaque(task, thing)
                continue
            seen.add(id(thing))
            if len(seen) > MOST_OBJECTS:
                self._trace.incomplete = f"{task.name} has more than {MOST_OBJECTS:,} objects at hand, too many to see which are shared"
                return
            if _can_change(thing):
                self._watch(task, reach, name, thing, of_actor=of_actor)
            for place, part in enumerate(_contents(thing)):
                if type(part) not in _ATOMS:
                    stack.append((f"{name}.{place}", part))

    def _note_opaque(self, task: Task, thing: Any) -> None:
        """An actor has something at hand that changes inside with each use: shared, it would be memory that nobody can watch."""
        _, first = self._opaque.setdefault(id(thing), (thing, task.name))
        if first != task.name:
            what = type(thing).__qualname__
            self._trace.incomplete = (
                f"{first} and {task.name} share a {what}, which changes unseen: put greenroom.checkpoint(…) before each use"
            )

    def _watch(self, task: Task, reach: dict[int, _Watched], name: str, thing: Any, *, of_actor: bool) -> None:
        watched = self._watched.get(id(thing))
        if watched is None:
            watched = self._watched[id(thing)] = _Watched(thing, _contents(thing))
            self._trace.name(thing, ("memory", *task.path, name))
        watched.of_actor = watched.of_actor or of_actor
        reach[id(thing)] = watched


def _attributes(actor: Any) -> Iterator[tuple[str, Any]]:
    """An actor itself, for others may hold it and change it; and what its classes and their modules keep for all."""
    yield "self", actor
    for base in type(actor).__mro__:
        if _of_program(base):
            yield from _variables(f"class {base.__qualname__}", base)
            yield from _variables(base.__module__, sys.modules.get(base.__module__))


def _opened(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """What was passed on. Where a library has wrapped it (a pool's call), the program's own is in the attributes of the wrapper."""
    kind: Any = type(thing)
    yield name, thing
    if kind not in _ATOMS and kind not in _KNOWN and not isinstance(thing, _APART) and _slots(kind) is None:
        for attribute, value in getattr(thing, "__dict__", {}).items():
            yield f"{name} {attribute}", value


def _variables(where: str, owner: Any) -> Iterator[tuple[str, Any]]:
    """The variables of a class or a module (or of None) that hold something which may change, and which names are bound to what."""
    if owner is None:
        return
    yield f"{_NAMES}{where}", owner
    for name, value in vars(owner).items():
        kind: Any = type(value)
        if (
            kind not in _ATOMS
            and name[:2] != "__"
            and kind not in (FunctionType, MethodType)
            and (kind in _KNOWN or _slots(kind) is not None)
        ):
            yield f"{where} {name}", value


def _at_hand(task: Task) -> Iterator[tuple[str, Any]]:
    """What ``task`` was given to do, the local variables of the program's functions that it is in, and what their modules keep for all."""
    yield "function", task.function
    if task.thread is not None:
        for name, value in vars(task.thread).items():
            if name in ("_target", "_args", "_kwargs"):
                yield name, value
    for queue in task.scheduler.kept.get(LoopQueue, ()):
        if queue.loop._thread_id == ident_of(task):
            yield from queue.to_call()
            for whose, suspended in queue.suspended():
                yield from _of_frame(suspended, whose)
    running = task.greenlet
    frame: FrameType | None = sys._getframe() if running is getcurrent() else getattr(running, "gr_frame", None)
    while frame is not None:
        yield from _of_frame(frame)
        frame = frame.f_back


def _of_frame(frame: FrameType, whose: str = "") -> Iterator[tuple[str, Any]]:
    module = frame.f_globals.get("__name__", "")
    if _is_program(module):
        for name, value in frame.f_locals.items():
            if type(value) not in _ATOMS:
                yield f"{whose}{frame.f_code.co_qualname} {name}", value
        yield from _variables(module, sys.modules.get(module))


def _can_change(thing: Any) -> bool:
    return type(thing) not in (tuple, frozenset, FunctionType, MethodType)


@cache
def _slots(kind: type) -> tuple[Any, ...] | None:
    """What a class of the program has slots for; None where its objects are left alone. The containers of libraries have none."""
    if issubclass(kind, _APART):
        return None
    if not _of_program(kind):
        return () if issubclass(kind, (*_CONTAINERS, SimpleNamespace)) else None
    return tuple(part for base in kind.__mro__ for part in vars(base).values() if type(part) is _SLOT)


def _of_dict(thing: dict[Any, Any]) -> tuple[Any, ...]:
    return (*thing.keys(), *thing.values())


def _of_cell(thing: CellType) -> tuple[Any, ...]:
    return (thing.cell_contents,) if _is_filled(thing) else ()


_CONTENTS: Final[dict[type, Callable[[Any], tuple[Any, ...]]]] = {
    **dict.fromkeys(_PLAIN, tuple),
    dict: _of_dict,
    bytearray: tuple,  # small numbers, which are themselves when they are the same
    CellType: _of_cell,
    FunctionType: lambda thing: thing.__closure__ or (),
    MethodType: lambda thing: (thing.__self__,),
}


def _contents(thing: Any) -> tuple[Any, ...]:
    """What a thing holds directly, as far as it is the program's own; looking runs nothing of the program."""
    kind: Any = type(thing)
    of_kind = _CONTENTS.get(kind)
    if of_kind is not None:
        return of_kind(thing)
    if isinstance(thing, type | ModuleType):
        return tuple(vars(thing).values())
    slots = _slots(kind)
    if slots is None:
        return ()
    own: list[Any] = []
    attributes = getattr(thing, "__dict__", None) if kind.__dictoffset__ else None
    if type(attributes) is dict:
        own += [value for name, value in attributes.items() if name not in _OF_PYKKA]
    own += [slot.__get__(thing) for slot in slots if _is_filled_slot(slot, thing)]
    for builtin in _CONTAINERS:
        if issubclass(kind, builtin):
            own += builtin.__iter__(thing)
            own += builtin.values(thing) if builtin is dict else ()
    return tuple(own)


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty one raises
    except ValueError:
        return False
    return True


def _is_filled_slot(descriptor: Any, thing: Any) -> bool:
    try:
        descriptor.__get__(thing)
    except AttributeError:
        return False
    return True


class _WithSlot:
    __slots__ = ("slot",)


_SLOT: Final = type(vars(_WithSlot)["slot"])


def _same(was: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    return len(was) == len(now) and all(before is after for before, after in zip(was, now, strict=True))


def _of_program(kind: type) -> bool:
    return _is_program(kind.__module__)


@cache
def _is_program(module: Any) -> bool:
    return isinstance(module, str) and module.partition(".")[0] not in _LIBRARIES
