"""A replay line as a plain pytest function."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from greenroom import cli, errors
from greenroom.errors import UsageError
from greenroom.execution import MAX_STEPS
from greenroom.explore import replay
from greenroom.places import load_scenario
from greenroom.source import scenario_as_code


def code_of(line: str) -> str:
    """The code for a line as failures print it: ``greenroom replay FILE.py::scenario 'g1:7=Counter-2'``.

    Raises:
        UsageError: it is no such line, or the scenario does not fail under this schedule.
    """
    words = shlex.split(line.removeprefix("replay:"))
    for word in ("greenroom", "replay"):
        if words[:1] == [word]:
            words = words[1:]
    if len(words) < 2:
        raise UsageError(f"{line!r} is no replay line: expected FILE.py::scenario and a schedule, as in a.py::scenario g1:7=Counter-2")
    options = cli.parse(["replay", *words])
    place, _, scenario = options.scenario.partition("::")
    path = Path(place)
    if path.is_absolute():
        path = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else Path(path.name)
    promises = [getattr(errors, name) for name in options.ignore]
    given: dict[str, Any] = {
        "max_steps": options.max_steps if options.max_steps != MAX_STEPS else None,
        "timers": options.timers if options.timers != "lazy" else None,
        "granularity": options.granularity if options.granularity != "message" else None,
        "lines_of": options.lines_of or None,
        "ignore": promises or None,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    failure = replay(load_scenario(options.scenario), options.schedule, **chosen).failure
    if failure is None:
        raise UsageError(f"{options.scenario} does not fail under {options.schedule}: there is nothing to export")
    return scenario_as_code(".".join(path.with_suffix("").parts), scenario, str(options.schedule), told=failure.headline, options=chosen)
