"""A machine's steps as source code: a file with one plain pytest function."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenroom.errors import UsageError
from greenroom.literals import Imports, literal
from greenroom.steps import Draws, Loosely, Program, Result, Step, Unkept

if TYPE_CHECKING:
    from collections.abc import Mapping


def as_code(program: Program, *, name: str | None = None, told: str = "") -> str:
    """A file with one plain pytest function that takes the program's steps.

    Args:
        program: what failed.
        name: of the function; made of the machine's name otherwise.
        told: what the failure says, for the docstring.

    Raises:
        UsageError: a value cannot be written as code, or the machine's class cannot be imported; the message names it.
    """
    imports = Imports()
    imports.add("greenroom.programs", "regression")
    machine = imports.name(program.machine)
    used = _names_used(program.steps)
    lines = [line for step in program.steps for line in _call_lines(step, imports, used)]
    head = _head(name or f"test_{_snake(program.machine.__name__)}", "state", told)
    return _file(imports, [f"@regression({machine})", *head, *(lines or ["    pass"])])


def given_as_code(place: Place, arguments: Mapping[str, Any], *, name: str, told: str = "") -> str:
    """A file with one plain pytest function that calls a ``@given`` test with these arguments.

    Args:
        place: the test.
        arguments: all that the test was called with; fixtures stay arguments of the new function.
        name: of the new function.
        told: what the failure says, for the docstring.

    Raises:
        UsageError: a value cannot be written as code; the message names it.
    """
    imports = Imports()
    imports.add("greenroom.programs", "call")
    # The module, and not the test: pytest would collect the test a second time where its name stands.
    test = f"{imports.module(place.module)}.{place.name}"
    holder = [f"{test.rpartition('.')[0]}()"] if "." in place.name else []
    given = [
        f"{argument}={argument if argument in place.fixtures else _argument(value, imports, f'argument {argument!r} of {place.name}')}"
        for argument, value in arguments.items()
    ]
    fixtures = ", ".join(argument for argument in arguments if argument in place.fixtures)
    return _file(imports, [*_head(name, fixtures, told), *_call("call", [test, *holder, *given])])


def scenario_as_code(module: str, scenario: str, schedule: str, *, told: str = "", options: Mapping[str, Any] | None = None) -> str:
    """A file with one plain pytest function that runs a scenario under this schedule, as far as the schedule fits."""
    imports = Imports()
    imports.add("greenroom", "run")
    imports.add("greenroom.programs", "loosely")
    given = [f"{name}={_option(value, imports)}" for name, value in (options or {}).items()]
    call = _call("run", [f"{imports.module(module)}.{scenario}", f'loosely("{schedule}")', *given])
    return _file(imports, [*_head(f"test_{scenario.removeprefix('test_')}", "", told), *call])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a test stands: its module, its name in it (``TestClass.test_name`` for a method), and which arguments are fixtures."""

    module: str
    name: str
    fixtures: tuple[str, ...] = ()


def _option(value: Any, imports: Imports) -> str:
    if isinstance(value, tuple | list) and any(isinstance(each, type) for each in value):
        return f"[{', '.join(imports.name(each) for each in value)}]"
    return literal(value, imports)


def _head(name: str, arguments: str, told: str) -> list[str]:
    first = " ".join(told.split()).replace("\\", "\\\\").replace('"""', "'''").rstrip('"')
    return [f"def {name}({arguments}):", *([f'    """{first[:120]}"""'] if first else [])]


def _file(imports: Imports, lines: list[str]) -> str:
    return "\n".join([*imports.lines(), "", "", *lines]) + "\n"


def _call(function: str, arguments: list[str]) -> list[str]:
    """One line, or one for each argument where that would be long."""
    line = f"    {function}({', '.join(arguments)})"
    if len(line) <= 140 and "\n" not in line:
        return [line]
    inside = ("        " + argument.replace("\n", "\n        ") + "," for argument in arguments)
    return [f"    {function}(", *inside, "    )"]


def _call_lines(step: Step, imports: Imports, used: set[str]) -> list[str]:
    """The lines that call the rule: one, or one for each argument where that would be long."""
    assigned = f"{step.result} = " if step.result in used else ""
    arguments = [f"{name}={_argument(value, imports, f'argument {name!r} of {step.rule}')}" for name, value in step.arguments]
    return _call(f"{assigned}state.{step.rule}", arguments)


def _argument(value: Any, imports: Imports, what: str) -> str:
    if isinstance(value, Result):
        return value.name if value.index is None else f"{value.name}.values[{value.index}]"
    if isinstance(value, Draws):
        items = ", ".join(_argument(each, imports, what) for each in value.values)
        imports.add("greenroom.programs", "Draws")
        return f"Draws(({items}{',' if len(value.values) == 1 else ''}))"
    if isinstance(value, Loosely):
        imports.add("greenroom.programs", "loosely")
        return f'loosely("{value.schedule}")'
    if isinstance(value, Unkept):
        raise UsageError(f"{what} is {value.shown}, which lives only in the example that drew it: draw bytes or numbers instead")
    if type(value) in (list, tuple, dict) and _names_in(value):
        return _container(value, imports, what)
    return literal(value, imports, what=what)


def _container(value: Any, imports: Imports, what: str) -> str:
    if isinstance(value, dict):
        pairs = (f"{literal(key, imports, what=what)}: {_argument(each, imports, what)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    items = ", ".join(_argument(each, imports, what) for each in value)
    return f"[{items}]" if isinstance(value, list) else f"({items}{',' if len(value) == 1 else ''})"


def _names_used(steps: tuple[Step, ...]) -> set[str]:
    return {name for step in steps for _, value in step.arguments for name in _names_in(value)}


def _names_in(value: Any) -> set[str]:
    """The results that an argument refers to."""
    if isinstance(value, Result):
        return {value.name}
    inside = value.values if isinstance(value, Draws) else tuple(value.values()) if type(value) is dict else value
    if not isinstance(inside, list | tuple):
        return set()
    return {name for each in inside for name in _names_in(each)}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
