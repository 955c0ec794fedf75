"""Puts the simulated names in place while a stage is open, and takes every one of them away again.

Each shim asks where it is called from: inside a task it is the simulated thing, everywhere else the real one. So code
outside a stage (Hypothesis, pytest, psutil, other threads) notices nothing. Names that programs imported for
themselves (``from time import sleep``) are found by identity in the globals of loaded modules.
"""

from __future__ import annotations

import _threading_local
import builtins
import concurrent.futures._base
import importlib
import os
import queue
import random
import sys
import threading
import time
import uuid
from concurrent.futures.thread import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import pykka
import pykka._threading
from greenlet import getcurrent, greenlet
from pykka import ActorRegistry

from greenroom import runtime
from greenroom.greenlets import end_spare
from greenroom.shims import blocking, dates, events, locks, pools, prior, queues, randomness, threads, times
from greenroom.shims.quiet import quiet
from greenroom.shims.shim import Shim, shim_of_function
from greenroom.shims.sites import NOT_SCANNED, Site, is_program, sites_everywhere, sites_in_globals, sites_of_function
from greenroom.shims.watchdog import watchdog
from greenroom.task import TaskGreenlet, current_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SCANNED_ALWAYS: Final = (
    "time",
    "threading",
    "_threading_local",
    "queue",
    "uuid",
    "os",
    "random",
    "pykka",
    "pykka._threading",
    "concurrent.futures._base",
)


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
        (time.localtime, times.localtime),
        (time.gmtime, times.gmtime),
        (time.ctime, times.ctime),
        (time.strftime, times.strftime),
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
        (threading.Event, events.Event),
        (threading.Semaphore, events.Semaphore),
        (threading.BoundedSemaphore, events.BoundedSemaphore),
        (threading.local, _threading_local.local),
        (random.Random, randomness.Random),
        (pools.RealPoolFuture, pools.PoolFuture),
        (queue.Queue, queues.Queue),
        (queue.LifoQueue, queues.LifoQueue),
        (queue.PriorityQueue, queues.PriorityQueue),
        (queue.SimpleQueue, queues.SimpleQueue),
        (pykka.ThreadingFuture, runtime.Future),
    ]
    pairs = [(real, shim_of_function(real, simulated)) for real, simulated in functions]
    return pairs + [(real, Shim(real, simulated)) for real, simulated in classes]


class _Scanned:
    """A module that was looked through, what its globals were like then, and what was found."""

    __slots__ = ("module", "namespace", "program", "sites", "state")

    def __init__(self, name: str, module: Any) -> None:
        self.module = module
        self.namespace: dict[str, Any] | None = None
        if isinstance(module, ModuleType) and (name in SCANNED_ALWAYS or name.partition(".")[0] not in NOT_SCANNED):
            self.namespace = module.__dict__
        self.program = is_program(module)
        self.sites: list[Site] = []
        self.state = -1


