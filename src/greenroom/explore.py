"""Runs a scenario under many schedules, or one schedule again."""

from __future__ import annotations

import gc
import inspect
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from greenroom.checking import Count, checks_of, raise_undecided
from greenroom.errors import GreenroomError, NondeterminismEscaped, ReplayMismatch, UsageError
from greenroom.execution import MAX_STEPS, Execution, Options, execute, scenario_name, shown_the_default_order
from greenroom.failure import Failure, add_picture, same_failure
from greenroom.history import History
from greenroom.ignoring import switched_off
from greenroom.lines import Lines, modules_named
from greenroom.policies import policy_named
from greenroom.policies.replay import Replay, Watched
from greenroom.schedule import Schedule
from greenroom.shims.install import install, uninstall
from greenroom.shrink import Attempt, Search, shrink_schedule
from greenroom.stage import listening
from greenroom.told import Ran, listeners, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from greenroom.checker import Checker
    from greenroom.policy import Policy

    Scenario = Callable[[], Any]
    Checkers = Checker | Iterable[Checker] | None

_EXECUTIONS_PER_COLLECTION = 128


@dataclass(frozen=True, slots=True)
class Report:
    """What an exploration found. ``executions_to_failure`` counts from 1; None where nothing failed.

    ``covered`` says what a systematic policy has tried in full ("every schedule"); it is empty where schedules may be left. ``undecided``
    counts the executions on which a checker could not decide, and ``why_undecided`` tells which and why; they are no passes.
    """

    scenario: str
    executions: int
    distinct: int
    steps: int
    elapsed_s: float
    cpu_s: float
    failure: Failure | None = None
    executions_to_failure: int | None = None
    policy: str = "portfolio"
    seed: int = 0
    covered: str = ""
    undecided: int = 0
    why_undecided: str = ""

    @property
    def ok(self) -> bool:
        """Whether no schedule failed, and every check was decided."""
        return self.failure is None and not self.undecided

    def raise_failure(self) -> None:
        """Raise what the program raised, with the picture and the replay line as notes; do nothing where nothing failed.

        Raises:
            Undecided: nothing failed, but a checker could not decide.
        """
        if self.failure is not None:
            add_picture(self.failure)
            raise self.failure.error
        raise_undecided(self.why_undecided)

    def __str__(self) -> str:
        rate = self.executions / self.cpu_s if self.cpu_s else 0.0
        plurals = "" if self.executions == 1 else "s", "" if self.distinct == 1 else "s"
        counts = f"{self.executions:,} execution{plurals[0]}, {self.distinct:,} distinct schedule{plurals[1]}, {self.steps:,} steps"
        head = f"{self.scenario}: {counts}, {rate:,.0f} executions per CPU second"
        if self.failure is not None:
            return f"{head}\n{self.failure}"
        but = f", but {self.why_undecided}" if self.undecided else ""
        return f"{head}: no failure" + (f" under {self.covered}" if self.covered else "") + but


