"""What a state machine has done so far, kept while Hypothesis drives it."""

from __future__ import annotations

import dataclasses
import functools
import keyword
import re
from dataclasses import is_dataclass
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, cast

from hypothesis.stateful import MultipleResults, RuleBasedStateMachine
from hypothesis.strategies import DataObject

from greenroom.literals import CHANGEABLE
from greenroom.policies.drawn import Drawn, DrawnSchedule
from greenroom.steps import ATOMS, Draws, Loosely, Program, Result, Step, Unkept, copied

if TYPE_CHECKING:
    from greenroom.machine import ActorMachine


class Recorded(RuleBasedStateMachine):
    """A state machine that knows its ``program`` so far.

    The rules are wrapped where Hypothesis asks a machine for them, ``setup_state``: it is the one place between what a rule is given
    and the rule that has no underscore, from 6.150 to 6.170 at least. A hook on what Hypothesis prints would see the last execution only,
    and wrapping the methods themselves would also record the calls that rules make to one another.
    """

    _recording: ClassVar[dict[type, Any]] = {}

    _latest: ClassVar[tuple[type, list[_Taken]] | None] = None

    def __init__(self) -> None:
        self._steps_taken: list[_Taken] = []
        self._results_kept: dict[int, tuple[Any, Result]] = {}  # the value is kept, for its id must stay its own
        self._result_names: set[str] = set()
        Recorded._latest = type(self), self._steps_taken
        super().__init__()

    @property
    def program(self) -> Program:
        """The steps taken so far, the last one included where it failed."""
        return _program(type(self), self._steps_taken)

    @classmethod
    def setup_state(cls) -> Any:
        """Hypothesis's own, with rules that are recorded."""
        known = cls._recording.get(cls)
        if known is None:
            found = super().setup_state()
            rules = [_recorded(rule) for rule in found.rules]
            known = dataclasses.replace(found, rules=rules, initializers=[_recorded(rule) for rule in found.initializers])
            cls._recording[cls] = known
        return known


def latest_program() -> Program | None:
    """The program of the machine that was made last in this process: after a failure, the one that Hypothesis shows."""
    return None if Recorded._latest is None else _program(*Recorded._latest)


class Arguments:
    """What one call of a ``@given`` test was given, kept as it was drawn."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.live = dict(arguments)
        self._kept: dict[str, Any] = {}
        for name, value in arguments.items():
            if isinstance(value, DataObject):
                self._kept[name] = self.live[name] = _Data(value, None)
            else:
                self._kept[name] = copied(value) if type(value) in CHANGEABLE or is_dataclass(value) else value

    def now(self) -> dict[str, Any]:
        """The arguments, with what has been drawn from data and schedules so far."""
        return {name: _settled(value) for name, value in self._kept.items()}


def _program(machine: type, steps: list[_Taken]) -> Program:
    return Program(cast("type[ActorMachine]", machine), tuple(taken.step() for taken in steps))


class _Taken:
    """A step under way: what it draws is still to come."""

    __slots__ = ("arguments", "name", "result")

    def __init__(self, name: str, arguments: dict[str, Any]) -> None:
        self.name = name
        self.arguments = arguments
        self.result: str | None = None

    def step(self) -> Step:
        arguments = ((name, _settled(value)) for name, value in self.arguments.items())
        return Step(self.name, tuple(arguments), self.result)


class _Data:
    """Stands before ``st.data()``, and keeps what the rule draws."""

    def __init__(self, data: DataObject, machine: Recorded | None) -> None:
        self._data = data
        self._machine = machine
        self._values: list[Any] = []

    def draw(self, strategy: Any, label: Any = None) -> Any:
        """As ``data.draw``."""
        value = self._data.draw(strategy, label)
        self._values.append(_kept(self._machine, value, refers=_draws_from_bundle(strategy)))
        return value

    def drawn(self) -> Draws:
        """What was drawn so far."""
        return Draws(tuple(self._values))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    def __repr__(self) -> str:
        return repr(self._data)


def _recorded(rule: Any) -> Any:
    """The rule, with a function that notes the step before it takes it."""
    function = rule.function
    name, target = function.__name__, rule.targets[0] if rule.targets else None
    refers = {argument: _draws_from_bundle(strategy) for argument, strategy in rule.arguments.items()}

    @functools.wraps(function)
    def recorded(machine: Recorded, **arguments: Any) -> Any:
        kept: dict[str, Any] = {}
        for argument, value in arguments.items():
            if type(value) in ATOMS and not refers.get(argument):
                kept[argument] = value
            elif isinstance(value, DataObject):
                kept[argument] = arguments[argument] = _Data(value, machine)
            else:
                kept[argument] = _kept(machine, value, refers=refers.get(argument, False))
        taken = _Taken(name, kept)
        machine._steps_taken.append(taken)
        result = function(machine, **arguments)
        if target is not None:
            taken.result = _named(machine, target, result)
        return result

    return dataclasses.replace(rule, function=recorded)


def _named(machine: Recorded, target: str, result: Any) -> str:
    """A name for what a step has put into its bundle, and the references by which later steps may mean it."""
    stem = re.sub(r"\W", "_", target)
    if not stem.isidentifier() or keyword.iskeyword(stem):
        stem = f"value_{stem}"
    number = 0
    while (name := f"{stem}_{number}") in machine._result_names:
        number += 1
    machine._result_names.add(name)
    if isinstance(result, MultipleResults):
        for index, value in enumerate(result.values):
            machine._results_kept.setdefault(id(value), (value, Result(name, index)))
    else:
        machine._results_kept.setdefault(id(result), (result, Result(name)))
    return name


def _kept(machine: Recorded | None, value: Any, *, refers: bool) -> Any:
    """The value as it was drawn, whatever the rule does to it; a result of an earlier step by its name.

    A plain number or text may be the same object by chance: it counts as a result only where the strategy draws from a bundle.
    """
    kind = type(value)
    if machine is not None and (refers or kind not in ATOMS):
        known = machine._results_kept.get(id(value))
        if known is not None:
            return known[1]
    if isinstance(value, DrawnSchedule):
        return value  # what it came to is known after the step
    if isinstance(value, Random | Drawn | DataObject):
        return Unkept(repr(value))
    if refers:
        if kind in (list, tuple):
            return kind(_kept(machine, item, refers=True) for item in value)
        if kind is dict:
            return {key: _kept(machine, item, refers=True) for key, item in value.items()}
    return copied(value)


def _settled(value: Any) -> Any:
    """What was drawn step by step, as a value."""
    if isinstance(value, _Data):
        return value.drawn()
    if isinstance(value, DrawnSchedule):
        return Loosely(str(value.followed[0])) if len(value.followed) == 1 else Unkept(repr(value))
    return value


def _draws_from_bundle(strategy: Any) -> bool:
    """Whether a value of this strategy may be what an earlier step returned; strategies print what they are made of."""
    return "Bundle(" in repr(strategy)
