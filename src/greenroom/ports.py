"""Ports: dependencies of the actors under test, wrapped so that their calls can be made to fail, hang, repeat themselves or lie."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final

from greenroom.clock import to_ns
from greenroom.describe import describe
from greenroom.errors import UsageError
from greenroom.faults import Injected, PortFault, twice
from greenroom.task import current_task

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from greenroom.history import History
    from greenroom.task import Task

# Python looks these up in the class, not in the instance: a port has those that what it stands for has.
_SPECIAL: Final = (
    "__call__", "__contains__", "__delitem__", "__enter__", "__eq__", "__exit__", "__getitem__", "__iter__", "__len__", "__lt__",
    "__next__", "__setitem__",
)  # fmt: skip
_OF_OBJECT: Final = ("__eq__", "__lt__")


class Ports:
    """All ports of one machine, and the faults that wait for their next calls."""

    def __init__(self, history: History, *, on_threads: bool) -> None:
        self.faults: list[Injected[PortFault]] = []
        self.bypassed_by: Task | None = None
        self._history = history
        self._wrapped: dict[str, list[Any]] = {}
        self._lock: AbstractContextManager[Any] = threading.Lock() if on_threads else nullcontext()
        self._on_threads = on_threads
        self._hanging: list[Task] = []

    def wrap(self, real: Any, name: str) -> Any:
        """``real`` behind a wrapper that looks like it."""
        self._wrapped.setdefault(name, []).append(real)
        return _wrapper_of(type(real))(real, name, self)

    def check(self, fault: PortFault) -> None:
        """Raise a ``UsageError`` where there is nothing that ``fault`` could be about."""
        if fault.port not in self._wrapped:
            known = ", ".join(map(repr, self._wrapped)) or "none"
            raise UsageError(f"{fault}: there is no port {fault.port!r}; wrapped by self.port(…, name=…) so far: {known}")
        method = fault.method
        if method is not None and not any(callable(getattr(real, method, None)) for real in self._wrapped[fault.port]):
            raise UsageError(f"{fault}: the port {fault.port!r} has no method {method!r}")

    def knows(self, name: str) -> bool:
        """Whether a port of that name was wrapped."""
        return name in self._wrapped

    def release(self, *, forget: bool = False) -> None:
        """Let all calls that hang go on; with ``forget`` no fault waits for a later call either."""
        for injected in self.faults:
            if forget or (injected.fault.kind == "hangs" and injected.left < injected.fault.calls):
                injected.end(self._history)
        self.faults = [injected for injected in self.faults if injected.ended is None]
        if self._hanging:
            self._hanging[0].scheduler.wake_all(self._hanging)

    def call(self, port: str, method: str, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Perform a call, with the fault that waits for it, if any."""
        injected = self._next(port, method)
        if injected is None:
            return function(*arguments, **named)
        fault = injected.fault
        name = f"{port}.{method}()" if method != "__call__" else f"{port}()"
        if fault.kind == "fails":
            self._tell(port, f"{name} raises {describe(fault.what)}")
            raise fault.what.with_traceback(None)  # one exception for all examples: it must not collect their frames
        if fault.of_time:
            self._wait(injected, name)
            return function(*arguments, **named)
        if fault.kind == "repeats":
            self._tell(port, f"{name} is performed twice")
            function(*arguments, **named)
            return function(*arguments, **named)
        result = function(*arguments, **named)
        other = twice(result) if fault.kind == "duplicates" else fault.what(result)
        self._tell(port, f"{name} gives {describe(other, 30)} instead of {describe(result, 30)}")
        return other

    def _next(self, port: str, method: str) -> Injected[PortFault] | None:
        """The oldest fault for this call; a call from outside the stage only looks, and is left alone."""
        if not self.faults or (not self._on_threads and current_task() in (None, self.bypassed_by)):
            return None
        with self._lock:
            for injected in self.faults:
                fault = injected.fault
                if fault.port == port and fault.method in (None, method) and injected.left:
                    injected.left -= 1
                    if not injected.left and not fault.of_time:
                        injected.end(self._history)
                        self.faults.remove(injected)
                    return injected
        return None

    def _wait(self, injected: Injected[PortFault], name: str) -> None:
        task = current_task()
        assert task is not None, "faults of time are injected on a stage only"
        scheduler, fault = task.scheduler, injected.fault
        self._tell(fault.port, f"{name} {fault.kind}" + (f" for {fault.what:g} s" if fault.kind == "naps" else ""))
        if fault.kind == "naps":
            scheduler.wait("sleep", _Hanging(name), [], scheduler.clock.now_ns + to_ns(fault.what))
        else:
            while injected.ended is None:
                scheduler.wait("hang", _Hanging(name), self._hanging)
            self._tell(fault.port, f"{name} goes on, the fault is over")
        if not injected.left and injected in self.faults:
            injected.end(self._history)
            self.faults.remove(injected)

    def _tell(self, port: str, detail: str) -> None:
        task = current_task()
        if task is not None and task.scheduler.history is not None:
            task.scheduler.record("fault", port, 0, detail)


