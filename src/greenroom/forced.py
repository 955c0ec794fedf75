"""Forces the order of a script on real threads: Pykka's own inboxes, futures and loops, with a turnstile before each operation.

Nothing is simulated: the methods of the real classes ask whether they are called on a thread of the confirmation, let it wait for its
turn there, and then do what they always do. What is not real is time. A sleep is cut short, a timeout that struck on the stage strikes at
once, and clocks show the instants of the recorded execution; random numbers and UUIDs are those that the stage gave.
"""

from __future__ import annotations

import concurrent.futures.thread
import contextvars
import queue
import threading
import time
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Self

import pykka
from pykka import ActorRegistry

from greenroom import waits
from greenroom.elsewhere import here, play
from greenroom.forced_names import SHORT_S, elsewhere, replace_names
from greenroom.script import LATE, REGISTRY, Script, Step, outcome_of
from greenroom.shims import pools
from greenroom.shims.install import PrivateRegistry
from greenroom.shims.quiet import Quiet
from greenroom.shims.threads import is_the_programs
from greenroom.turnstile import Player, Released, Turnstile

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.waits import Wait

_SLICE_S: Final = 0.05
_real_monotonic: Final = time.monotonic
_WAITS: Final[dict[tuple[Any, str], Callable[..., Wait]]] = {
    (pykka.ThreadingFuture, "get"): waits.get_of_future,
    (queue.Queue, "get"): waits.get_of_queue,
    (queue.Queue, "put"): waits.put_into_queue,
    (queue.Queue, "join"): waits.join_queue,
    (threading.Event, "wait"): waits.wait_for_event,
    (threading.Semaphore, "acquire"): waits.acquire_semaphore,
    (threading.Semaphore, "__enter__"): waits.acquire_semaphore,
    (threading.Thread, "join"): waits.join_thread,
}
_OPERATIONS: Final[tuple[tuple[Any, dict[str, str]], ...]] = (
    (queue.Queue, {name: name for name in ("put", "get", "qsize", "empty", "full", "task_done", "join", "shutdown")}),
    (pykka.ThreadingFuture, {"get": "answer", "set": "set", "set_exception": "set"}),
    (threading.Event, {"is_set": "is_set", "isSet": "is_set", "set": "set", "clear": "clear", "wait": "wait"}),
    (threading.Semaphore, {"acquire": "acquire", "__enter__": "acquire", "release": "release"}),
    (threading.BoundedSemaphore, {"release": "release"}),
    (threading.Condition, {"notify": "notify"}),
    (threading.Thread, {"join": "join", "is_alive": "is_alive"}),
)
_OF_ONE_PIECE: Final = (  # what these do to locks of their own is nobody's operation
    (queue.Queue, "__init__"),
    (threading.Event, "__init__"),
    (threading.Semaphore, "__init__"),
    (pykka.ThreadingFuture, "__init__"),
    (pykka.ThreadingFuture, "set_get_hook"),
)


