"""Puts the simulated names in place while a stage is open, and takes every one of them away again.

Each shim asks where it is called from: inside a task it is the simulated thing, everywhere else the real one. So code
outside a stage (Hypothesis, pytest, psutil, other threads) notices nothing. Names that programs imported for
themselves (``from time import sleep``) are found by identity in the globals of loaded modules.
"""

from __future__ import annotations

import _threading_local
import logging
import os
import queue
import random
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

import pykka
import pykka._threading
from pykka import ActorRegistry

from greenroom import runtime
from greenroom.shims import locks, queues, randomness, threads, times
from greenroom.task import TaskGreenlet, current_task, getcurrent

if TYPE_CHECKING:
    from collections.abc import Callable

_NOT_SCANNED: Final = ("greenroom", "hypothesis", "_pytest", "pytest", "greenlet", "threading", "_threading_local", "sys", "builtins")


class Shim:
    """Stands in for a class or a function: simulated inside a task, real outside, and both for ``isinstance``."""

    def __init__(self, real: Any, simulated: Any) -> None:
        self._real = real
        self._simulated = simulated
        self.__doc__ = real.__doc__
        self.__name__ = getattr(real, "__name__", "shim")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if type(getcurrent()) is TaskGreenlet:
            return self._simulated(*args, **kwargs)
        return self._real(*args, **kwargs)

    def __instancecheck__(self, instance: Any) -> bool:
        kinds = tuple(kind for kind in (self._real, self._simulated) if isinstance(kind, type))
        return isinstance(instance, kinds)

    def __subclasscheck__(self, subclass: type) -> bool:
        kinds = tuple(kind for kind in (self._real, self._simulated) if isinstance(kind, type))
        return issubclass(subclass, kinds)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._simulated if type(getcurrent()) is TaskGreenlet else self._real,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __or__(self, other: Any) -> Any:
        return self._real | other

    def __ror__(self, other: Any) -> Any:
        return other | self._real

    def __getitem__(self, key: Any) -> Any:
        return self._real[key]


def _function(real: Callable[..., Any], simulated: Callable[..., Any]) -> Callable[..., Any]:
    def shim(*args: Any, **kwargs: Any) -> Any:
        if type(getcurrent()) is TaskGreenlet:
            return simulated(*args, **kwargs)
        return real(*args, **kwargs)

    shim.__name__ = getattr(real, "__name__", "shim")
    shim.__doc__ = real.__doc__
    return shim


def _shims() -> list[tuple[Any, Any]]:
    """Pairs of a real name's value and what stands in for it; made once."""
    functions: list[tuple[Any, Any]] = [
        (time.sleep, times.sleep),
        (time.time, times.time),
        (time.time_ns, times.time_ns),
        (time.monotonic, times.monotonic),
        (time.monotonic_ns, times.monotonic_ns),
        (time.perf_counter, times.monotonic),
        (time.perf_counter_ns, times.monotonic_ns),
        (threading.current_thread, threads.current_thread),
        (threading.get_ident, threads.get_ident),
        (threading.enumerate, threads.enumerate_threads),
        (threading.active_count, threads.active_count),
        (uuid.uuid4, randomness.uuid4),
        (uuid.uuid1, randomness.uuid1),
        (os.urandom, randomness.urandom),
    ]
    functions += [(getattr(random, name), randomness.simulated(name)) for name in randomness.module_functions()]
    classes: list[tuple[Any, Any]] = [
        (threading.Lock, locks.Lock),
        (threading.RLock, locks.RLock),
        (threading.Condition, locks.Condition),
        (threading.Event, locks.Event),
        (threading.Semaphore, locks.Semaphore),
        (threading.BoundedSemaphore, locks.BoundedSemaphore),
        (threading.local, _threading_local.local),
        (queue.Queue, queues.Queue),
        (queue.LifoQueue, queues.LifoQueue),
        (queue.PriorityQueue, queues.PriorityQueue),
        (queue.SimpleQueue, queues.SimpleQueue),
        (pykka.ThreadingFuture, runtime.Future),
    ]
    pairs = [(real, _function(real, simulated)) for real, simulated in functions]
    return pairs + [(real, Shim(real, simulated)) for real, simulated in classes]


