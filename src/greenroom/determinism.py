"""Runs a scenario twice under the same schedule, and points at the first event that differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenroom.errors import GreenroomError, NondeterminismEscaped, ReplayMismatch
from greenroom.execution import MAX_STEPS, execute, scenario_name
from greenroom.explore import checked, installed
from greenroom.history import History
from greenroom.policies import policy_named
from greenroom.policies.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from greenroom.execution import Options
    from greenroom.history import Event
    from greenroom.policy import Policy
    from greenroom.schedule import Schedule

_CONTEXT = 4  # events shown before the first that differs
SUSPECTS = (
    "the order of a set or of what id() or hash() decides (sort it), the real clock (datetime.now(), a time function kept before the stage "
    "opened), a random generator made before the stage opened, a real thread, a file or a network"
)
_KEPT = "something is made the first time and kept: a global, a class attribute, a cache, a default argument, a module imported late"


@dataclass(frozen=True, slots=True)
class Determinism:
    """The same schedules gave the same histories: how many schedules, and how many events they had in all."""

    scenario: str
    schedules: int
    events: int

    def __str__(self) -> str:
        return f"{self.scenario}: {self.schedules:,} schedules, each run twice, gave the same {self.events:,} events both times"


def determinism(  # noqa: PLR0913 - as explore: each option stands for itself, and none must be given
    scenario: Callable[[], Any],
    *,
    executions: int = 10,
    policy: str | Policy = "portfolio",
    seed: int = 0,
    max_steps: int = MAX_STEPS,
    timers: str = "lazy",
    granularity: str = "message",
    lines_of: Iterable[str] = (),
    ignore: Iterable[type[GreenroomError]] = (),
) -> Determinism:
    """Run ``scenario`` under several schedules, each of them twice, and compare the histories event for event.

    What a stage controls is the same in both; whatever differs comes from outside. A failure of the scenario is an ending like
    any other here. The first schedule of the default policy is the default order.

    Args:
        scenario: a function without arguments.
        executions: how many schedules.
        policy: as in ``explore``.
        seed: as in ``explore``.
        max_steps: as in ``explore``.
        timers: as in ``explore``.
        granularity: as in ``explore``.
        lines_of: as in ``explore``.
        ignore: as in ``explore``.

    Returns:
        What was compared.

    Raises:
        NondeterminismEscaped: an event differs; the message shows it, what came before it, and the usual suspects.
        UsageError: an argument makes no sense.
    """
    options = checked(scenario, executions, max_steps, timers, ignore, granularity, lines_of)
    chosen = policy_named(policy, seed)
    exhausted: Callable[[], str] | None = getattr(chosen, "exhausted", None)
    events = schedules = 0
    with installed(scenario, options) as shims:
        while schedules < executions and not (schedules and exhausted is not None and exhausted()):
            chosen.begin(schedules)
            first, schedule = _take(scenario, chosen, options)
            assert schedule is not None
            second, _ = _take(scenario, Replay(schedule), options)
            if first != second:
                third, _ = _take(scenario, Replay(schedule), options)
                raise NondeterminismEscaped(_message(scenario_name(scenario), schedule, first, second, first_alone=second == third))
            schedules += 1
            events += len(first.events)
            shims.collect()
    return Determinism(scenario_name(scenario), schedules, events)


@dataclass(frozen=True, slots=True)
class _Taken:
    """What can be seen of one execution: its events, and how it ended."""

    events: list[Event]
    ending: str


def _take(scenario: Callable[[], Any], policy: Policy, options: Options) -> tuple[_Taken, Schedule | None]:
    history = History()
    try:
        execution = execute(scenario, policy, history, options)
    except ReplayMismatch as mismatch:
        return _Taken(history.events, f"cannot go on: {mismatch}"), None
    outcome = "no failure" if execution.failure is None else execution.failure.headline
    ending = f"{outcome}, after {execution.steps} steps and {execution.decisions} decisions, at {execution.virtual_s:g} virtual seconds"
    return _Taken(history.events, ending), execution.schedule


def _message(scenario: str, schedule: Schedule, first: _Taken, second: _Taken, *, first_alone: bool) -> str:
    pairs = zip(first.events, second.events, strict=False)
    same = next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(first.events), len(second.events)))
    lines = [f"{scenario}: the same schedule {schedule} gave two executions that part at event {same + 1}"]
    lines += [f"    {event}" for event in first.events[max(0, same - _CONTEXT) : same]]
    lines += [f"  - {_event(first, same)}", f"  + {_event(second, same)}"]
    if first_alone:
        lines.append(f"only the first execution is different: {_KEPT}")
    else:
        lines.append(f"the usual suspects: {SUSPECTS}")
    return "\n".join(lines)


def _event(taken: _Taken, place: int) -> str:
    return str(taken.events[place]) if place < len(taken.events) else f"(the end) {taken.ending}"