class _Hanging:
    def __init__(self, name: str) -> None:
        self.greenroom_name = f"{name}, which hangs by a fault"


class Port:
    """What the actors are given in place of a dependency: it has the same attributes, and says that it is of the same class."""

    __slots__ = ("_greenroom_name", "_greenroom_ports", "_greenroom_real")

    def __init__(self, real: Any, name: str, ports: Ports) -> None:
        object.__setattr__(self, "_greenroom_real", real)
        object.__setattr__(self, "_greenroom_name", name)
        object.__setattr__(self, "_greenroom_ports", ports)

    @property  # type: ignore[misc]  # as unittest.mock does, so that isinstance() holds
    def __class__(self) -> type:
        return type(self._greenroom_real)

    def __repr__(self) -> str:
        return repr(self._greenroom_real)

    def __bool__(self) -> bool:
        return bool(self._greenroom_real)

    def __hash__(self) -> int:
        return hash(self._greenroom_real)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._greenroom_real, name)
        if not callable(found) or isinstance(found, type) or name.startswith("_"):
            return found
        return _Method(self._greenroom_ports, self._greenroom_name, name, found)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._greenroom_real, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._greenroom_real, name)


class _Method:
    """A method of a port."""

    def __init__(self, ports: Ports, port: str, name: str, function: Callable[..., Any]) -> None:
        self._ports = ports
        self._port = port
        self.__name__ = name
        self.__wrapped__ = function
        self.__doc__ = function.__doc__

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._ports.call(self._port, self.__name__, self.__wrapped__, arguments, named)

    def __repr__(self) -> str:
        return f"<{self._port}.{self.__name__}, a method of a port>"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


_wrappers: dict[type, type[Port]] = {}


def _wrapper_of(kind: type) -> type[Port]:
    """The wrapper for objects of ``kind``: with its special methods."""
    known = _wrappers.get(kind)
    if known is None:
        names = [name for name in _SPECIAL if hasattr(kind, name) and (name not in _OF_OBJECT or name in _defined(kind))]
        members: dict[str, Any] = {name: _special(name) for name in names}
        members["__slots__"] = ()
        if "__eq__" in names:
            members["__hash__"] = Port.__hash__
        known = _wrappers[kind] = type(f"Port of {kind.__name__}", (Port,), members)
    return known


def _defined(kind: type) -> set[str]:
    return {name for base in kind.__mro__ if base is not object for name in vars(base)}


def _special(name: str) -> Callable[..., Any]:
    def method(self: Port, *arguments: Any, **named: Any) -> Any:
        real = self._greenroom_real
        function = getattr(real, name)
        return self._greenroom_ports.call(self._greenroom_name, name, function, arguments, named)

    method.__name__ = name
    return method
