"""A machine's steps as source code: a file with one plain pytest function."""

from __future__ import annotations

import re
from typing import Any

from greenroom.errors import UsageError
from greenroom.literals import Imports, literal
from greenroom.steps import Draws, Program, Result, Step, Unkept


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
    function = name or f"test_{_snake(program.machine.__name__)}"
    first = " ".join(told.split()).replace("\\", "\\\\").replace('"""', "'''").rstrip('"')
    docstring = [f'    """{first[:120]}"""'] if first else []
    head = [*imports.lines(), "", "", f"@regression({machine})", f"def {function}(state):", *docstring]
    return "\n".join([*head, *(lines or ["    pass"])]) + "\n"


def _call_lines(step: Step, imports: Imports, used: set[str]) -> list[str]:
    """The lines that call the rule: one, or one for each argument where that would be long."""
    assigned = f"{step.result} = " if step.result in used else ""
    arguments = [f"{name}={_argument(value, imports, f'argument {name!r} of {step.rule}')}" for name, value in step.arguments]
    line = f"    {assigned}state.{step.rule}({', '.join(arguments)})"
    if len(line) <= 140 and "\n" not in line:
        return [line]
    inside = [f"        {argument}," for argument in "\n        ".join(arguments).split("\n        ")]
    return [f"    {assigned}state.{step.rule}(", *inside, "    )"]


def _argument(value: Any, imports: Imports, what: str) -> str:
    if isinstance(value, Result):
        return value.name if value.index is None else f"{value.name}.values[{value.index}]"
    if isinstance(value, Draws):
        items = ", ".join(_argument(each, imports, what) for each in value.values)
        imports.add("greenroom.programs", "Draws")
        return f"Draws(({items}{',' if len(value.values) == 1 else ''}))"
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