class Forced:
    """A context manager: while it is entered, threads that play a part of ``script`` take turns. One at a time in a process."""

    def __init__(self, script: Script, scenario: Callable[[], Any]) -> None:
        self.turnstile = Turnstile(script)
        self.deaths: list[tuple[Player, BaseException]] = []
        self._scenario = scenario
        self._undo: list[Callable[[], None]] = []
        self._registry = PrivateRegistry()
        self._quiet = Quiet(inside=lambda: here() is not None)

    def __enter__(self) -> Self:
        try:
            for owner, names in _OPERATIONS:
                for name, operation in names.items():
                    if name in vars(owner):
                        self._set(owner, name, self._method(owner, name, operation))
            for owner, name in _OF_ONE_PIECE:
                self._set(owner, name, self._in_one_piece(vars(owner)[name]))
            for name in REGISTRY:
                self._set(ActorRegistry, name, self._registry_method(vars(ActorRegistry)[name]))
            self._set(threading.Thread, "start", self._start(threading.Thread.start))
            self._set(pykka.ThreadingActor, "_start_actor_loop", self._start_actor(pykka.ThreadingActor._start_actor_loop))
            self._set(threading.Condition, "wait", self._condition_wait(threading.Condition.wait))
            self._set(threading, "_counter", elsewhere(vars(threading)["_counter"], count(1).__next__))
            self._set(pykka.Actor, "_handle_failure", self._failure(pykka.Actor._handle_failure))
            pool: Any = concurrent.futures.thread.ThreadPoolExecutor
            self._set(pool, "__init__", elsewhere(pool.__init__, pools.initialise))
            self._undo += replace_names(self, self._scenario)
            self._quiet.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._quiet.end()
        while self._undo:
            self._undo.pop()()
        queues: Any = concurrent.futures.thread._threads_queues
        for player in self.turnstile.players.values():
            queues.pop(player.thread, None)  # Python would wait for it when the process ends

    def begin(self) -> Player:
        """Start the scenario on a thread of its own."""
        main = self.turnstile.enter((1,), "scenario", "main")
        context = contextvars.copy_context()
        main.thread = threading.Thread(target=self._live, args=(main, partial(context.run, self._scenario)), name="MainThread", daemon=True)
        main.thread.start()
        return main

    # -- the life of a thread -------------------------------------------------------------------------------------

    def _live(self, player: Player, run: Callable[[], Any]) -> None:
        play(player)
        try:
            self.turnstile.arrive(player, "begin")
            try:
                run()
            except Released:
                raise
            except BaseException as error:  # noqa: BLE001 - kept to be compared with what happened on the stage
                self._ended_by(player, error)
            self.turnstile.arrive(player, "end")
        except Released:
            pass
        finally:
            play(None)
            self.turnstile.leave(player)

    def _ended_by(self, player: Player, error: BaseException) -> None:
        if player.kind == "thread" and is_the_programs(threading.excepthook):
            threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, player.thread)))
        else:
            player.error = error

    def _start(self, real: Callable[..., None]) -> Callable[..., None]:
        def start(this: Any) -> None:
            parent = here()
            if parent is None or this._started._flag:
                real(this)
            elif parent.inside:
                (self._start_child if parent.pending[0] == "start" else _just_start)(real, parent, this)
            else:
                self.perform(parent, "start", None, lambda: self._start_child(real, parent, this))

        return start

    def _start_actor(self, real: Callable[..., None]) -> Callable[..., None]:
        def start_actor_loop(actor: Any) -> None:
            parent = here()
            if parent is None or parent.inside:
                real(actor)
            else:
                self.perform(parent, "start", None, lambda: real(actor))

        return start_actor_loop

    def _start_child(self, real: Callable[..., None], parent: Player, thread: Any) -> None:
        parent.children += 1
        actor = getattr(getattr(thread, "_target", None), "__self__", None)
        kind = "actor" if isinstance(actor, pykka.Actor) else "thread"
        child = self.turnstile.enter((*parent.path, parent.children), kind, thread.name)  # type: ignore[arg-type]
        child.thread = thread
        child.daemon = child.path in self.turnstile.script.daemons
        if kind == "actor":
            thread.name = child.name
        thread.daemon = True  # a thread that cannot be ended must not keep the process
        thread.run = partial(self._live, child, thread.run)
        real(thread)

    # -- operations -----------------------------------------------------------------------------------------------

    def perform(self, player: Player, operation: str, target: Any, call: Callable[[], Any], wait: Wait | None = None) -> Any:
        """Wait for the turn of ``player``, and do it."""
        turnstile = self.turnstile
        step = turnstile.arrive(player, operation, target)
        player.inside = True
        result, raised = None, None
        try:
            result = call() if wait is None or wait.timeout == 0 else self._wait(player, step, wait, operation, target)
        except BaseException as error:
            raised = error
            raise
        finally:
            player.inside = False
            turnstile.moved(player)
            outcome = outcome_of(operation, result, raised)
            if step is not None and outcome != step.outcome and not isinstance(raised, Released):
                turnstile.diverge(f"{turnstile.told(step)}: {_told(step.outcome)} on the stage, {_told(outcome)} here")
            elif step is not None and step.split:
                player.pass_by("go_on")
        return result

    def _wait(self, player: Player, step: Step | None, wait: Wait, operation: str, target: Any) -> Any:
        turnstile = self.turnstile
        limit = wait.timeout
        if limit is not None and step is not None and (step.outcome in LATE or (operation == "join" and not self._has_ended(target))):
            limit = min(limit, SHORT_S)
        player.timed = limit is not None
        deadline = None if limit is None else _real_monotonic() + limit
        if step is None:
            turnstile.moved(player, blocked=True)
        while True:
            left = _SLICE_S if deadline is None else min(_SLICE_S, max(deadline - _real_monotonic(), 0.0))
            ended, result = wait.attempt(left)
            if ended:
                return result
            if turnstile.mode == "closing":
                raise Released
            if deadline is not None and _real_monotonic() >= deadline:
                return wait.give_up()
            if step is not None:
                turnstile.moved(player, blocked=True)

    def _has_ended(self, thread: Any) -> bool:
        return any(player.thread is thread and player.state == "done" for player in self.turnstile.players.values())

    def _method(self, owner: Any, name: str, operation: str) -> Callable[..., Any]:
        real = vars(owner)[name]
        make_wait = _WAITS.get((owner, name))
        look = operation == "is_alive"

        def method(this: Any, *args: Any, **kwargs: Any) -> Any:
            player = here()
            if player is None or player.inside or (operation == "answer" and this._get_hook is not None):
                return real(this, *args, **kwargs)
            wait = None if make_wait is None else make_wait(real, this, *args, **kwargs)

            def call() -> Any:
                if look and self._has_ended(this):
                    this.join()  # it has done all that the script says of it, and needs a moment to be gone
                return real(this, *args, **kwargs)

            return self.perform(player, operation, this, call, wait)

        method.__name__ = name
        method.__doc__ = real.__doc__
        return method

    def _condition_wait(self, real: Callable[..., bool]) -> Callable[..., bool]:
        def wait(this: Any, timeout: float | None = None) -> bool:
            player = here()
            if player is None or player.inside:
                return real(this, timeout)
            if not this._is_owned():
                raise RuntimeError("cannot wait on un-acquired lock")
            waiter = _real_lock()
            waiter.acquire()
            this._waiters.append(waiter)
            saved = this._release_save()
            notified = False
            try:
                patiently = waits.Wait(timeout, lambda seconds: (waiter.acquire(True, seconds),) * 2, lambda: False)  # noqa: FBT003
                notified = bool(self.perform(player, "wait", this, lambda: waiter.acquire(False), patiently))  # noqa: FBT003
                return notified
            finally:
                if not notified and waiter in this._waiters:
                    this._waiters.remove(waiter)
                this._acquire_restore(saved)

        return wait

    def _in_one_piece(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def method(this: Any, *args: Any, **kwargs: Any) -> Any:
            player = here()
            if player is None or player.inside:
                return real(this, *args, **kwargs)
            player.inside = True
            try:
                return real(this, *args, **kwargs)
            finally:
                player.inside = False

        return method

    def _registry_method(self, real: Any) -> Any:
        def method(cls: Any, *args: Any, **kwargs: Any) -> Any:
            player = here()
            if player is None:
                return real.__func__(cls, *args, **kwargs)
            call = partial(real.__func__, self._registry, *args, **kwargs)
            return call() if player.inside else self.perform(player, "registry", None, call)

        return classmethod(method)

    def _failure(self, real: Callable[..., None]) -> Callable[..., None]:
        def handle_failure(actor: Any, kind: Any, value: Any, trace: Any) -> None:
            player = here()
            if player is not None and not isinstance(value, Released):
                player.died_of = value
                self.deaths.append((player, value))
            real(actor, kind, value, trace)

        return handle_failure

    def _set(self, owner: Any, name: str, value: Any) -> None:
        old = vars(owner)[name]
        self._undo.append(lambda: setattr(owner, name, old))
        setattr(owner, name, value)


def _just_start(real: Callable[..., None], parent: Player, thread: Any) -> None:  # noqa: ARG001 - as _start_child
    real(thread)


def _told(outcome: str) -> str:
    return f"it {outcome}" if outcome.startswith("raises") else f"the answer is {outcome}" if outcome else "it succeeds"


_real_lock: Final = threading.Lock
