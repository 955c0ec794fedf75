"""What greenroom has done in a run of pytest: counted for each test, carried by its reports, and told at the end.

Reports travel from the workers of pytest-xdist to the process that prints; so does what they carry.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from greenroom import told
from greenroom.errors import UsageError
from greenroom.marked_tests import replay_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from greenroom.failure import Failure
    from greenroom.told import Ran

FOLDER = ".greenroom"


@dataclass(slots=True)
class Account:
    """Counts, for a test or for all."""

    executions: int = 0
    distinct: int = 0
    steps: int = 0
    scenarios: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)

    def add(self, other: dict[str, Any]) -> None:
        """What another account has counted."""
        self.executions += other["executions"]
        self.distinct += other["distinct"]
        self.steps += other["steps"]
        self.scenarios += [name for name in other["scenarios"] if name not in self.scenarios]
        self.unchecked += [line for line in other["unchecked"] if line not in self.unchecked]
        self.failures += other["failures"]


class Accounts:
    """The plugin that counts, shows the pictures of failures, and tells of it in the end."""

    def __init__(self, config: pytest.Config) -> None:
        self._folder = config.rootpath / FOLDER
        self._in_section = config.getoption("showcapture", "all") == "all"
        self._test = Account()
        self._schedules: set[int] = set()
        self._found: Failure | None = None
        self._example: Failure | None = None
        self._all = Account()
        told.listeners.append(self.listen)

    def close(self) -> None:
        """Listen no longer."""
        told.listeners.remove(self.listen)

    def listen(self, ran: Ran) -> None:
        """Something has run."""
        test = self._test
        test.executions += ran.executions
        test.steps += ran.steps
        if ran.schedule is None:
            test.distinct += ran.distinct
            self._found = ran.failure or self._found
        else:
            self._schedules.add(hash((ran.scenario, ran.schedule)))
        if ran.scenario not in test.scenarios:
            test.scenarios.append(ran.scenario)
        test.unchecked += [line for line in ran.unchecked if line not in test.unchecked]

    # -- one test ---------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """A test begins."""
        self._test, self._schedules, self._found, self._example = Account(), set(), None, None

    def failures_of(self, call: pytest.CallInfo[Any]) -> list[Failure]:
        """The failures that the error of ``call`` is about; their pictures go from its notes into a section of the report, if shown."""
        failures = []
        for one in _members(None if call.excinfo is None else call.excinfo.value):
            self._example = getattr(one, "greenroom_example", self._example)
            failure: Failure | None = getattr(one, "greenroom_failure", None)
            if failure is None:
                continue
            failures.append(failure)
            notes: list[str] = getattr(one, "__notes__", [])
            if self._in_section:
                notes[:] = [note for note in notes if failure.replay_line not in note]
        return failures

    def report(self, report: pytest.TestReport, failures: list[Failure], item: pytest.Item, *, has_picture: bool) -> None:
        """Let ``report`` carry what was counted since the last one of this test, and show what failed.

        Args:
            report: of one phase of a test.
            failures: what its error is about.
            item: the test.
            has_picture: whether the pictures of ``failures`` are in the report already.
        """
        if report.failed:
            failures = failures or ([self._found] if self._found is not None else [])
            for failure in failures:
                self._show(report, failure, _replayed_by(item, failure), has_picture=has_picture)
            if not failures and self._test.executions:
                replay = _saved_example(item) if _is_kept(item) else ""
                page = "" if self._example is None else self._page(self._example, replay or f"replay: pytest {shlex.quote(item.nodeid)}")
                if page and self._in_section:  # Hypothesis shows the picture of a machine's example, beside its steps
                    report.sections.append(("greenroom", "\n".join(filter(None, (replay, page)))))
                self.failed(report, claim_of(report), replay, page)
        self.carry(report)

    def carry(self, report: pytest.TestReport) -> None:
        """Let ``report`` carry what was counted since the last one of this test."""
        account = self._test
        account.distinct += len(self._schedules)
        if account.executions or account.failures:
            vars(report)["greenroom"] = asdict(account)
        self.begin()

    def _show(self, report: pytest.TestReport, failure: Failure, replay: str, *, has_picture: bool) -> None:
        page = self._page(failure, replay)
        if self._in_section:
            picture = "" if has_picture else failure.told().partition("\n\n")[2].replace(failure.replay_line, replay)  # without the claim
            report.sections.append(("greenroom", "\n".join(filter(None, (picture, page)))))
        self.failed(report, failure.headline, replay, page)

    def failed(self, report: pytest.TestReport, claim: str, replay: str, page: str = "") -> None:
        """A test has failed."""
        self._test.failures.append({"test": report.nodeid, "claim": claim, "replay": replay, "page": page})

    def _page(self, failure: Failure, replay: str) -> str:
        from greenroom import pages  # noqa: PLC0415 - only what failed needs it

        try:
            path: Path = pages.save(failure, folder=self._folder, replay_line=replay)
        except UsageError as error:
            return f"page: {error}"
        return f"page: {os.path.relpath(path)}"

    # -- all of them -----------------------------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In the process that prints, from wherever the report comes."""
        carried = getattr(report, "greenroom", None)
        if carried is not None:
            self._all.add(carried)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The section of the summary, where greenroom was used."""
        if not self._all.executions and not self._all.failures:
            return
        terminalreporter.write_sep("=", "greenroom")
        for line in _summary(self._all):
            terminalreporter.write_line(line)


def claim_of(report: pytest.TestReport) -> str:
    """What failed, in one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(report.longrepr if crash is None else crash.message).partition("\n")[0]


def _replayed_by(item: pytest.Item, failure: Failure) -> str:
    """One line that runs it again; a scenario inside a test of Hypothesis needs what the test has drawn, too."""
    line = replay_line(item, failure.schedule) or failure.replay_line
    return _saved_example(item) if line.startswith("replay: greenroom.replay(") and _is_kept(item) else line


def _saved_example(item: pytest.Item) -> str:
    return f"replay: pytest {shlex.quote(item.nodeid)} --greenroom-replay"


def _is_kept(item: pytest.Item) -> bool:
    """Whether Hypothesis keeps the failures of this test."""
    if "hypothesis" not in sys.modules:
        return False
    from greenroom.hypothesis_tests import hypothesis_test  # noqa: PLC0415 - only where the program has loaded Hypothesis

    test = hypothesis_test(item)
    return test is not None and test.settings.database is not None


def _summary(account: Account) -> Iterator[str]:
    counts = f"{_many(account.executions, 'execution')} of {_many(len(account.scenarios), 'scenario')}"
    yield f"{counts}, {_many(account.distinct, 'distinct schedule')}, {_many(account.steps, 'step')}"
    for failure in account.failures:
        yield f"{failure['test']}: {failure['claim']}"
        for line in (failure["replay"], failure["page"]):
            if line:
                yield f"  {line}"
    for line in account.unchecked:
        yield f"unchecked: {line}"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _members(error: BaseException | None) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _members(one)
    elif error is not None:
        yield error
