"""Runs ordinary pytest tests on a stage: ``pytest --on-stage``.

Set-up, call and teardown of one test, with all its fixtures, are one scenario on one stage: an actor that a fixture starts lives on it.
What fixtures of a wider scope leave behind for the next test belongs to a stage that is closed by then; using it is an error that
says so. Coroutine tests run as they are.
"""

from __future__ import annotations

import gc
import inspect
import shlex
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

import pytest
from _pytest.runner import runtestprotocol
from greenlet import GreenletExit, getcurrent

from greenroom import diagnosis, errors
from greenroom.deadlock import explain_deadlock
from greenroom.errors import LeftBehind, PromiseBroken
from greenroom.history import History
from greenroom.policies import policy_named
from greenroom.policies.replay import Replay
from greenroom.pytest_account import claim_of
from greenroom.render.lanes import lanes
from greenroom.schedule import Schedule
from greenroom.stage import Stage
from greenroom.told import Ran, tell

if TYPE_CHECKING:
    from greenroom.policy import Policy
    from greenroom.pytest_account import Accounts
    from greenroom.task import Task

    Phase = Literal["setup", "call", "teardown"]

PROMISES = sorted(name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, PromiseBroken))


def add_options(group: pytest.OptionGroup) -> None:
    """The options of the command line."""
    group.addoption("--on-stage", action="store_true", help="run each test with its fixtures on a stage of its own, one schedule each")
    group.addoption("--stage-policy", default="portfolio", help="who runs next, as in greenroom.explore (default: portfolio)")
    group.addoption("--stage-seed", type=int, default=0, help="another seed tries another schedule; 0 with portfolio is the default order")
    group.addoption("--stage-timers", choices=("lazy", "explored"), default="lazy", help="explored: a timeout may strike at any point")
    group.addoption("--stage-schedule", default=None, help="replay one test: the schedule that its failure printed")
    promise = "a promise that the tests mean to break, as often as wanted: " + ", ".join(PROMISES)
    group.addoption("--stage-ignore", action="append", choices=PROMISES, default=[], metavar="PROMISE", help=promise)


class StagedTests:
    """The plugin that ``--on-stage`` registers."""

    def __init__(self, config: pytest.Config, accounts: Accounts) -> None:
        self._accounts = accounts
        self._policy = config.getoption("--stage-policy")
        self._seed = config.getoption("--stage-seed")
        self._timers = config.getoption("--stage-timers")
        text = config.getoption("--stage-schedule")
        self._schedule = None if text is None else Schedule.parse(text)
        self._ignore = tuple(getattr(errors, name) for name in config.getoption("--stage-ignore"))
        given = [f"--stage-timers={self._timers}"] if self._timers != "lazy" else []
        given += [f"--stage-ignore={name}" for name in config.getoption("--stage-ignore")]
        self._not_default = "".join(f" {option}" for option in given)
        self._phase: Phase = "setup"
        self._is_over = False
        self._make_policy()

    def _make_policy(self) -> Policy:
        if self._schedule is not None:
            return Replay(self._schedule)
        policy = policy_named(self._policy, self._seed)
        policy.begin(abs(self._seed))
        return policy

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        self._phase = "setup"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        self._phase = "call"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        if self._is_over:  # the closed stage ends the test by force: its fixtures are torn down behind that
            raise GreenletExit
        self._phase = "teardown"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """One test on one stage; its reports are logged once the stage is closed."""
        if inspect.iscoroutinefunction(inspect.unwrap(getattr(item, "obj", None) or _nothing)):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._reports(item, nextitem):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _reports(self, item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        reports: list[pytest.TestReport] = []
        history = History()
        stage = Stage(self._make_policy(), history=history, timers=self._timers)
        collects = gc.isenabled()
        gc.disable()  # a finalizer in the middle of a test would make it another one than its replay
        try:
            with stage:
                main = stage.spawn("main", lambda: reports.extend(runtestprotocol(item, log=False, nextitem=nextitem)), kind="scenario")
                error = self._run(stage, main)
                stuck_in = "" if main.done else self._phase
                diagnosis.conclude(history, stage.tasks, error)
                self._is_over = not main.done
        finally:
            self._is_over = False
            if collects:
                gc.enable()
        if main.error is not None:  # pytest itself wants to end, or was interrupted
            raise main.error
        if stuck_in:
            assert error is not None
            reports = [report for report in reports if report.when != stuck_in and report.passed]
            reports += [_report(item, stuck_in, error), _torn_down(item, nextitem)]
        elif error is not None and all(not report.failed for report in reports):
            reports[-1] = _report(item, "teardown", error)
        schedule = Schedule(tuple(stage.scheduler.deviations))
        tell(Ran(item.nodeid, 1, 1, stage.scheduler.steps, tuple(history.endings), schedule))
        replay = f"replay: pytest {shlex.quote(item.nodeid)} --on-stage{self._not_default} --stage-schedule '{schedule}'"
        for report in reports:
            if report.failed:
                report.sections.append(("greenroom", f"{lanes(history)}\n\n{replay}"))
                self._accounts.failed(report, claim_of(report), replay)
        self._accounts.carry(reports[-1])
        return reports

    def _run(self, stage: Stage, main: Task) -> BaseException | None:
        """Run to rest; what broke that the test itself did not see, or None."""
        scheduler = stage.scheduler
        try:
            stage.run()
            while not main.done and scheduler.verdict is None:
                _throw(main, self._stuck(stage.tasks))
                stage.run()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - what the policy or the watchdog raised is this test's failure
            return error
        if scheduler.verdict == "steps":
            return diagnosis.judge_unfinished(stage.tasks, scheduler.max_steps, ignore=self._ignore)
        return diagnosis.judge(stage.tasks, ignore=self._ignore)

    def _stuck(self, tasks: list[Task]) -> BaseException:
        error = diagnosis.judge(tasks, ignore=(*self._ignore, LeftBehind))
        return error or explain_deadlock(diagnosis.stuck_tasks(tasks))


def _nothing() -> None:
    """Stands for an item that has no function."""


def _throw(task: Task, error: BaseException) -> None:
    """Raise ``error`` where ``task`` waits for what never comes: the test fails at that line, and its teardown runs on the stage."""
    scheduler, running = task.scheduler, task.greenlet
    assert running is not None
    for place in _lists_of(task.target):
        if task in place:
            place.remove(task)
    task.blocked = False
    scheduler.hub, scheduler.current = getcurrent(), task
    running.throw(error)
    scheduler.current = None


def _lists_of(target: Any) -> list[list[Any]]:
    """Where a task that waits for ``target`` may stand in line."""
    slots = (name for kind in type(target).__mro__ for name in getattr(kind, "__slots__", ()))
    values = [*vars(target).values()] if hasattr(target, "__dict__") else []
    values += [getattr(target, name, None) for name in slots]
    return [value for value in values if isinstance(value, list)]


def _report(item: pytest.Item, when: Phase, error: BaseException) -> pytest.TestReport:
    def outcome() -> None:
        raise error

    call = pytest.CallInfo.from_call(outcome, when=when)
    report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
    return report


def _torn_down(item: pytest.Item, nextitem: pytest.Item | None) -> pytest.TestReport:
    """The teardown of a test whose stage had to be closed; what it meets without a stage says nothing."""
    with suppress(Exception):
        item.ihook.pytest_runtest_teardown(item=item, nextitem=nextitem)
    call = pytest.CallInfo.from_call(_nothing, when="teardown")
    report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
    return report
