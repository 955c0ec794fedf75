"""Explores ordinary pytest tests as scenarios: ``@pytest.mark.greenroom(executions=300)``.

The whole body of the test is the scenario. Its fixtures are set up before, outside the stage: values they may give, but no live actors.
"""

from __future__ import annotations

import functools
import inspect
import shlex
from typing import TYPE_CHECKING, Any, Final

import pytest

from greenroom.exhaust import exhaust
from greenroom.explore import explore, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.schedule import Schedule

MARKER: Final = "greenroom"
_HELP: Final = (
    "greenroom(exhaust=False, **options): explore the test as a scenario, with the options of greenroom.explore (executions, policy, seed, "
    "max_steps, timers, …), or of greenroom.exhaust where exhaust=True"
)


def add_options(group: pytest.OptionGroup) -> None:
    """The options of the command line."""
    schedule = "replay one test that has the marker greenroom: the schedule that its failure printed"
    group.addoption("--greenroom-schedule", default=None, metavar="SCHEDULE", help=schedule)


def configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", _HELP)


def call(item: pytest.Function) -> bool | None:
    """Explore the test if it has the marker; what fails is raised. None for other tests."""
    marker = item.get_closest_marker(MARKER)
    if marker is None:
        return None
    options: dict[str, Any] = dict(marker.kwargs)
    exhaustive = options.pop("exhaust", False)
    _check(item, marker, set(inspect.signature(exhaust if exhaustive else explore).parameters) - {"scenario"})
    scenario = _scenario(item)
    schedule = item.config.getoption("--greenroom-schedule")
    if schedule is not None:
        run(scenario, schedule, **{name: value for name, value in options.items() if name in _OF_RUN})
        return True
    found = exhaust(scenario, **options) if exhaustive else explore(scenario, **options)
    found.raise_failure()
    return True


def replay_line(item: pytest.Item, schedule: Schedule) -> str:
    """How a failure of a test with arguments is replayed; "" for other tests, whose failures say it themselves."""
    if item.get_closest_marker(MARKER) is None or not item._fixtureinfo.argnames:  # type: ignore[attr-defined]
        return ""
    return f"replay: pytest {shlex.quote(item.nodeid)} --greenroom-schedule '{schedule}'"


def _check(item: pytest.Function, marker: pytest.Mark, known: set[str]) -> None:
    unknown = sorted(set(marker.kwargs) - known - {"exhaust"})
    why = ""
    if hasattr(item.obj, "hypothesis"):
        why = f"{item.name} is a Hypothesis test: draw greenroom.schedules() in it instead"
    elif marker.args:
        why = f"it takes options by name, as in executions=300, not {marker.args[0]!r}"
    elif unknown:
        why = f"there is no option {', '.join(unknown)}; there are {', '.join(sorted(known))}"
    if why:
        pytest.fail(f"@pytest.mark.greenroom: {why}", pytrace=False)


def _scenario(item: pytest.Function) -> Callable[[], Any]:
    """The test as a function without arguments: itself where it has none, so that its failures can be replayed by name."""
    function = item.obj
    arguments = {name: item.funcargs[name] for name in item._fixtureinfo.argnames}
    if not arguments:
        return function  # type: ignore[no-any-return]

    @functools.wraps(function)
    def scenario() -> Any:
        return function(**arguments)

    del scenario.__wrapped__
    scenario.__qualname__ = f"<test>.{item.name}"  # it cannot be called by its name alone
    return scenario


_OF_RUN: Final = frozenset(inspect.signature(run).parameters)
