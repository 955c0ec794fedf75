"""The rules that a machine gets for the faults it lists: one each, with a name that says what it does and one small argument at most."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pykka
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from greenroom.errors import UsageError
from greenroom.faults import Crash, Fault, Pause, PortFault, Slow, name_of
from greenroom.injection import rule_name

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 3  # a crash is drawn to come within so many messages: Hypothesis shrinks it to the first


def add_fault_rules(machine: type[Any]) -> tuple[str, ...]:
    """Give ``machine`` a rule for each of its ``faults``, and take those away that its bases have for theirs; returns their names.

    Raises:
        UsageError: what it lists is no fault, or a rule's name is taken.
    """
    made: dict[str, Any] = {}
    for fault in _checked(machine):
        name = rule_name(fault)
        number = 2
        while name in made:
            name, number = f"{rule_name(fault)}_{number}", number + 1
        made[name] = _rule(fault, machine, name)
        if isinstance(fault, Pause) and fault.seconds is None:
            resume = f"resume_{name.removeprefix('pause_')}"
            made[resume] = _resuming(fault, machine, resume)
    inherited = {name for base in machine.__mro__[1:] for name in vars(base).get("_fault_rules", ())}
    for name in sorted(inherited):
        if name not in made:
            setattr(machine, name, None)
    for name, function in made.items():
        if name in vars(machine) or (hasattr(machine, name) and name not in inherited):
            raise UsageError(f"{machine.__name__} has an attribute {name!r}, which is the name of a rule for one of its faults: rename it")
        setattr(machine, name, function)
    return tuple(made)


def _checked(machine: type[Any]) -> tuple[Fault, ...]:
    faults = machine.faults
    if not isinstance(faults, tuple | list):
        raise UsageError(f"{machine.__name__}.faults is a list of faults, as in faults = [crash(Worker)], not {faults!r}")
    for fault in faults:
        if not isinstance(fault, Crash | Pause | Slow | PortFault):
            raise UsageError(f"{machine.__name__}.faults takes faults such as greenroom.faults.crash(Worker), not {fault!r}")
        if not isinstance(fault, PortFault) and isinstance(fault.actor, pykka.ActorRef):
            raise UsageError(f"{machine.__name__}.faults names actors by their class; there is no reference before the machine has started")
    return tuple(faults)


# No rule has a precondition on what is already injected: a rule that has nothing to do does nothing, so that what other rules come next
# does not depend on it, and each step can be deleted without the others.


def _rule(fault: Fault, machine: type[Any], name: str) -> Any:
    arguments: dict[str, Any] = {}
    if isinstance(fault, Crash) and fault.at is None:
        arguments["at"] = st.integers(1, MOST)
    elif isinstance(fault, PortFault) and fault.kind == "corrupts" and not callable(fault.what):
        arguments["value"] = fault.what

    def function(self: Any, **drawn: Any) -> None:
        if self._is_in_store(fault):
            return
        if isinstance(fault, PortFault) and drawn:
            self.inject(replace(fault, what=lambda _: drawn["value"]))
        else:
            self.inject(replace(fault, **drawn))

    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(each, inspect.Parameter.POSITIONAL_OR_KEYWORD) for each in ("self", *arguments)]
    )
    made: Any = rule(**arguments)
    made = made(_named(function, machine, name, f"Fault: {fault}."))
    if isinstance(fault, PortFault) and not fault.of_time:
        return made
    return precondition(lambda self: not self.on_threads)(made)


def _resuming(fault: Pause, machine: type[Any], name: str) -> Any:
    def function(self: Any) -> None:
        self.resume(fault.actor)

    made: Any = rule()
    return made(_named(function, machine, name, f"{name_of(fault.actor)} reads its messages again."))


def _named(function: Callable[..., None], machine: type[Any], name: str, told: str) -> Callable[..., None]:
    """Hypothesis tells rules apart by their functions' names."""
    function.__name__ = name
    function.__qualname__ = f"{machine.__qualname__}.{name}"
    function.__module__ = machine.__module__
    function.__doc__ = told
    return function
