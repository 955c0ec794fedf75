"""Where programs keep what must be replaced: module globals, class attributes, default arguments, closures, attributes of objects.

``from time import sleep`` is a global; ``def __init__(self, clock=time.monotonic)`` is a default argument; a dataclass field with
``default_factory=threading.Lock`` is a closure of its ``__init__``; a registry object made at import keeps a lock as its attribute.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from types import CellType, FunctionType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DEEPEST: Final = 3
_LARGEST: Final = 1_000  # a container with more entries is data, not a place for locks
NOT_SCANNED: Final = ("greenroom", "hypothesis", "_pytest", "pytest", "greenlet", "threading", "_threading_local", "sys", "builtins")
_LIBRARIES: Final = tuple({sysconfig.get_path(name) + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})


class Site(NamedTuple):
    """A place that holds a value: ``key`` of ``owner``, whose kind decides how it is read and written. ``label`` is for messages."""

    owner: Any
    key: Any
    label: str

    def read(self) -> Any:
        """What is there now; None where nothing is."""
        owner, key = self.owner, self.key
        if isinstance(owner, dict):
            return owner.get(key)
        if isinstance(owner, list):
            return owner[key] if key < len(owner) else None
        if isinstance(owner, Site):
            inside = owner.read()
            return inside[key] if isinstance(inside, tuple) and key < len(inside) else None
        if isinstance(owner, CellType):
            return owner.cell_contents if _is_filled(owner) else None
        if isinstance(owner, FunctionType):
            return (owner.__defaults__ or ())[key] if key < len(owner.__defaults__ or ()) else None
        value = vars(owner).get(key) if isinstance(owner, type) else getattr(owner, key, None)
        return value.__func__ if isinstance(value, staticmethod) else value

    def write(self, value: Any) -> Callable[[], None]:
        """Put ``value`` there; returns what puts the old one back."""
        owner, key = self.owner, self.key
        if isinstance(owner, dict | list):
            old = owner[key]
            owner[key] = value
            return lambda: owner.__setitem__(key, old)
        if isinstance(owner, Site):  # a tuple cannot be changed: another one takes its place
            parts = owner.read()
            changed = (*parts[:key], value, *parts[key + 1 :])
            return owner.write(changed if type(parts) is tuple else type(parts)._make(changed))
        if isinstance(owner, CellType):
            old = owner.cell_contents
            owner.cell_contents = value
            return lambda: setattr(owner, "cell_contents", old)
        if isinstance(owner, FunctionType):
            defaults = owner.__defaults__ or ()
            owner.__defaults__ = (*defaults[:key], value, *defaults[key + 1 :])
            return lambda: setattr(owner, "__defaults__", defaults)
        if not isinstance(owner, type):
            old = getattr(owner, key)
            object.__setattr__(owner, key, value)  # also where the program froze its objects
            return lambda: object.__setattr__(owner, key, old)
        old = vars(owner)[key]
        # A function of the standard library is no method; the one that stands in for it must not become one.
        setattr(owner, key, staticmethod(value) if isinstance(value, FunctionType) else value)
        return lambda: setattr(owner, key, old)


def is_program(module: Any) -> bool:
    """Whether a module is the user's own: neither of the standard library nor installed."""
    path = getattr(module, "__file__", None)
    return isinstance(path, str) and not path.startswith(_LIBRARIES) and module.__name__.partition(".")[0] not in NOT_SCANNED


def sites_in_globals(module_name: str, namespace: dict[str, Any], wanted: Callable[[Any], bool]) -> Iterator[Site]:
    """The globals of one module that hold what is wanted."""
    for name, value in list(namespace.items()):
        if wanted(value):
            yield Site(namespace, name, f"{module_name}.{name}")


def sites_everywhere(module_name: str, namespace: dict[str, Any], wanted: Callable[[Any], bool]) -> Iterator[Site]:
    """The places in a program's module that hold what is wanted: its globals, and what hangs on them."""
    yield from _Walk(wanted).inside(namespace, module_name, 0)


def sites_of_function(function: Any, wanted: Callable[[Any], bool]) -> Iterator[Site]:
    """The default arguments and the closure of one function, and what hangs on them."""
    function = getattr(function, "__func__", function)
    if isinstance(function, FunctionType):
        yield from _Walk(wanted).function(function, function.__qualname__, 0)


class _Walk:
    def __init__(self, wanted: Callable[[Any], bool]) -> None:
        self.wanted = wanted
        self.seen: set[int] = set()

    def inside(self, owner: dict[Any, Any], label: str, depth: int) -> Iterator[Site]:
        for key, value in list(owner.items()):
            yield from self.at(Site(owner, key, f"{label}.{key}" if isinstance(key, str) else f"{label}[{key!r}]"), value, depth)

    def at(self, site: Site, value: Any, depth: int) -> Iterator[Site]:
        if self.wanted(value):
            yield site
        elif depth < _DEEPEST and id(value) not in self.seen:
            if type(value) is tuple or (isinstance(value, tuple) and hasattr(value, "_make")):
                self.seen.add(id(value))
                for index, part in enumerate(value if len(value) <= _LARGEST else ()):
                    yield from self.at(Site(site, index, f"{site.label}[{index}]"), part, depth)
            else:
                yield from self.below(value, site.label, depth + 1)

    def below(self, value: Any, label: str, depth: int) -> Iterator[Site]:
        """What hangs on ``value``, if it is of a kind that programs write."""
        if isinstance(value, staticmethod | classmethod):
            value = value.__func__
        self.seen.add(id(value))
        if isinstance(value, FunctionType):
            if is_program(sys.modules.get(value.__module__)):
                yield from self.function(value, label, depth)
        elif isinstance(value, type):
            if _is_program_class(value):
                for name in list(vars(value)):
                    site = Site(value, name, f"{label}.{name}")
                    yield from self.at(site, site.read(), depth)
        elif type(value) is dict:
            if len(value) <= _LARGEST:
                yield from self.inside(value, label, depth)
        elif type(value) is list:
            for index, part in enumerate(value if len(value) <= _LARGEST else ()):
                yield from self.at(Site(value, index, f"{label}[{index}]"), part, depth)
        elif _is_program_class(type(value)):
            yield from self.instance(value, label, depth)

    def instance(self, value: Any, label: str, depth: int) -> Iterator[Site]:
        if type(getattr(value, "__dict__", None)) is dict:
            yield from self.inside(value.__dict__, label, depth)
        for name in _slots_of(type(value)):
            site = Site(value, name, f"{label}.{name}")
            yield from self.at(site, site.read(), depth)

    def function(self, function: FunctionType, label: str, depth: int) -> Iterator[Site]:
        for index, value in enumerate(function.__defaults__ or ()):
            yield from self.at(Site(function, index, f"a default argument of {label}"), value, depth)
        for name, value in (function.__kwdefaults__ or {}).items():
            yield from self.at(Site(function.__kwdefaults__, name, f"{label}({name})"), value, depth)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
            if _is_filled(cell):
                yield from self.at(Site(cell, name, f"{name} of {label}"), cell.cell_contents, depth)


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - reading is the only way to know
    except ValueError:
        return False
    return True


def _slots_of(kind: type) -> list[str]:
    return [name for owner in kind.__mro__ for name, value in vars(owner).items() if type(value) is MemberDescriptorType]


def _is_program_class(kind: type) -> bool:
    return is_program(sys.modules.get(kind.__module__))
