"""Primitives that were made before the stage opened, as a simulated task sees them.

Each gets a simulated twin for every stage, made when a task first touches it, in the state that the real one is in then; the real one
is never touched. So executions do not see what earlier ones did to a module's ``Event`` or ``Queue``. Primitives that are written in
Python are caught by their methods, wherever they are kept; those written in C (``Lock``, ``RLock``, ``SimpleQueue``, ``local``) only
where ``sites`` finds them, and a ``Prior`` stands in for them there.
"""

from __future__ import annotations

import queue
import threading
import weakref
from _threading_local import local as Local  # noqa: N812 - the standard library's own one in Python
from copy import copy
from typing import TYPE_CHECKING, Any, Final

import pykka
from pykka._envelope import Envelope
from pykka._registry import ActorRegistry

from greenroom import runtime
from greenroom.describe import describe_message
from greenroom.errors import StageError
from greenroom.shims import events, gates, locks, queues
from greenroom.task import current_task

if TYPE_CHECKING:
    from collections.abc import Callable

_RealLock: Final = type(threading.Lock())
_RealRLock: Final = type(threading.RLock())
_RealSimpleQueue: Final = queue.SimpleQueue
_RealLocal: Final = threading.local


def _lock(real: Any) -> Any:
    twin = locks.Lock()
    twin._held = real.locked()
    return twin


def _condition(real: Any) -> Any:
    return locks.Condition(twin_of(real._lock, "a Condition's lock"))


def _event(real: Any) -> Any:
    twin = events.Event()
    twin._flag = real._flag
    return twin


def _semaphore(real: Any) -> Any:
    if type(real) is events.RealSemaphore:
        return events.Semaphore(real._value)
    twin = events.BoundedSemaphore(real._value)
    twin._initial_value = real._initial_value
    return twin


def _queue(real: Any) -> Any:
    kinds: dict[Any, type[queues.Queue]] = {queues.RealLifoQueue: queues.LifoQueue, queues.RealPriorityQueue: queues.PriorityQueue}
    twin = kinds.get(type(real), queues.Queue)(real.maxsize)
    twin.queue = copy(real.queue)
    twin.unfinished_tasks = real.unfinished_tasks
    twin.is_shutdown = getattr(real, "is_shutdown", False)
    return twin


def _simple_queue(real: Any) -> Any:
    twin = queues.SimpleQueue()
    for _ in range(real.qsize()):
        item = real.get_nowait()
        twin.queue.append(item)
        real.put(item)
    return twin


def _future(real: Any) -> Any:
    twin = runtime.Future()
    twin._get_hook = real._get_hook
    if real._result is not None:
        value, exc_info = real._result
        twin._result = (None, value) if exc_info is None else ("exception", exc_info)
    return twin


def _local(real: Any) -> Any:
    twin = Local()
    task = current_task()
    assert task is not None
    if task.scheduler.tasks[0].kind == "scenario":  # it runs in the main thread, and that has its values already
        thread = threading.main_thread()
        object.__getattribute__(twin, "_local__impl").dicts[id(thread)] = (weakref.ref(thread), dict(real.__dict__))
    return twin


_TWINS: Final[dict[type, Callable[[Any], Any]]] = {
    _RealLock: _lock,
    _RealRLock: lambda _: locks.RLock(),
    _RealSimpleQueue: _simple_queue,
    _RealLocal: _local,
    locks.RealCondition: _condition,
    events.RealEvent: _event,
    events.RealSemaphore: _semaphore,
    events.RealBoundedSemaphore: _semaphore,
    queues.RealQueue: _queue,
    queues.RealLifoQueue: _queue,
    queues.RealPriorityQueue: _queue,
    runtime.RealFuture: _future,
}
_HIDDEN_KINDS: Final = frozenset({_RealLock, _RealRLock, _RealSimpleQueue, _RealLocal})


def is_hidden(value: Any) -> bool:
    """Whether it is a real primitive that only a ``Prior`` in its place can catch."""
    return type(value) in _HIDDEN_KINDS


def twin_of(real: Any, label: str = "") -> Any:
    """The simulated twin of ``real`` on the stage of the running task; what is simulated already is its own twin."""
    make = _TWINS.get(type(real))
    if make is None:
        return real
    task = current_task()
    assert task is not None, "only a task sees twins"
    kept = task.scheduler.kept
    known = kept.get(id(real))
    if known is None:
        trace = task.scheduler.trace
        made = trace.made() if trace is not None else 0
        twin = make(real)
        if trace is not None:
            trace.adopt(twin, real, label, made)
        if isinstance(twin, gates.Named):
            if label:
                twin._name = label
            twin._made_at = None
        known = kept[id(real)] = (twin, real)  # with the real one, so that its id is not used again
    return known[0]


class Prior:
    """Stands in for a real primitive while a stage is open: its twin inside a task, the real one everywhere else."""

    __slots__ = ("_label", "_real")

    def __init__(self, real: Any, label: str) -> None:
        object.__setattr__(self, "_real", real)
        object.__setattr__(self, "_label", label)

    @property  # type: ignore[misc]  # isinstance() asks for it, and nobody sets it
    def __class__(self) -> Any:
        return type(self._real)

    def _now(self) -> Any:
        return self._real if current_task() is None else twin_of(self._real, self._label)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._now(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._now(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._now(), name)

    def __enter__(self) -> Any:
        return self._now().__enter__()

    def __exit__(self, *exception: object) -> Any:
        return self._now().__exit__(*exception)

    def __repr__(self) -> str:
        return repr(self._now())


_METHODS: Final[tuple[tuple[type, str], ...]] = (
    (locks.RealCondition, "__enter__ __exit__ wait wait_for notify notify_all notifyAll"),
    (events.RealEvent, "is_set isSet set clear wait"),
    (events.RealSemaphore, "acquire release __enter__ __exit__"),
    (events.RealBoundedSemaphore, "release"),
    (queues.RealQueue, "put get qsize empty full task_done join shutdown"),
    (runtime.RealFuture, "get set set_exception set_get_hook"),
)


def methods() -> list[tuple[Any, str, Any]]:
    """Methods of the real classes that hand over to the twin where a task calls them."""
    return [(owner, name, _dispatcher(owner, name)) for owner, names in _METHODS for name in names.split() if name in vars(owner)]


def _dispatcher(owner: type, name: str) -> Callable[..., Any]:
    real = vars(owner)[name]
    kinds = frozenset(kind for kind in _TWINS if issubclass(kind, owner))
    refuses = owner is queues.RealQueue and name == "put"

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if type(self) in kinds and current_task() is not None:
            if refuses and args and isinstance(args[0], Envelope):
                _refuse_actor(self, args[0])
            return getattr(twin_of(self), name)(*args, **kwargs)
        return real(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = real.__doc__
    return method


def _refuse_actor(inbox: Any, envelope: Any) -> None:
    """A real actor's inbox: a task must not wait for an answer from a real thread."""
    ref = next((ref for ref in ActorRegistry._actor_refs if ref.actor_inbox is inbox), None)
    if ref is not None:
        raise StageError(
            f"{ref.actor_class.__name__} was started before the stage opened, on a real thread, and cannot be sent "
            f"{describe_message(envelope.message)} from inside it: start the actor in the scenario"
        )


assert pykka.ThreadingFuture is runtime.RealFuture, "the shims are loaded while none is in place"
