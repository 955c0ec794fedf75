"""The script of an execution: every visible operation of every task, in the order in which they took effect on the stage.

It is finer than a history: operations are recorded where they are called, with those that are scheduling points only now and then. A
task's code between two of its operations runs in one piece on the stage; so the order of operations is all that there is to an execution.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self

import pykka
from pykka import ActorRegistry

from greenroom.operations import OnStage
from greenroom.runtime import Future, Inbox
from greenroom.scheduler import Scheduler
from greenroom.shims import events, locks, queues
from greenroom.shims.loop_queue import LoopQueue
from greenroom.task import current_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.task import Kind, Task

Path = tuple[int, ...]

REGISTRY: Final = ("get_all", "get_by_class", "get_by_class_name", "get_by_urn", "register", "unregister")
LATE: Final = frozenset({"raises Timeout", "raises Empty", "raises Full", "False"})  # outcomes of what was not to be had in time
_TOLD: Final = frozenset({"is_set", "is_alive", "locked", "empty", "full", "qsize", "acquire", "wait"})  # whose results are few
_LOCK: Final = {"acquire": "acquire", "release": "release", "locked": "locked", "_release_save": "release", "_acquire_restore": "acquire"}
_SEMAPHORE: Final = {"acquire": "acquire", "__enter__": "acquire", "release": "release"}
_QUEUE: Final = {name: name for name in ("put", "get", "qsize", "empty", "full", "task_done", "join", "shutdown")}
_OPERATIONS: Final[tuple[tuple[Any, dict[str, str]], ...]] = (
    (Inbox, {"put": "put", "get": "get", "empty": "empty", "qsize": "qsize"}),
    (Future, {"get": "answer", "set": "set", "set_exception": "set"}),
    (events.Event, {"is_set": "is_set", "isSet": "is_set", "set": "set", "clear": "clear", "wait": "wait"}),
    (events.Semaphore, _SEMAPHORE),
    (events.BoundedSemaphore, {"release": "release"}),
    (locks.Lock, _LOCK),
    (locks.RLock, {name: operation for name, operation in _LOCK.items() if name != "locked"}),
    (locks.Condition, {"notify": "notify"}),
    (queues.Queue, _QUEUE),
    (threading.Thread, {"start": "start", "join": "join", "is_alive": "is_alive"}),
    (ActorRegistry, dict.fromkeys(REGISTRY, "registry")),
    (pykka.ThreadingActor, {"_start_actor_loop": "start"}),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of the task at ``path``.

    ``target`` counts the things that operations have been done on, in the order of their first; 0 is none. ``outcome`` is the class of
    what was raised, or a short result (of a try, a look, a wait with a timeout), or "". ``label`` is the target in words. An operation
    that is ``split`` has looked in vain, and others had their turns before its task went on; a step "go_on" says when.
    """

    path: Path
    operation: str
    target: int = 0
    outcome: str = ""
    time_ns: int = 0
    label: str = ""
    split: bool = False


@dataclass(slots=True)
class Script:
    """What happened on the stage, and where its tasks were in the end.

    ``names`` and ``kinds`` are those of tasks by their paths. ``waiting`` says of every task that was left in the middle of an operation
    which one that was; a task that is in neither ``waiting`` nor ``ended`` had never begun, or was still running. ``loops`` says whether
    there was an event loop of asyncio: what that calls when is in no step.
    """

    steps: list[Step] = field(default_factory=list)
    names: dict[Path, str] = field(default_factory=dict)
    kinds: dict[Path, Kind] = field(default_factory=dict)
    waiting: dict[Path, Step] = field(default_factory=dict)
    ended: set[Path] = field(default_factory=set)
    daemons: set[Path] = field(default_factory=set)
    loops: bool = False


_NOTHING: Final = Step((), "")