class _Installation:
    """What is in place now, and how to take it away."""

    def __init__(self) -> None:
        self.depth = 0
        self.undo: list[Callable[[], None]] = []
        self.by_identity: dict[int, tuple[Any, Any]] = {}
        self.in_programs: dict[int, tuple[Any, Any]] = {id(real): (real, shim) for real, shim in dates.PAIRS}
        self.scanned: dict[str, _Scanned] = {}
        self.fixed: list[tuple[Any, str, Any]] = []
        self.with_asyncio = False

    def install(self, scenario: Any) -> None:
        self.depth += 1
        if self.depth > 1:
            return
        self._know_what_is_wanted()
        try:
            self._replace_names(scenario)
            quiet.begin()
            watchdog.arm()
        except BaseException:
            self.depth = 1
            self.uninstall()
            raise

    def _know_what_is_wanted(self) -> None:
        if not self.by_identity:
            self.by_identity = {id(real): (real, shim) for real, shim in _shims()}
            self.fixed = [*_single_names(), *_methods(), *prior.methods()]
        self._take_in_asyncio()

    def uninstall(self) -> None:
        self.depth -= 1
        if self.depth:
            return
        watchdog.disarm()
        pools.forget_threads()
        end_spare()
        while self.undo:
            self.undo.pop()()
        quiet.end()

    def _replace_names(self, scenario: Any) -> None:
        self.replace_in_modules()
        self._replace(sites_of_function(scenario, self._is_wanted_in_program))
        for owner, attribute, value in (*self.fixed, *blocking.methods()):
            self._set(owner, attribute, value)

    def loaded_more(self) -> None:
        """A task has imported modules that were not there before."""
        known = len(self.fixed)
        self._take_in_asyncio()
        self.replace_in_modules(new_only=True)
        if len(self.fixed) > known:
            for owner, attribute, value in (*self.fixed[known:], *blocking.methods()):
                self._set(owner, attribute, value)

    def _take_in_asyncio(self) -> None:
        """Simulate asyncio from now on, if the program has loaded it."""
        if self.with_asyncio or "asyncio.base_events" not in sys.modules:
            return
        from greenroom.shims import loops  # noqa: PLC0415 - a program without asyncio need not wait for its import

        self.with_asyncio = True
        functions, classes = loops.pairs()
        shims = [(real, shim_of_function(real, simulated)) for real, simulated in functions]
        shims += [(real, Shim(real, simulated)) for real, simulated in classes]
        self.by_identity.update({id(real): (real, shim) for real, shim in shims})
        self.fixed += loops.methods()
        self.scanned.clear()

    def replace_in_modules(self, *, new_only: bool = False) -> None:
        """Put the shims into the globals of loaded modules, and where else those keep what is wanted.

        Modules that were loaded while the shims are in place have imported those: they get the real ones in the end.
        """
        for name, module in list(sys.modules.items()):
            known = self.scanned.get(name)
            if new_only and known is not None and known.module is module:
                continue
            known = self._looked_through(name, module)
            if new_only and known.namespace is not None:
                self._undo_shims(known.namespace)
            if known.sites:
                self._replace(known.sites)

    def sites_in_modules(self) -> Iterator[tuple[str, bool, Site]]:
        """Where loaded modules keep what is wanted: the module's name, whether it is the program's own, and the place."""
        for name, module in list(sys.modules.items()):
            known = self._looked_through(name, module)
            for site in known.sites:
                yield name, known.program, site

    def _looked_through(self, name: str, module: Any) -> _Scanned:
        """The module with its places; looked through anew only if it has changed since the last time."""
        known = self.scanned.get(name)
        if known is None or known.module is not module:
            known = self.scanned[name] = _Scanned(name, module)
        namespace = known.namespace
        if namespace is not None:
            state = hash(tuple(map(id, namespace.values()))) if known.program else len(namespace)
            if known.state != state:
                known.state = state
                known.sites = list(self._sites_in(name, namespace, program=known.program))
        return known

    def _undo_shims(self, namespace: dict[str, Any]) -> None:
        reals = {id(shim): real for real, shim in (*self.by_identity.values(), *self.in_programs.values())}
        for name, value in namespace.items():
            if id(value) in reals:
                self.undo.append(partial(namespace.__setitem__, name, reals[id(value)]))

    def _sites_in(self, name: str, namespace: dict[str, Any], *, program: bool) -> Iterable[Site]:
        if program:
            return sites_everywhere(name, namespace, self._is_wanted_in_program)
        if name == "concurrent.futures.thread":  # its lock is held across what a pool does
            return sites_in_globals(name, namespace, self._is_wanted)
        standard = name.partition(".")[0] in sys.stdlib_module_names
        return sites_in_globals(name, namespace, self._is_known if standard or name in SCANNED_ALWAYS else self._is_wanted)

    def _is_known(self, value: Any) -> bool:
        pair = self.by_identity.get(id(value))
        return pair is not None and pair[0] is value

    def _is_wanted(self, value: Any) -> bool:
        return self._is_known(value) or prior.is_hidden(value)

    def _is_wanted_in_program(self, value: Any) -> bool:
        return self._is_wanted(value) or self.stand_in_of_date(value) is not None

    def stand_in_of_date(self, value: Any) -> Any:
        """What a program sees in the place of ``datetime`` and its classes, or None."""
        pair = self.in_programs.get(id(value))
        return pair[1] if pair is not None and pair[0] is value else dates.stand_in_of_method(value)

    def _replace(self, sites: Iterable[Site]) -> None:
        for site in sites:
            value = site.read()
            stand_in = self.stand_in_of_date(value)
            if self._is_known(value):
                self.undo.append(site.write(self.by_identity[id(value)][1]))
            elif stand_in is not None:
                self.undo.append(site.write(stand_in))
            elif prior.is_hidden(value):
                self.undo.append(site.write(prior.Prior(value, site.label)))

    def _set(self, owner: Any, name: str, value: Any) -> None:
        if name in vars(owner):
            old = vars(owner)[name]
            self.undo.append(lambda: setattr(owner, name, old))
        else:
            self.undo.append(lambda: delattr(owner, name))
        setattr(owner, name, value)