class _Installation:
    """What is in place now, and how to take it away."""

    def __init__(self) -> None:
        self.depth = 0
        self.undo: list[tuple[Any, str, Any]] = []
        self.pairs: list[tuple[Any, Any]] = []
        self.by_identity: dict[int, tuple[Any, Any]] = {}
        self.scanned: dict[str, int] = {}
        self.sites: dict[tuple[str, str], Any] = {}

    def install(self) -> None:
        self.depth += 1
        if self.depth > 1:
            return
        if not self.pairs:
            self.pairs = _shims()
            self.by_identity = {id(real): (real, shim) for real, shim in self.pairs}
        try:
            self._replace_names()
            self._replace_methods()
        except BaseException:
            self.depth = 1
            self.uninstall()
            raise

    def uninstall(self) -> None:
        self.depth -= 1
        if self.depth:
            return
        while self.undo:
            owner, name, real = self.undo.pop()
            if isinstance(owner, dict):
                owner[name] = real
            else:
                setattr(owner, name, real)
        logging.getLogger("pykka").removeFilter(_quiet_inside_tasks)

    def _replace_names(self) -> None:
        for module_name in ("time", "threading", "_threading_local", "queue", "uuid", "os", "random", "pykka", "pykka._threading"):
            self._replace_in(vars(sys.modules[module_name]))
        for module_name, module in list(sys.modules.items()):
            if module_name.partition(".")[0] not in _NOT_SCANNED and module is not None:
                self._replace_in_scanned(module_name, module)

    def _replace_in_scanned(self, module_name: str, module: Any) -> None:
        namespace = getattr(module, "__dict__", None)
        if type(namespace) is not dict:
            return
        if self.scanned.get(module_name) != len(namespace):
            self.scanned[module_name] = len(namespace)
            for name, value in list(namespace.items()):
                if id(value) in self.by_identity:
                    self.sites[module_name, name] = module
        return

    def _replace_in(self, namespace: dict[str, Any]) -> None:
        for name, value in list(namespace.items()):
            pair = self.by_identity.get(id(value))
            if pair is not None and pair[0] is value:
                self.undo.append((namespace, name, value))
                namespace[name] = pair[1]

    def _replace_methods(self) -> None:
        for (module_name, name), module in self.sites.items():
            if sys.modules.get(module_name) is module:
                namespace = vars(module)
                pair = self.by_identity.get(id(namespace.get(name)))
                if pair is not None and pair[0] is namespace[name]:
                    self.undo.append((namespace, name, pair[0]))
                    namespace[name] = pair[1]
        for owner, name, value in _methods():
            self.undo.append((owner, name, vars(owner)[name]))
            setattr(owner, name, value)
        logging.getLogger("pykka").addFilter(_quiet_inside_tasks)


def _quiet_inside_tasks(record: logging.LogRecord) -> bool:
    """Pykka's log of failures is in the history; thousands of executions must not print it."""
    return current_task() is None


def _hook(real: Callable[..., Any], simulated: Callable[..., Any]) -> Any:
    return staticmethod(_function(real, simulated))


def _methods() -> list[tuple[Any, str, Any]]:
    """Methods of Pykka and of ``threading.Thread`` that ask where they are."""
    actor_class = pykka.ThreadingActor
    real_loop, real_failure = _REAL_LOOP, _REAL_FAILURE

    def start_loop(actor: Any) -> None:
        (runtime.start_actor_loop if current_task() is not None else real_loop)(actor)

    def handle_failure(actor: Any, kind: Any, value: Any, trace: Any) -> None:
        runtime.actor_failed(actor, value)
        real_failure(actor, kind, value, trace)

    return [
        (actor_class, "_create_actor_inbox", _hook(_REAL_INBOX, runtime.Inbox)),
        (actor_class, "_create_future", _hook(_REAL_FUTURE, runtime.Future)),
        (actor_class, "_start_actor_loop", start_loop),
        (pykka.Actor, "_handle_failure", handle_failure),
        *[(ActorRegistry, name, _registry_method(name)) for name in _REAL_REGISTRY],
        (threading.Thread, "start", threads.start),
        (threading.Thread, "join", threads.join),
        (threading.Thread, "is_alive", threads.is_alive),
    ]


def _registry_method(name: str) -> Any:
    real = _REAL_REGISTRY[name]
    operation = {"register": "start", "unregister": "stop"}.get(name, "read")

    def method(cls: Any, *args: Any, **kwargs: Any) -> Any:
        task = current_task()
        if task is not None:
            task.scheduler.commit(operation, _REGISTRY)
        return real.__func__(cls, *args, **kwargs)

    method.__name__ = name
    return classmethod(method)


class _Registry:
    greenroom_name = "the actor registry"


_REGISTRY: Final = _Registry()
_REAL_INBOX: Final = pykka.ThreadingActor._create_actor_inbox
_REAL_FUTURE: Final = pykka.ThreadingActor._create_future
_REAL_LOOP: Final = pykka.ThreadingActor._start_actor_loop
_REAL_FAILURE: Final = pykka.Actor._handle_failure
_REAL_REGISTRY: Final[dict[str, Any]] = {
    name: vars(ActorRegistry)[name] for name in ("get_all", "get_by_class", "get_by_class_name", "get_by_urn", "register", "unregister")
}
_installation: Final = _Installation()


def install() -> None:
    """Put the shims in place; calls nest."""
    _installation.install()


def uninstall() -> None:
    """Take the shims away with the last of the nested calls."""
    _installation.uninstall()


def is_installed() -> bool:
    """Whether any shim is in place."""
    return _installation.depth > 0
