"""The pytest plugin that keeps what is known of failures, and replays them: ``pytest --greenroom-replay``."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from greenroom.errors import UsageError
from greenroom.failures import Kept, Replayed, ReplayView, replay_settings, write_index
from greenroom.hypothesis_tests import GivenTest, MachineTest, Watched, hypothesis_test, key_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from hypothesis.database import ExampleDatabase

_REPLAYED = "greenroom_replayed"
_Run = tuple[GivenTest | MachineTest, Watched, "ReplayView | None"]
_run = pytest.StashKey[_Run]()


class Keeping:
    """Watches the tests of Hypothesis.

    Attributes:
        replayed: what became of replayed entries, by test id; with pytest-xdist, on the process that reports.
        seen: what is known of the failures of this run, by test id; not with pytest-xdist.
        results: what became of each replayed entry, by key and value; not with pytest-xdist.
    """

    def __init__(self, *, replays: bool, database: ExampleDatabase | None = None, only: frozenset[bytes] | None = None) -> None:
        self._replays = replays
        self._database = database
        self._only = only
        self.replayed: dict[str, Replayed] = {}
        self.seen: dict[str, Kept] = {}
        self.results: dict[tuple[bytes, bytes], str] = {}

    def choose(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Replaying runs the tests of which a failure is kept, and no others."""
        if not self._replays:
            return
        chosen = [item for item in items if self._has_failures(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen

    def _has_failures(self, item: pytest.Item) -> bool:
        test = hypothesis_test(item)
        if test is None:
            return False
        database = self._database or test.settings.database
        key = None if database is None else key_of(test, database)
        return database is not None and key is not None and any(ReplayView(database, only=self._only).fetch(key))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Watch the examples, and run the saved ones alone where failures are replayed."""
        test = hypothesis_test(item)
        if test is None:
            return (yield)
        watched = Watched()
        with ExitStack() as stack:
            view = test.settings.database
            looked_at = self._database or view
            if self._replays and looked_at is not None:
                view = ReplayView(looked_at, only=self._only)
                stack.enter_context(test.under(replay_settings(test.settings, database=view)))
            if isinstance(view, ReplayView):
                view.take()
                watched.ended = lambda ending: setattr(view, "ending", ending)
            stack.enter_context(test.watched(watched))
            item.stash[_run] = test, watched, view if isinstance(view, ReplayView) else None
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        """Keep what is known of a failure, and hand on what was replayed."""
        report: pytest.TestReport = yield
        if call.when != "call" or _run not in item.stash:
            return report
        view = item.stash[_run][2]
        if view is not None:
            results = view.take()
            self.results.update(results)
            setattr(report, _REPLAYED, asdict(Replayed.of(results.values())))  # as plain values, for pytest-xdist sends them on
        if report.failed and call.excinfo is not None:
            self._keep(item, item.stash[_run], call.excinfo.value)
        return report

    def _keep(self, item: pytest.Item, run: _Run, error: BaseException) -> None:
        test, watched, view = run
        database = test.settings.database if view is None else view.database
        key = None if database is None else key_of(test, database)
        if database is None or key is None:  # it failed by something else than an example
            return
        headline, code, why_not = _headline(error), "", ""
        try:
            code = test.as_code(watched, headline, error)
        except UsageError as refusal:
            why_not = str(refusal)
        seen = datetime.now(UTC).isoformat(timespec="seconds")
        kept = Kept(key.hex(), item.nodeid, seen, headline, _picture(error), code, why_not)
        self.seen[item.nodeid] = kept
        if view is None:
            write_index(database, kept)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what was replayed, also by the workers of pytest-xdist."""
        counts = getattr(report, _REPLAYED, None)
        if counts is not None:
            self.replayed[report.nodeid] = Replayed(**counts)

    @property
    def total(self) -> Replayed:
        """All tests together."""
        each = self.replayed.values()
        return Replayed(sum(one.fails for one in each), sum(one.passes for one in each), sum(one.invalid for one in each))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What was replayed, in one line."""
        if self.total.entries:
            terminalreporter.write_line(f"greenroom: {self.told()}", red=bool(self.total.fails), green=not self.total.fails)

    def told(self) -> str:
        """Replayed 3 saved examples of 2 tests: 2 still fail, 1 passes now."""
        total, tests = self.total, sum(1 for each in self.replayed.values() if each.entries)
        return f"replayed {_counted(total.entries, 'saved example')} of {_counted(tests, 'test')}: {total}"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """A replay of nothing is a failure: it would look like a success."""
        result = yield
        database = settings().database
        replays = self._replays or isinstance(database, ReplayView)
        ended_well = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if replays and ended_well and not self.total.entries and not hasattr(session.config, "workerinput"):
            reporter = session.config.pluginmanager.get_plugin("terminalreporter")
            if reporter is not None:
                held = self._database or database
                reporter.write_line("")
                reporter.write_line(f"greenroom: nothing was replayed: {held!r} holds no failure of these tests", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return result


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _headline(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(_headline(each) for each in error.exceptions))
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _picture(error: BaseException) -> str:
    """What the error's notes show: the steps, and the lanes."""
    if isinstance(error, BaseExceptionGroup):
        return "\n\n".join(_picture(each) for each in error.exceptions)
    return "\n".join(getattr(error, "__notes__", ()))