def _hook(real: Callable[[], Any], simulated: Callable[[], Any]) -> Any:
    """As ``shim_of_function``, for what takes no arguments: Pykka comes through here with every message."""

    def hook() -> Any:
        return simulated() if type(getcurrent()) is TaskGreenlet else real()

    return staticmethod(hook)


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
        (ThreadPoolExecutor, "_counter", _hook(vars(ThreadPoolExecutor)["_counter"], pools.next_pool)),
        (ThreadPoolExecutor, "__init__", shim_of_function(ThreadPoolExecutor.__init__, pools.initialise)),
        (actor_class, "_create_actor_inbox", _hook(_REAL_INBOX, runtime.Inbox)),
        (actor_class, "_create_future", _hook(_REAL_FUTURE, runtime.Future)),
        (actor_class, "_start_actor_loop", start_loop),
        (pykka.Actor, "_handle_failure", handle_failure),
        *[(ActorRegistry, name, _registry_method(name)) for name in _REAL_REGISTRY],
        (threading.Thread, "start", threads.start),
        (threading.Thread, "join", threads.join),
        (threading.Thread, "is_alive", threads.is_alive),
    ]


def _single_names() -> list[tuple[Any, str, Any]]:
    """Names that are replaced in one module only."""
    locks_module: Any = _threading_local
    threading_module: Any = threading
    return [
        (builtins, "__import__", _imported_outside(builtins.__import__)),
        (importlib, "import_module", _imported_outside(importlib.import_module)),
        (threading, "_counter", shim_of_function(threading_module._counter, threads.next_thread_number)),
        (_threading_local, "RLock", shim_of_function(locks_module.RLock, nullcontext)),  # held for no longer than a step
        (concurrent.futures._base, "id", pools.stable_id),
    ]


def _imported_outside(real: Callable[..., Any]) -> Callable[..., Any]:
    """A module that a task imports outlives the stage: it is loaded in a greenlet that is no task, where all primitives are real ones."""

    def load(*args: Any, **kwargs: Any) -> Any:
        if type(getcurrent()) is not TaskGreenlet:
            return real(*args, **kwargs)
        if not kwargs and _is_there(*args):
            loaded = real(*args)
        else:
            before = len(sys.modules)
            loaded = greenlet(real).switch(*args, **kwargs)
            if len(sys.modules) != before:
                _installation.loaded_more()
        if loaded is dates.real_module and len(args) > 1 and is_program(sys.modules.get((args[1] or {}).get("__name__", ""))):
            return dates.module
        return loaded

    return load


def _is_there(name: str, _globals: Any = None, _locals: Any = None, wanted: Iterable[str] | None = (), level: int = 0) -> bool:
    """Whether an import runs no code and takes no lock: some libraries import inside their functions, at each call."""
    module = sys.modules.get(name) if level == 0 else None
    if module is None or getattr(getattr(module, "__spec__", None), "_initializing", False):
        return False
    return not wanted or all(each in getattr(module, "__dict__", ()) for each in wanted)


def _registry_method(name: str) -> Any:
    real = _REAL_REGISTRY[name]
    operation, mode = {"register": ("start", "add"), "unregister": ("stop", "remove")}.get(name, ("read", "read"))

    def method(cls: Any, *args: Any, **kwargs: Any) -> Any:
        task = current_task()
        if task is None:
            return real.__func__(cls, *args, **kwargs)
        scheduler = task.scheduler
        scheduler.commit(operation, PrivateRegistry)
        if scheduler.trace is not None:
            scheduler.trace.touch(PrivateRegistry, mode)
        registry = scheduler.kept.get(PrivateRegistry)
        if registry is None:
            registry = scheduler.kept[PrivateRegistry] = PrivateRegistry()
        return real.__func__(registry, *args, **kwargs)

    method.__name__ = name
    return classmethod(method)


class PrivateRegistry:
    """The actors of one stage, for the methods of ``ActorRegistry``: those of other stages and of real threads are none of its."""

    greenroom_name = "the actor registry"
    _actor_refs_lock = ActorRegistry._actor_refs_lock

    def __init__(self) -> None:
        self._actor_refs: list[Any] = []


_REAL_INBOX: Final = pykka.ThreadingActor._create_actor_inbox
_REAL_FUTURE: Final = pykka.ThreadingActor._create_future
_REAL_LOOP: Final = pykka.ThreadingActor._start_actor_loop
_REAL_FAILURE: Final = pykka.Actor._handle_failure
_REAL_REGISTRY: Final[dict[str, Any]] = {
    name: vars(ActorRegistry)[name] for name in ("get_all", "get_by_class", "get_by_class_name", "get_by_urn", "register", "unregister")
}
_installation: Final = _Installation()


def install(scenario: Any = None) -> None:
    """Put the shims in place, also in the default arguments and the closure of ``scenario``; calls nest."""
    _installation.install(scenario)


def uninstall() -> None:
    """Take the shims away with the last of the nested calls."""
    _installation.uninstall()


def sites_in_modules() -> Iterator[tuple[str, bool, Site]]:
    """Where the shims go while no stage is open: the module's name, whether it is the program's own, and the place."""
    _installation._know_what_is_wanted()
    return _installation.sites_in_modules()


def is_installed() -> bool:
    """Whether any shim is in place."""
    return _installation.depth > 0
