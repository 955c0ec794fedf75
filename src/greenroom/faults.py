"""Faults as values: what a machine can do to the actors it drives, and to what they depend on. The code under test stays as it is.

Of actors (on a stage only): ``crash``, ``pause``, ``slow``. Of ports, which are dependencies that were wrapped by ``machine.port(…)``:
``fails``, ``corrupts``, ``repeats`` and ``duplicates``, which work on real threads too; ``naps`` and ``hangs``, which need virtual time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import pykka
from pykka import messages

from greenroom.describe import describe
from greenroom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.history import History

Target: TypeAlias = "type[pykka.Actor] | pykka.ActorRef[Any]"
INJECTED = "injected by the machine"


@dataclass(frozen=True, slots=True)
class Crash:
    """An actor raises in place of handling a message: the ``at``-th from now among those that ``when`` is about.

    ``at`` is None where a rule is to draw it. ``when`` is the name of a method that a proxy calls, a class of messages, a function from
    a message to a truth, or None for any message. ``error`` is an exception, or a function that makes it from the actor's task.
    """

    actor: Target
    at: int | None = None
    when: str | type | Callable[[Any], Any] | None = None
    error: Exception | Callable[[Any], Exception] | None = None

    def __str__(self) -> str:
        which = f", of those that {described(self.when)}" if self.when is not None else ""
        return f"crash of {name_of(self.actor)} at its message {self.at or 1} from now{which}"

    def strikes(self, message: Any) -> bool:
        """Whether ``message`` counts."""
        if self.when is None:
            return True
        if isinstance(self.when, str):
            return isinstance(message, messages.ProxyCall) and message.attr_path[-1] == self.when
        return isinstance(message, self.when) if isinstance(self.when, type) else bool(self.when(message))


@dataclass(frozen=True, slots=True)
class Pause:
    """An actor reads no message for ``seconds`` of virtual time, or until it is resumed: its inbox fills."""

    actor: Target
    seconds: float | None = None

    def __str__(self) -> str:
        return f"{name_of(self.actor)} reads no message" + (f" for {self.seconds:g} s" if self.seconds is not None else "")


@dataclass(frozen=True, slots=True)
class Slow:
    """Each message takes an actor ``seconds`` of virtual time more: the next ``messages`` of them, or all until it is healed."""

    actor: Target
    seconds: float
    messages: int | None = None

    def __str__(self) -> str:
        count = f" for {self.messages} messages" if self.messages is not None else ""
        return f"{name_of(self.actor)} takes {self.seconds:g} s more for each message{count}"


@dataclass(frozen=True, slots=True)
class PortFault:
    """What befalls the next ``calls`` calls of a port (of any method where ``method`` is None).

    ``kind`` is "fails", "naps", "hangs", "corrupts", "repeats" or "duplicates"; ``what`` is the exception, the seconds, or the corruption:
    a function of the result, or a Hypothesis strategy for what is returned instead.
    """

    kind: str
    port: str
    method: str | None
    what: Any = None
    calls: int = 1

    def __str__(self) -> str:
        detail = {"fails": f" with {describe(self.what)}", "naps": f" for {self.what} s"}.get(self.kind, "")
        return f"{self.port}.{self.method or '*'}() {self.kind}{detail}"

    @property
    def of_time(self) -> bool:
        """Whether it needs virtual time, and so a stage."""
        return self.kind in ("naps", "hangs")


ActorFault = Crash | Pause | Slow
Fault = ActorFault | PortFault
FaultT = TypeVar("FaultT", Crash, Pause, Slow, PortFault)


class Injected(Generic[FaultT]):
    """A fault that was injected: when, in stamps of the history, until when it lasted, and how many messages or calls are left to it."""

    __slots__ = ("begun", "ended", "fault", "left")

    def __init__(self, fault: FaultT, history: History, left: int) -> None:
        self.fault: FaultT = fault
        self.begun = history.stamp()
        self.ended: int | None = None
        self.left = left

    def end(self, history: History) -> None:
        """It is over."""
        if self.ended is None:
            self.ended = history.stamp()


def crash(
    actor: Target,
    *,
    at: int | None = None,
    when: str | type | Callable[[Any], Any] | None = None,
    error: Exception | Callable[[Any], Exception] | None = None,
) -> Crash:
    """``actor`` raises ``error`` in place of handling a message.

    Args:
        actor: a class (its youngest live instance is struck; subclasses count), or a reference.
        at: the how-manieth message from now, from 1; None lets the rule draw it (1 to 3), and is the first otherwise.
        when: count only messages that call the proxy method of this name, are instances of this class, or satisfy this function.
        error: an exception, or a function that makes one from the actor's task; a ``RuntimeError`` if not given.
    """
    _check_actor(actor)
    _check_count("at", at)
    if when is not None and not isinstance(when, str | type) and not callable(when):
        raise UsageError(f"crash(when=…) takes a method's name, a class of messages, or a function of a message, not {when!r}")
    if isinstance(error, type) or not (error is None or isinstance(error, Exception) or callable(error)):
        raise UsageError(f"crash(error=…) takes an exception such as ValueError('full'), or a function that makes one, not {error!r}")
    return Crash(actor, at, when, error)


def pause(actor: Target, *, seconds: float | None = None) -> Pause:
    """``actor`` reads no message for so many virtual seconds; None: until ``machine.resume``, or the end."""
    _check_actor(actor)
    if seconds is not None:
        _check_seconds("pause", seconds)
    return Pause(actor, seconds)


def slow(actor: Target, seconds: float, *, messages: int | None = None) -> Slow:
    """Each of the next ``messages`` messages (None: of all, until the end) takes ``actor`` so many virtual seconds more."""
    _check_actor(actor)
    _check_seconds("slow", seconds)
    _check_count("messages", messages)
    return Slow(actor, seconds, messages)


def fails(port: str, method: str | None = None, *, error: Exception | None = None, calls: int = 1) -> PortFault:
    """The next ``calls`` calls of ``port.method`` (None: of any method) raise ``error``, and are not performed."""
    if error is not None and not isinstance(error, Exception):
        raise UsageError(f"fails(error=…) takes an exception such as ConnectionError('down'), not {error!r}")
    return _port_fault("fails", port, method, error or RuntimeError(f"{port} failed, {INJECTED}"), calls)


def naps(port: str, method: str | None = None, *, seconds: float, calls: int = 1) -> PortFault:
    """The next calls take so many virtual seconds before they are performed."""
    _check_seconds("naps", seconds)
    return _port_fault("naps", port, method, seconds, calls)


def hangs(port: str, method: str | None = None, *, calls: int = 1) -> PortFault:
    """The next calls hang until ``machine.release``, or the end; then they are performed."""
    return _port_fault("hangs", port, method, None, calls)


def corrupts(port: str, method: str | None = None, *, into: Any, calls: int = 1) -> PortFault:
    """The next calls are performed, and return something else: ``into(result)``, or what the strategy ``into`` draws in the rule."""
    if not callable(into) and not hasattr(into, "example"):
        raise UsageError(f"corrupts(into=…) takes a function of the result, or a Hypothesis strategy, not {into!r}")
    return _port_fault("corrupts", port, method, into, calls)


def repeats(port: str, method: str | None = None, *, calls: int = 1) -> PortFault:
    """The next calls are performed twice, as by a retry whose first answer was lost; the second result is returned."""
    return _port_fault("repeats", port, method, None, calls)


def duplicates(port: str, method: str | None = None, *, calls: int = 1) -> PortFault:
    """The next calls return what they return twice over: each item of a list or tuple two times, a text or bytes said twice."""
    return _port_fault("duplicates", port, method, None, calls)


def twice(result: Any) -> Any:
    """What ``duplicates`` makes of a result."""
    if type(result) in (list, tuple):
        return type(result)(item for item in result for _ in range(2))
    if isinstance(result, str | bytes):
        return result * 2
    raise UsageError(f"duplicates() doubles lists, tuples, texts and bytes, not {result!r}; corrupts(…, into=function) takes anything")


def name_of(actor: Target) -> str:
    """An actor or a class of actors, as it is told of."""
    return actor.__name__ if isinstance(actor, type) else actor.actor_class.__name__


def described(when: Any) -> str:
    """What ``when`` lets through, in words."""
    if isinstance(when, str):
        return f"call {when}()"
    return f"are a {when.__name__}" if isinstance(when, type) else f"satisfy {getattr(when, '__name__', 'a function')}"


def _port_fault(kind: str, port: str, method: str | None, what: Any, calls: int) -> PortFault:
    names: tuple[Any, ...] = (port, "" if method is None else method)
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"{kind}() takes the name of a port and of its method, as in {kind}('bank', 'charge'); not {port!r}, {method!r}")
    _check_count("calls", calls)
    return PortFault(kind, port, method, what, calls)


def _check_actor(actor: Any) -> None:
    if not isinstance(actor, pykka.ActorRef) and not (isinstance(actor, type) and issubclass(actor, pykka.Actor)):
        raise UsageError(f"a fault of an actor takes a class of actors or an ActorRef, not {actor!r}")


def _check_count(name: str, value: Any) -> None:
    if value is not None and (type(value) is not int or value < 1):
        raise UsageError(f"{name} counts from 1; it cannot be {value!r}")


def _check_seconds(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise UsageError(f"{name} takes more than 0 seconds of virtual time, not {value!r}")