def explore(  # noqa: PLR0913 - each option stands for itself, and none must be given
    scenario: Scenario,
    *,
    executions: int = 1000,
    policy: str | Policy = "portfolio",
    seed: int = 0,
    max_steps: int = MAX_STEPS,
    max_seconds: float | None = None,
    timers: str = "lazy",
    granularity: str = "message",
    lines_of: Iterable[str] = (),
    ignore: Iterable[type[GreenroomError]] = (),
    checks: Checkers = None,
    shrink: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Run ``scenario`` under up to ``executions`` schedules, and stop at the first that fails.

    Args:
        scenario: a function without arguments that starts actors, uses them, asserts, and stops them.
        executions: how many schedules to try.
        policy: "portfolio" (default), "fifo", "random", "pct", "pct:DEPTH", "pos", "surw", "hold", "delay", "delay:MOST", or a ``Policy``.
        seed: another seed tries other schedules; the same seed the same ones, in every process.
        max_steps: scheduling points after which an execution counts as a livelock.
        max_seconds: stop after this much wall time as well.
        timers: "lazy" (virtual time passes only when no task can run) or "explored" (a timeout may strike at any point).
        granularity: "message" (tasks are switched at visible operations) or "line" (also before each source line of ``lines_of``).
        lines_of: names of modules and packages, for "line"; the scenario's own module if none is given.
        ignore: classes of ``greenroom.PromiseBroken`` that this scenario means to break.
        checks: a checker, or several: what is to hold of every history, as ``greenroom.linearizable(spec)``.
        shrink: reduce a failing schedule to few deviations from the default order.
        progress: called with the executions done and the distinct schedules seen, now and then.

    Returns:
        A report; ``report.failure`` is None where every schedule held. Nothing is raised for a failing program.

    Raises:
        UsageError: an argument makes no sense.
        NondeterminismEscaped: a failing schedule did not fail again.
    """
    options = checked(scenario, executions, max_steps, timers, ignore, granularity, lines_of, checks)
    chosen = policy_named(policy, seed)
    name = scenario_name(scenario)
    seen: set[int] = set()
    steps = done = 0
    failing: Execution | None = None
    exhausted: Callable[[], str] | None = getattr(chosen, "exhausted", None)
    covered = ""
    started, cpu_started = time.perf_counter(), time.process_time()
    count = Count()
    with installed(scenario, options) as shims:
        shown_the_default_order(scenario, options)
        for number in range(executions):
            if number % _EXECUTIONS_PER_COLLECTION == _EXECUTIONS_PER_COLLECTION - 1:
                shims.collect()
            if number and exhausted is not None and (covered := exhausted()):
                break
            chosen.begin(number)
            execution = execute(scenario, chosen, None, options)
            done = number + 1
            steps += execution.steps
            seen.add(hash(execution.schedule))
            count.add(execution.undecided, execution.nothing)
            if execution.failure is not None:
                failing = execution
                break
            if progress is not None and done % 100 == 0:
                progress(done, len(seen))
            if max_seconds is not None and time.perf_counter() - started > max_seconds:
                break
        elapsed, cpu = time.perf_counter() - started, time.process_time() - cpu_started
        failure = None if failing is None else explained(scenario, failing, options, shrink=shrink)
    label = policy if isinstance(policy, str) else type(policy).__name__
    undecided = count.told()
    tell(Ran(name, done, len(seen), steps, failure=failure, unchecked=(f"{name}: {undecided}",) if undecided else ()))
    return Report(
        name,
        done,
        len(seen),
        steps,
        elapsed,
        cpu,
        failure,
        None if failure is None else done,
        label,
        seed,
        covered,
        count.executions,
        undecided,
    )


def replay(  # noqa: PLR0913 - as explore
    scenario: Scenario,
    schedule: Schedule | str,
    *,
    max_steps: int = MAX_STEPS,
    timers: str = "lazy",
    granularity: str = "message",
    lines_of: Iterable[str] = (),
    ignore: Iterable[type[GreenroomError]] = (),
    checks: Checkers = None,
) -> Execution:
    """The execution of ``scenario`` under ``schedule``, recorded: the same events in every process.

    Returns:
        The execution; ``execution.failure`` is None where it held. Nothing is raised for a failing program.

    Raises:
        ScheduleSyntaxError: the text is no schedule.
        ReplayMismatch: the program no longer takes the recorded path.
    """
    options = checked(scenario, 1, max_steps, timers, ignore, granularity, lines_of, checks)
    execution = replayed(scenario, as_schedule(schedule), options)
    if listeners:
        _tell(scenario, execution)
    return execution


def replayed(scenario: Scenario, value: Schedule, options: Options, recorder: AbstractContextManager[object] | None = None) -> Execution:
    """The recorded execution under a schedule, with ``recorder`` open around it alone; ``ReplayMismatch`` if it takes another path."""
    policy = Replay(value)
    with installed(scenario, options):
        if value.deviations:
            shown_the_default_order(scenario, options)
        with nullcontext() if recorder is None else recorder:
            execution = execute(scenario, policy, History(), options)
    if policy.unused() and execution.failure is None:
        raise _never_reached(value, policy.unused(), execution.decisions)
    return execution


def run(  # noqa: PLR0913 - as explore
    scenario: Scenario,
    schedule: Schedule | str | Policy | None = None,
    *,
    max_steps: int = MAX_STEPS,
    timers: str = "lazy",
    granularity: str = "message",
    lines_of: Iterable[str] = (),
    ignore: Iterable[type[GreenroomError]] = (),
    checks: Checkers = None,
) -> Execution:
    """Run ``scenario`` once and raise what breaks, with the lanes picture and the replay line as notes.

    Args:
        scenario: a function without arguments.
        schedule: what ``greenroom.schedules()`` drew, a ``Schedule``, its text, a ``Policy``, or None for the default order.
        max_steps: scheduling points after which the execution counts as a livelock.
        timers: "lazy" or "explored", as in ``explore``.
        granularity: "message" or "line", as in ``explore``.
        lines_of: names of modules and packages, as in ``explore``.
        ignore: classes of ``greenroom.PromiseBroken`` that this scenario means to break.
        checks: a checker, or several, as in ``explore``.

    Raises:
        Exception: what the scenario raised, or a ``PromiseBroken``.
        Undecided: nothing failed, but a checker could not decide.
    """
    options = checked(scenario, 1, max_steps, timers, ignore, granularity, lines_of, checks)
    policy = Replay(as_schedule(schedule or Schedule())) if schedule is None or isinstance(schedule, str | Schedule) else schedule
    with installed(scenario, options):
        shown_the_default_order(scenario, options)
        policy.begin(0)
        execution = execute(scenario, policy, History(), options)
    if listeners:
        _tell(scenario, execution)
    if execution.failure is not None:
        add_picture(execution.failure)
        raise execution.failure.error
    count = Count()
    count.add(execution.undecided)
    raise_undecided(count.told())
    return execution


def _tell(scenario: Scenario, execution: Execution) -> None:
    tasks = tuple(execution.history.endings)
    name = scenario_name(scenario)
    unchecked = tuple(f"{name}: {judgement.claim}: {judgement.reason}" for judgement in execution.undecided)
    tell(Ran(name, 1, 1, execution.steps, tasks, execution.schedule, execution.failure, unchecked=unchecked))


class installed:  # noqa: N801 - reads as a clause: with installed(scenario)
    """The shims stay in place over many executions, and garbage is collected only between them.

    A finalizer that strikes in the middle of an execution would make it another one than its replay. What was there before is
    frozen meanwhile: a collection then costs as much as a few executions, and not a walk through all of the test runner.
    """

    def __init__(self, scenario: Scenario, options: Options | None = None) -> None:
        self._scenario = scenario
        self._lines = (
            nullcontext() if options is None or options.granularity != "line" else Lines(modules_named(options.lines_of, scenario))
        )
        self._collects = gc.isenabled()
        self._freezes = False

    def __enter__(self) -> Self:
        self._lines.__enter__()
        install(self._scenario)
        listening.__enter__()
        gc.disable()
        return self

    def collect(self) -> None:
        """Collect what the executions since the last time have left; called between two of them."""
        if not self._freezes and gc.get_freeze_count() == 0:
            self._freezes = True
            gc.freeze()
        gc.collect()

    def __exit__(self, *exception: object) -> None:
        if self._freezes:
            gc.collect()
            gc.unfreeze()
        if self._collects:
            gc.enable()
        listening.__exit__()
        uninstall()
        self._lines.__exit__(*exception)


def as_schedule(schedule: Schedule | str) -> Schedule:
    """A schedule, or what its text says."""
    return Schedule.parse(schedule) if isinstance(schedule, str) else schedule


def _never_reached(schedule: Schedule, unused: list[int], decisions: int) -> GreenroomError:
    """The error for a schedule of which the execution did not come to every deviation."""
    return ReplayMismatch(
        f"the execution ended after {decisions} decisions, but the schedule deviates at decision {unused[0]} "
        f"(of {len(schedule)} deviations): the program has changed; explore it again"
    )


def checked(  # noqa: PLR0913, PLR0917 - the options of a caller, one by one
    scenario: Scenario,
    executions: int,
    max_steps: int,
    timers: str,
    ignore: Iterable[type[GreenroomError]],
    granularity: str = "message",
    lines_of: Iterable[str] = (),
    checks: Checkers = None,
) -> Options:
    """The options, if they and the scenario make sense; ``UsageError`` if not."""
    if not callable(scenario):
        raise UsageError(f"a scenario is a function without arguments, not {scenario!r}")
    if inspect.iscoroutinefunction(scenario) or inspect.isgeneratorfunction(scenario) or inspect.isasyncgenfunction(scenario):
        name = scenario_name(scenario)
        raise UsageError(f"{name} is a coroutine or a generator: calling it would run none of it; write an ordinary function")
    if executions < 1 or max_steps < 1:
        raise UsageError("executions and max_steps are at least 1")
    if timers not in ("lazy", "explored"):
        raise UsageError(f'timers is "lazy" or "explored", not {timers!r}')
    names = (lines_of,) if isinstance(lines_of, str) else tuple(lines_of)
    if granularity not in ("message", "line"):
        raise UsageError(f'granularity is "message" or "line", not {granularity!r}')
    if names and granularity != "line":
        raise UsageError('lines_of says whose lines are scheduling points: give granularity="line" as well')
    return Options(max_steps, timers, switched_off(ignore), granularity, names, checks_of(checks, scenario))


def explained(scenario: Scenario, found: Execution, options: Options, *, shrink: bool) -> Failure:
    """The failure again with its history, on the simplest schedule that still shows it."""
    assert found.failure is not None
    schedule = found.schedule
    if shrink and schedule.deviations:

        def attempt(candidate: Schedule) -> Attempt:
            assert found.failure is not None
            policy = Watched(candidate)
            again = execute(scenario, policy, None, options)
            failed = again.failure is not None and same_failure(again.failure, found.failure)
            return Attempt(again.schedule, failed, again.steps, tuple(policy.options))

        schedule = shrink_schedule(Search(attempt(schedule), attempt))
    recorded = execute(scenario, Replay(schedule, strict=False), History(), options)
    if recorded.failure is None or not same_failure(recorded.failure, found.failure):
        raise NondeterminismEscaped(
            f"{found.failure.error!r} did not happen again under the same schedule {schedule}: the scenario depends on something that "
            "outlives it (a global, a file, a cache) or that the stage does not control (the real clock, a set's order, a real thread)"
        ) from found.failure.error
    return recorded.failure
