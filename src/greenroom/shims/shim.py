"""What stands in for a class or a function while a stage is open: the simulated one inside a task, the real one everywhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from greenroom.task import TaskGreenlet

if TYPE_CHECKING:
    from collections.abc import Callable


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
        inside = type(getcurrent()) is TaskGreenlet and hasattr(self._simulated, "__class_getitem__")
        return (self._simulated if inside else self._real)[key]


def shim_of_function(real: Callable[..., Any], simulated: Callable[..., Any]) -> Callable[..., Any]:
    """As ``Shim``, for a function."""

    def shim(*args: Any, **kwargs: Any) -> Any:
        if type(getcurrent()) is TaskGreenlet:
            return simulated(*args, **kwargs)
        return real(*args, **kwargs)

    shim.__name__ = getattr(real, "__name__", "shim")
    shim.__doc__ = real.__doc__
    return shim
