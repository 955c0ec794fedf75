"""Event loops of asyncio as a simulated task sees them.

A loop's class is not replaced, for programs subclass it and make it by policies and factories: what a loop is made of asks where it is
made. In a task it gets a queue and a selector of the stage's, and no pipe to itself; everything above that (tasks, timeouts, groups, …)
is asyncio's own. This module needs asyncio, and is only loaded for programs that have loaded it.
"""

from __future__ import annotations

import asyncio
import weakref
from asyncio import base_events, selector_events
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from greenroom.describe import describe
from greenroom.shims import per_thread
from greenroom.shims.asyncio_futures import Future, GatheringFuture, RealGathering, Task
from greenroom.shims.blocking import refuse_of_loop
from greenroom.shims.gates import scheduler_of_task
from greenroom.shims.loop_queue import LoopQueue, LoopSelector, Raised, callback_text, queue_of
from greenroom.task import current_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Base: Final[Any] = base_events.BaseEventLoop
_Selecting: Final[Any] = selector_events.BaseSelectorEventLoop
_POLICY: Final[Any] = getattr(asyncio.events, "_BaseDefaultEventLoopPolicy", None) or asyncio.events.BaseDefaultEventLoopPolicy
_OUTSIDE: Final = (
    *("add_reader", "add_writer", "add_signal_handler", "getaddrinfo", "getnameinfo", "subprocess_exec", "subprocess_shell"),
    *("create_connection", "create_server", "create_unix_connection", "create_unix_server", "create_datagram_endpoint"),
    *("connect_accepted_socket", "connect_read_pipe", "connect_write_pipe", "sendfile", "start_tls"),
    *("sock_accept", "sock_connect", "sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into"),
    *("sock_sendall", "sock_sendfile", "sock_sendto"),
)

_IN_HANDLER: Final = "Unhandled error in exception handler"


class _InOrder(weakref.WeakKeyDictionary[Any, None]):
    """A weak set of asynchronous generators that is walked through in the order of adding, and not of addresses."""

    def add(self, generator: Any) -> None:
        self[generator] = None

    def discard(self, generator: Any) -> None:
        self.pop(generator, None)


def all_tasks(loop: Any = None) -> set[Any]:
    """``asyncio.all_tasks``; the set is walked through in the same order every time."""
    return set(sorted(_real_all_tasks(loop), key=hash))  # noqa: C414 - the order of adding decides where hashes collide


def pairs() -> tuple[list[tuple[Any, Any]], list[tuple[Any, Any]]]:
    """Functions, and classes, with what stands in for each in a task."""
    return [(_real_all_tasks, all_tasks)], [(asyncio.Future, Future), (asyncio.Task, Task), (RealGathering, GatheringFuture)]


def methods() -> Iterator[tuple[Any, str, Any]]:
    """Methods of asyncio that ask where they are, or whose loop it is."""
    yield _Selecting, "__init__", _initialise
    yield _Selecting, "_make_self_pipe", _unless_simulated("_make_self_pipe", lambda _: None)
    yield _Selecting, "_close_self_pipe", _unless_simulated("_close_self_pipe", LoopQueue.close)
    yield _Selecting, "_write_to_self", _unless_simulated("_write_to_self", LoopQueue.ring)
    yield _Base, "call_soon_threadsafe", _call_soon_threadsafe
    yield _Base, "default_exception_handler", _default_exception_handler
    yield _POLICY, "_local", property(_get_local, _set_local)
    for kind in dict.fromkeys((_Base, _Selecting, *asyncio.SelectorEventLoop.__mro__)):
        for name in _OUTSIDE:
            if name in vars(kind) and kind is not asyncio.AbstractEventLoop:
                yield kind, name, _refused(vars(kind)[name], name)


def _initialise(self: Any, selector: Any = None) -> None:
    """``BaseSelectorEventLoop.__init__``."""
    if current_task() is None:
        _real_initialise(self, selector)
        return
    scheduler = scheduler_of_task()
    loops = scheduler.kept.get(LoopQueue)
    if loops is None:
        loops = scheduler.kept[LoopQueue] = []
        scheduler.at_close.append(lambda: _end_all(loops))
        per_thread.begin(scheduler)
    queue = self._greenroom_queue = LoopQueue(self)
    _real_initialise(self, LoopSelector(queue, selector))
    self._ready = queue
    self._asyncgens = _InOrder()
    loops.append(queue)