class Numbers:
    """Numbers things in the order in which they are first met, and keeps them alive, so that no two share an address."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, Any]] = {}

    def known(self, thing: Any) -> int:
        """The number of a thing that has been met; 0 for others."""
        return self._known.get(id(thing), (0, None))[0]

    def of(self, thing: Any) -> int:
        """1, 2, …; 0 for None."""
        if thing is None:
            return 0
        known = self._known.get(id(thing))
        if known is None:
            known = self._known[id(thing)] = (len(self._known) + 1, thing)
        return known[0]


def outcome_of(operation: str, result: Any, error: BaseException | None) -> str:
    """What of the outcome of an operation must be the same on real threads."""
    if error is not None:
        return f"raises {type(error).__name__}"
    return str(result) if operation in _TOLD and type(result) in (bool, int) else ""


class Recorder:
    """A context manager: while it is entered, what the tasks of stages do is written into ``script``. One stage at a time.

    It wraps the simulated operations where they are called from, so an execution that nobody records pays nothing.
    """

    def __init__(self) -> None:
        self.script = Script()
        self._numbers = Numbers()
        self._undo: list[tuple[Any, str, Any]] = []
        self._inside: set[Path] = set()
        self._waiting: dict[Path, tuple[str, Any]] = {}
        self._looked: dict[Path, int] = {}

    def __enter__(self) -> Self:
        for owner, names in _OPERATIONS:
            for name, operation in names.items():
                if name in vars(owner):
                    self._wrap(owner, name, operation)
        for name in ("spawn", "wait", "point", "choose_value"):
            self._set(Scheduler, name, getattr(self, f"_{name}")(vars(Scheduler)[name]))
        self._set(LoopQueue, "__init__", self._make_loop(vars(LoopQueue)["__init__"]))
        self._set(OnStage, "_begin", self._begin(vars(OnStage)["_begin"]))
        return self

    def __exit__(self, *exception: object) -> None:
        while self._undo:
            owner, name, old = self._undo.pop()
            setattr(owner, name, old)
        self.script.steps = [step for step in self.script.steps if step is not _NOTHING]
        for path, (operation, target) in self._waiting.items():
            self.script.waiting[path] = Step(path, operation, self._numbers.known(target), label=_label(operation, target))

    def _set(self, owner: Any, name: str, value: Any) -> None:
        self._undo.append((owner, name, vars(owner)[name]))
        setattr(owner, name, value)

    def _wrap(self, owner: Any, name: str, operation: str) -> None:
        real = vars(owner)[name]
        if isinstance(real, classmethod):
            self._set(owner, name, classmethod(self._operation(real.__func__, operation)))
        else:
            self._set(owner, name, self._operation(real, operation))

    def _operation(self, real: Callable[..., Any], operation: str) -> Callable[..., Any]:
        with_target = operation not in ("start", "registry")

        def recorded(this: Any, *args: Any, **kwargs: Any) -> Any:
            task = current_task()
            if task is None or task.path in self._inside or (operation == "answer" and this._get_hook is not None):
                return real(this, *args, **kwargs)
            return self._record(task, operation, this if with_target else None, lambda: real(this, *args, **kwargs))

        return recorded

    def _record(self, task: Task, operation: str, target: Any, call: Callable[[], Any]) -> Any:
        path = task.path
        if task.scheduler.closing:
            return call()
        self._inside.add(path)
        self._waiting[path] = (operation, target)
        result, error = None, None
        try:
            result = call()
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._inside.discard(path)
            if not task.scheduler.closing:
                del self._waiting[path]
                outcome = outcome_of(operation, result, error)
                step = Step(path, operation, self._numbers.of(target), outcome, task.scheduler.clock.now_ns, _label(operation, target))
                self._write(step, late=outcome in LATE)
        return result

    def _write(self, step: Step, *, late: bool) -> None:
        looked = self._looked.pop(step.path, None)
        if looked is not None and late:
            self.script.steps[looked] = replace(step, split=True)
            step = Step(step.path, "go_on", time_ns=step.time_ns)
        self.script.steps.append(step)

    # -- what is no method of a simulated thing -------------------------------------------------------------------

    def _spawn(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def spawn(scheduler: Scheduler, name: str, kind: Kind, function: Callable[[], Any], **options: Any) -> Task:
            def life() -> Any:
                self._mark(task, "begin")
                try:
                    return function()
                finally:
                    self._mark(task, "end")
                    if not scheduler.closing:
                        self.script.ended.add(task.path)

            task: Task = real(scheduler, name, kind, life, **options)
            self.script.names[task.path] = task.name
            self.script.kinds[task.path] = kind
            if task.daemon:
                self.script.daemons.add(task.path)
            return task

        return spawn

    def _mark(self, task: Task, operation: str) -> None:
        if not task.scheduler.closing:
            self.script.steps.append(Step(task.path, operation, time_ns=task.scheduler.clock.now_ns))

    def _begin(self, real: Callable[..., None]) -> Callable[..., None]:
        def begin(this: Any, operation: Any) -> None:
            task = current_task()
            if task is not None:
                self._mark(task, "call")
            real(this, operation)

        return begin

    def _make_loop(self, real: Callable[..., None]) -> Callable[..., None]:
        def make_loop(this: Any, loop: Any) -> None:
            self.script.loops = True
            real(this, loop)

        return make_loop

    def _wait(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def wait(scheduler: Scheduler, operation: str, target: Any, waiters: list[Task], deadline_ns: int | None = None) -> bool:
            task = scheduler.current
            if task is not None and task.path in self._inside and deadline_ns is not None and deadline_ns <= scheduler.clock.now_ns:
                self._looked[task.path] = len(self.script.steps)
                self._numbers.of(self._waiting[task.path][1])
                self.script.steps.append(_NOTHING)
            own = operation == "sleep" or isinstance(target, locks.Condition)
            if task is None or not own or task.path in self._inside:
                return bool(real(scheduler, operation, target, waiters, deadline_ns))
            thing = None if operation == "sleep" else target
            return bool(self._record(task, operation, thing, lambda: real(scheduler, operation, target, waiters, deadline_ns)))

        return wait

    def _point(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def point(scheduler: Scheduler, operation: str, target: Any) -> None:
            task = scheduler.current
            if task is None or operation not in ("line", "checkpoint", "sleep") or task.path in self._inside:
                real(scheduler, operation, target)
            else:
                self._record(task, operation, None, lambda: real(scheduler, operation, target))

        return point

    def _choose_value(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def choose_value(scheduler: Scheduler, count: int) -> int:
            task = scheduler.current
            if task is None:
                return int(real(scheduler, count))
            index = int(self._record(task, "choose", None, lambda: real(scheduler, count)))
            if not scheduler.closing:
                step = self.script.steps[-1]
                self.script.steps[-1] = Step(step.path, step.operation, outcome=str(index), time_ns=step.time_ns)
            return index

        return choose_value


def _label(operation: str, target: Any) -> str:
    if target is None or operation == "start":
        return ""
    name = getattr(target, "greenroom_name", None) or getattr(target, "name", None)
    if isinstance(target, events.Event) and target.owner is not None:
        return f"the stop flag of {target.owner.name}"
    return name if isinstance(name, str) else ""
