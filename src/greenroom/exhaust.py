"""Runs a scenario under every inequivalent schedule, once each, and says honestly whether these were all."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from greenroom.checking import Count, raise_undecided
from greenroom.errors import NondeterminismEscaped, UsageError
from greenroom.execution import MAX_STEPS, execute, scenario_name, shown_the_default_order
from greenroom.explore import checked, explained, installed
from greenroom.failure import add_picture
from greenroom.policies.dpor import AllAsleep, Dpor
from greenroom.policies.replay import Replay
from greenroom.schedule import Schedule
from greenroom.told import Ran, tell
from greenroom.tree import Lease, Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenroom.dependence import Trace
    from greenroom.errors import GreenroomError
    from greenroom.execution import Options
    from greenroom.explore import Checkers
    from greenroom.failure import Failure

    Scenario = Callable[[], Any]
    Label = Callable[[Any], str | None]

_FORMAT = 1
_EXECUTIONS_PER_COLLECTION = 128
_SAVE_EVERY_S = 30.0


@dataclass(slots=True)
class Progress:
    """How far a search has come. ``share`` is the part of the tree that is finished, as far as the tree is known."""

    executions: int = 0
    redundant: int = 0
    waiting: int = 0
    share: float = 0.0

    @property
    def estimate(self) -> int:
        """How many executions it will be in all, if what is unknown is like what is known; 0 while nothing can be said."""
        return round(self.executions / self.share) if self.share > 0 else 0


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """What an exhaustive search found.

    ``executions`` counts those that ran to their end, ``redundant`` those that were broken off because they could only repeat one.
    ``exhausted`` is True only where every inequivalent schedule was run; else ``why_not`` says what stood in the way, ``waiting`` how many
    branches are known that were not taken, and ``estimate`` how many executions there may be in all. ``undecided`` counts the executions
    on which a checker could not decide.
    """

    scenario: str
    executions: int
    redundant: int
    steps: int
    elapsed_s: float
    cpu_s: float
    failure: Failure | None = None
    why_not: str = ""
    waiting: int = 0
    estimate: int = 0
    fallbacks: int = field(default=0, repr=False)
    undecided: int = 0
    why_undecided: str = ""

    @property
    def ok(self) -> bool:
        """Whether no schedule failed, and every check was decided; ``exhausted`` says whether these were all."""
        return self.failure is None and not self.undecided

    @property
    def exhausted(self) -> bool:
        """Whether every inequivalent schedule was run, none failed, and every check was decided."""
        return not self.why_not and self.failure is None

    def raise_failure(self) -> None:
        """Raise what the program raised, with the picture; do nothing where nothing failed.

        Raises:
            Undecided: nothing failed, but a checker could not decide.
        """
        if self.failure is not None:
            add_picture(self.failure)
            raise self.failure.error
        raise_undecided(self.why_undecided)

    def __str__(self) -> str:
        runs = f"{self.executions:,} execution{'s' if self.executions != 1 else ''}"
        broken_off = f" (and {self.redundant:,} broken off as redundant)" if self.redundant else ""
        head = f"{self.scenario}: {runs}{broken_off}, {self.steps:,} steps, {self.elapsed_s:.1f} s"
        if self.failure is not None:
            return f"{head}\n{self.failure}"
        if self.exhausted:
            return f"{head}: exhausted, no inequivalent schedule is left; no failure"
        about = f", of about {self.estimate:,} executions in all" if self.estimate > self.executions else ""
        undecided = f"; {self.why_undecided}" if self.why_undecided and self.why_undecided != self.why_not else ""
        return f"{head}: no failure, but not exhausted: {self.why_not}{about}{undecided}"


def exhaust(  # noqa: PLR0913 - each option stands for itself, and none must be given
    scenario: Scenario,
    *,
    max_executions: int | None = None,
    max_seconds: float | None = None,
    max_steps: int = MAX_STEPS,
    timers: str = "lazy",
    granularity: str = "message",
    lines_of: Iterable[str] = (),
    ignore: Iterable[type[GreenroomError]] = (),
    checks: Checkers = None,
    commuting: Label | None = None,
    workers: int = 1,
    resume: str | FilePath | None = None,
    shrink: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> Exhaustion:
    """Run ``scenario`` under every inequivalent schedule, once each, and stop at the first that fails.

    Two schedules are equivalent where they differ only in the order of steps that do not depend on one another: that touch no common
    inbox, future, lock or the like in ways that do not commute. What tasks share beside these (a plain global) is not seen; mark it with
    ``greenroom.checkpoint``, or take ``granularity="line"``, where any two lines of ``lines_of`` depend on one another: name the few
    modules that matter. The search is source-DPOR with sleep sets (``greenroom.policies.dpor``).

    Args:
        scenario: a function without arguments that starts actors, uses them, asserts, and stops them.
        max_executions: stop after that many, in this call.
        max_seconds: stop after that much wall time.
        max_steps: scheduling points after which an execution counts as a livelock.
        timers: "lazy" (virtual time passes only when no task can run) or "explored" (a timeout may strike at any point).
        granularity: "message" or "line", as in ``explore``; lines are taken to touch one common memory: there are many schedules.
        lines_of: as in ``explore``.
        ignore: classes of ``greenroom.PromiseBroken`` that this scenario means to break.
        checks: a checker, or several, as in ``explore``. Where one asks for the order of operations in time, schedules that differ in that
            order alone are inequivalent too; one that compares executions compares, with several workers, those of each process.
        commuting: given a message, returns a label or None. You promise that messages to one actor which share a label may be handled in
            either order, with the same replies and the same state after both; only one order is run then.
        workers: processes that search (needs an operating system that can fork).
        resume: a file. What is left is written to it whenever the search stops or half a minute has passed; if it is there, the search
            goes on from it.
        shrink: reduce a failing schedule to few deviations from the default order.
        progress: called now and then.

    Returns:
        what was found. Nothing is raised for a failing program.

    Raises:
        UsageError: an argument makes no sense, or the file belongs to another search.
        NondeterminismEscaped: the same moves led somewhere else.
    """
    options = checked(scenario, 1, max_steps, timers, ignore, granularity, lines_of, checks)
    if workers < 1 or (max_executions is not None and max_executions < 1) or (max_seconds is not None and max_seconds <= 0):
        raise UsageError("workers and max_executions are at least 1, and max_seconds is more than 0")
    search = Search(scenario, options, commuting)
    kept = Kept(FilePath(resume), search) if resume is not None else None
    budget = Budget(max_executions, max_seconds)
    with installed(scenario, options):
        shown_the_default_order(scenario, options)
    try:
        if workers == 1:
            search.go_on(budget, progress, kept)
        else:
            from greenroom.workers import search_with  # noqa: PLC0415 - only who wants processes needs multiprocessing

            search_with(search, workers, budget, progress, kept)
    finally:  # also after Ctrl-C
        if kept is not None:
            kept.write()
    return search.report(budget, shrink=shrink)


class Budget:
    """How many executions, and how much time, a search may take."""

    def __init__(self, executions: int | None, seconds: float | None) -> None:
        self.left = executions
        self._seconds = seconds
        self.started = time.perf_counter()
        self.cpu_started = time.process_time()

    def spend(self, executions: int = 1) -> None:
        """So many executions were run."""
        if self.left is not None:
            self.left -= executions

    def used_up(self) -> str:
        """What is used up, in words, or an empty text."""
        if self.left is not None and self.left <= 0:
            return "max_executions is reached"
        if self._seconds is not None and time.perf_counter() - self.started > self._seconds:
            return "max_seconds is reached"
        return ""


class Search:
    """An exhaustive search of one scenario: its tree, what it has counted, and the first failure."""

    def __init__(self, scenario: Scenario, options: Options, label: Label | None, lease: Lease | None = None) -> None:
        self.scenario = scenario
        self.options = options
        self.tree = Tree(lease)
        self.seen = Progress()
        self.steps = 0
        self.cpu_s = 0.0
        self.incomplete = ""
        self.failing: Schedule | None = None
        self.undecided = Count()
        self.watch: Callable[[Trace], None] | None = None  # told of each execution that ran to its end
        self._label = label
        self._elsewhere: dict[int, str] = {}

    def behind(self, lease: Lease) -> Search:
        """A search of what lies behind ``lease`` alone."""
        search = Search(self.scenario, self.options, self._label, lease)
        search._elsewhere = self._elsewhere
        return search

    def one(self) -> bool:
        """Take one branch of the tree; False if there was none."""
        lease = self.tree.take()
        if lease is None:
            return False
        policy = Dpor(lease.moves, lease.options, lease.sleep, label=self._label, elsewhere=self._elsewhere)
        try:
            execution = execute(self.scenario, policy, None, self.options)
        except AllAsleep:
            self.seen.redundant += 1
        except BaseException:
            self.tree.give_back(lease)
            raise
        else:
            self.seen.executions += 1
            self.steps += execution.steps
            self.undecided.add(execution.undecided, execution.nothing)
            if self.watch is not None:
                self.watch(policy.trace)
            if execution.failure is not None and self.failing is None:
                self.failing = execution.schedule
            if execution.steps > self.options.max_steps:
                self.incomplete = f"an execution was cut off after max_steps={self.options.max_steps:,}"
        if policy.trace.mistake:
            raise UsageError(policy.trace.mistake)
        self.incomplete = self.incomplete or policy.trace.incomplete
        self.tree.absorb(lease, policy)
        return True

    def go_on(self, budget: Budget, progress: Callable[[Progress], None] | None, kept: Kept | None) -> None:
        """Search until nothing is left, something fails, or the budget is used up."""
        taken = 0
        with installed(self.scenario, self.options) as shims:
            while self.failing is None and not budget.used_up() and self.one():
                taken += 1
                budget.spend()
                if taken % _EXECUTIONS_PER_COLLECTION == 0:
                    shims.collect()
                    if progress is not None:
                        progress(self.so_far())
                    if kept is not None:
                        kept.write_now_and_then()

    def so_far(self) -> Progress:
        """What was counted, with what is known of the rest."""
        self.seen.waiting = self.tree.waiting
        self.seen.share = self.tree.finished_share()
        return self.seen

    def report(self, budget: Budget, *, shrink: bool) -> Exhaustion:
        """What was found; a failure is run again with its history."""
        seen = self.so_far()
        failure = None if self.failing is None else self._failure(self.failing, shrink=shrink)
        why_not = "a failure was found first" if failure is not None else "" if self.tree.finished else budget.used_up()
        elapsed_s = time.perf_counter() - budget.started
        cpu_s = time.process_time() - budget.cpu_started + self.cpu_s
        name = scenario_name(self.scenario)
        undecided = self.undecided.told()
        found = Exhaustion(
            name,
            seen.executions,
            seen.redundant,
            self.steps,
            elapsed_s,
            cpu_s,
            failure,
            why_not or self.incomplete or undecided,
            0 if self.tree.finished else seen.waiting,
            seen.executions if self.tree.finished else seen.estimate,
            self.tree.fallbacks,
            self.undecided.executions,
            undecided,
        )
        left = [f"not exhausted: {found.why_not}"] if found.why_not and failure is None else []
        unchecked = tuple(f"{name}: {why}" for why in (*left, undecided) if why)
        tell(Ran(name, seen.executions, seen.executions, self.steps, failure=failure, unchecked=unchecked))
        return found

    def _failure(self, schedule: Schedule, *, shrink: bool) -> Failure:
        with installed(self.scenario, self.options):
            found = execute(self.scenario, Replay(schedule, strict=False), None, self.options)
            if found.failure is None:
                raise NondeterminismEscaped(
                    f"{schedule} failed once and not again: the scenario depends on something that outlives it (a global, a file, a cache) "
                    "or that the stage does not control (the real clock, a set's order, a real thread)"
                )
            return explained(self.scenario, found, self.options, shrink=shrink)


class Kept:
    """The file from which a search goes on.

    Raises:
        UsageError: the file is no such file, or belongs to another scenario or to other options.
    """

    def __init__(self, file: FilePath, search: Search) -> None:
        self._file = file
        self._search = search
        self._written = time.perf_counter()
        if not file.exists():
            if not file.parent.is_dir():
                raise UsageError(f"resume: there is no folder {file.parent}")
            return
        try:
            text = json.loads(file.read_text("utf-8"))
            of = text["of"]
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise UsageError(f"resume: {file} holds no search ({error}); name another file, or delete it to begin anew") from error
        if of != self._of():
            raise UsageError(f"resume: {file} belongs to another search ({of}, and this is {self._of()}); name another file")
        search.tree.load(text["tree"])
        search.seen = Progress(text["executions"], text["redundant"])
        search.steps, search.incomplete = text["steps"], text["incomplete"]
        search.failing = Schedule.parse(text["failing"]) if text["failing"] else None
        search.undecided.merge(*text.get("undecided", (0, ())))

    def _of(self) -> list[Any]:
        search = self._search
        labelled = "with commuting messages" if search._label is not None else ""
        name = f"{getattr(search.scenario, '__module__', '')}.{scenario_name(search.scenario)}"
        claims = [checker.claim for checker in search.options.checks.checkers]
        return [_FORMAT, name, [list(option) for option in search.options.not_default()], labelled, *([claims] if claims else [])]

    def write_now_and_then(self) -> None:
        """Write what is left, unless that was done a moment ago."""
        if time.perf_counter() - self._written > _SAVE_EVERY_S:
            self.write()

    def write(self) -> None:
        """Write what is left; the old file stays until the new one is whole."""
        search = self._search
        text = {
            "of": self._of(),
            "executions": search.seen.executions,
            "redundant": search.seen.redundant,
            "steps": search.steps,
            "incomplete": search.incomplete,
            "failing": str(search.failing) if search.failing is not None else "",
            "undecided": search.undecided.dump(),
            "tree": search.tree.dump(),
        }
        beside = self._file.with_name(self._file.name + ".new")
        beside.write_text(json.dumps(text), "utf-8")
        beside.replace(self._file)
        self._written = time.perf_counter()