def _unless_simulated(name: str, instead: Callable[[LoopQueue], None]) -> Callable[[Any], None]:
    real = vars(_Selecting)[name]

    def method(self: Any) -> None:
        queue = self.__dict__.get("_greenroom_queue")
        if queue is None:
            real(self)
        else:
            if name == "_make_self_pipe":
                self._ssock = self._csock = None
            instead(queue)

    return method


def _call_soon_threadsafe(self: Any, callback: Any, *args: Any, context: Any = None) -> Any:
    """``loop.call_soon_threadsafe``: a visible operation, like a message to the loop."""
    queue = queue_of(self)
    task = current_task()
    if queue is None or task is None or task.scheduler.closing:
        return _real_call_soon_threadsafe(self, callback, *args, context=context)
    scheduler = task.scheduler
    scheduler.visible("call_soon", queue)
    if self._closed:
        if scheduler.trace is not None:
            scheduler.trace.touch(queue, "send")
        if scheduler.history is not None:
            scheduler.record("read", queue.greenroom_name, 0, "is closed")
    queue.by_hand = True
    try:
        return _real_call_soon_threadsafe(self, callback, *args, context=context)
    finally:
        queue.by_hand = False


def _default_exception_handler(self: Any, context: dict[str, Any]) -> None:
    """``loop.default_exception_handler``: what is thrown away with a stage has nothing to say, what comes before that is noted."""
    queue, task = queue_of(self), current_task()
    if queue is not None and (task is None or task.scheduler.closing):
        return
    if queue is not None and task is not None:
        _note(queue, context, task.name)
    _real_default_exception_handler(self, context)


def _note(queue: LoopQueue, context: dict[str, Any], by: str) -> None:
    exception, message = context.get("exception"), str(context.get("message"))
    if exception is None or message.endswith("was never retrieved"):  # said when it is collected: the stage looks by itself
        return
    if queue.loop._exception_handler is not None and message != _IN_HANDLER:  # the program's own has seen it, and has passed it on
        return
    handle, name = context.get("handle"), queue.greenroom_name
    what = f"callback {callback_text(handle)}" if handle is not None else "exception handler" if message == _IN_HANDLER else "clean-up"
    queue.raised.append(Raised(exception, what, context.get("task"), by))
    if queue._greenroom.history is not None:
        queue._greenroom.record("callback", name, 0, f"{what} raised {describe(exception)}")


def _get_local(policy: Any) -> Any:
    """Where a policy keeps the loop of a thread: each task is one."""
    task = current_task()
    if task is None:
        return policy.__dict__["_local"]
    known = task.scheduler.kept.setdefault((LoopQueue, id(policy)), {})
    if task.index not in known:
        known[task.index] = _Local()
    return known[task.index]


def _set_local(policy: Any, value: Any) -> None:
    policy.__dict__["_local"] = value


class _Local:
    _loop = None
    _set_called = False


def _refused(real: Any, name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if queue_of(self) is not None and current_task() is not None:
            refuse_of_loop(f"calls {name}()")
        return real(self, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = real.__doc__
    return method


def _end_all(loops: list[LoopQueue]) -> None:
    """The stage is closed: nothing of its loops is left to be told of, or to run, when it is collected."""
    for queue in loops:
        for task in queue.pending:
            task._log_destroy_pending = False
            if task.greenroom_done():
                task._log_traceback = False
            else:
                _end(task.get_coro())
        queue.pending.clear()
        queue.clear()
        queue.loop._scheduled.clear()
        queue.loop._closed = True


def _end(coroutine: Any) -> None:
    with suppress(BaseException):  # the last words of what waited when its stage was over
        coroutine.close()


_real_all_tasks: Final = asyncio.all_tasks
_real_initialise: Final = _Selecting.__init__
_real_call_soon_threadsafe: Final = _Base.call_soon_threadsafe
_real_default_exception_handler: Final = _Base.default_exception_handler
