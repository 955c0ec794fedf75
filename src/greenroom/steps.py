"""A machine's steps as values."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from enum import Enum
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenroom.machine import ActorMachine

ATOMS = frozenset((bool, int, float, complex, str, bytes, type(None)))


@dataclass(frozen=True, slots=True)
class Result:
    """What an earlier step returned into its bundle: the step's result name, and which of several values (``multiple``)."""

    name: str
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Draws:
    """What a rule drew from ``st.data()``, in order."""

    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Loosely:
    """A schedule that was drawn, as the text of the deviations that it came to."""

    schedule: str


@dataclass(frozen=True, slots=True)
class Unkept:
    """An argument that lives only inside the example that drew it (``st.randoms()``, ``greenroom.schedules()``)."""

    shown: str


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a rule: its name, its arguments by name as they were drawn, and the name of its result where it has a bundle.

    A value of an earlier step stands as a ``Result``, also inside lists, tuples and dictionaries.
    """

    rule: str
    arguments: tuple[tuple[str, Any], ...] = ()
    result: str | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """What a machine was made to do: its class, and the rules called, initialize rules first."""

    machine: type[ActorMachine]
    steps: tuple[Step, ...] = ()

    def __len__(self) -> int:
        return len(self.steps)


def copied(value: Any) -> Any:
    """A deep copy; the object itself where it cannot be copied, for it holds a lock, a generator, …: it is then all there is."""
    if type(value) in ATOMS or isinstance(value, Enum | type | FunctionType):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - whatever a class of the program under test does when it is copied
        return value
