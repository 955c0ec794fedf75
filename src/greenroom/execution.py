"""One execution: a scenario on a stage of its own, judged by what holds for every program and by the checks of its caller."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from greenroom import diagnosis, errors, onlooker
from greenroom.checking import Checks, Judged
from greenroom.errors import ClaimBroken, GreenroomError
from greenroom.failure import Failure
from greenroom.history import History
from greenroom.operations import RealTime
from greenroom.policies.replay import Replay
from greenroom.schedule import Schedule
from greenroom.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.checker import Judgement
    from greenroom.policy import Policy

    Scenario = Callable[[], Any]

MAX_STEPS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a scenario under one schedule. ``history`` is empty unless recording was asked for.

    ``undecided`` holds what a checker could not decide, ``nothing`` what checkers that found nothing to judge would have needed.
    """

    schedule: Schedule
    steps: int
    decisions: int
    virtual_s: float
    failure: Failure | None
    history: History
    result: Any = None
    undecided: tuple[Judgement, ...] = ()
    nothing: tuple[str, ...] = ()


@dataclass(slots=True)
class Options:
    """What belongs to a scenario besides its schedule: the same schedule is another execution under other options."""

    max_steps: int
    timers: str
    ignore: tuple[type[GreenroomError], ...]
    granularity: str = "message"
    lines_of: tuple[str, ...] = ()
    checks: Checks = field(default_factory=Checks)

    def not_default(self) -> tuple[tuple[str, str], ...]:
        """What a replay must be given as well, as on the command line."""
        given = [("--max-steps", str(self.max_steps))] if self.max_steps != MAX_STEPS else []
        given += [("--timers", self.timers)] if self.timers != "lazy" else []
        given += [("--granularity", self.granularity)] if self.granularity != "message" else []
        given += [("--lines-of", name) for name in self.lines_of]
        ignored = [kind.__name__ for kind in self.ignore if getattr(errors, kind.__name__, None) is kind]
        return (*given, *(("--ignore", name) for name in ignored), *(("--check", place) for place in self.checks.places))


def scenario_name(scenario: Scenario) -> str:
    """The name under which a scenario is shown."""
    return str(getattr(scenario, "__qualname__", None) or type(scenario).__name__)


def execute(scenario: Scenario, policy: Policy, history: History | None, options: Options) -> Execution:
    """One execution on a stage of its own."""
    checks = options.checks
    if history is None and checks and checks.read_events:
        history = History()
    stage = Stage(policy, history=history, max_steps=options.max_steps, timers=options.timers)
    scheduler = stage.scheduler
    scheduler.trace = getattr(policy, "trace", None)
    if history is None and checks:
        scheduler.operations = History()
    scheduler.real_time = RealTime() if checks and checks.read_real_time else None
    found = Judged()
    with stage:
        main = stage.spawn("main", scenario, kind="scenario")
        stage.run()
        finish: Callable[[], None] | None = getattr(policy, "finish", None)
        if finish is not None:
            finish()
        error = _verdict(stage, options)
        if history is not None:
            diagnosis.conclude(history, stage.tasks, error)
        if checks and error is None and scheduler.operations is not None:
            found = _judged(scheduler.operations, options)
            error = found.broken
            if history is not None and error is not None:
                diagnosis.conclude(history, stage.tasks, error)
        if history is not None:
            onlooker.tell(history, scheduler.deviations)
    schedule = Schedule(tuple(scheduler.deviations))
    finish_as: Callable[[Schedule], None] | None = getattr(policy, "finish_as", None)
    if finish_as is not None:
        finish_as(schedule)
    recorded = History() if history is None else history
    failure = None
    if error is not None:
        failure = Failure(error, schedule, recorded, scenario_name(scenario), scenario, options.not_default(), options)
    virtual_s = scheduler.clock.now_ns / 1e9
    return Execution(
        schedule, scheduler.steps, scheduler.decisions, virtual_s, failure, recorded, main.result, found.undecided, found.nothing
    )


def shown_the_default_order(scenario: Scenario, options: Options) -> None:
    """A search or a replay begins: checkers that compare executions start from what the default order gives, each time."""
    if options.checks.begin():
        execute(scenario, Replay(Schedule()), None, options)


def _judged(history: History, options: Options) -> Judged:
    if any(issubclass(ClaimBroken, kind) for kind in options.ignore):
        return Judged()
    return options.checks.judge(history)


def _verdict(stage: Stage, options: Options) -> BaseException | None:
    if stage.scheduler.verdict == "steps":
        return diagnosis.judge_unfinished(stage.tasks, options.max_steps, ignore=options.ignore)
    return diagnosis.judge(stage.tasks, ignore=options.ignore)
