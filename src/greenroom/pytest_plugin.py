"""The pytest side of greenroom: where actors run, tests that are explored, what is told of them, and a replay that must not be empty."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from greenroom import marked_tests, observed, staged_tests, told
from greenroom.errors import UsageError
from greenroom.pytest_account import FOLDER, Accounts

if TYPE_CHECKING:
    from collections.abc import Generator

_VARIABLE = "GREENROOM_ACTORS"
_KEEPING = "greenroom-keeping"


def pytest_addoption(parser: pytest.Parser) -> None:
    """One group of options."""
    group = parser.getgroup("greenroom", "greenroom: model checking of actors")
    group.addoption(
        "--actors",
        choices=("stage", "threads"),
        default=None,
        help="where an ActorMachine's actors run: on a controlled schedule in virtual time (stage, the default), or on Pykka's own threads",
    )
    replay = (
        "run the saved failures of Hypothesis tests and nothing else, and change nothing in the database; no failure to run is a failure"
    )
    group.addoption("--greenroom-replay", action="store_true", help=replay)
    observability = "write every observation of Hypothesis, with the schedules that ran, into .greenroom/observed"
    group.addoption("--greenroom-observability", action="store_true", help=observability)
    marked_tests.add_options(group)
    staged_tests.add_options(group)


def pytest_configure(config: pytest.Config) -> None:
    """Hand the choice on to the machines; on threads, Hypothesis's profile ``threads`` is used if there is one."""
    marked_tests.configure(config)
    config.stash[_accounts] = accounts = Accounts(config)
    config.pluginmanager.register(accounts)
    told.listeners.append(observed.say)
    if config.getoption("--greenroom-observability"):
        process = getattr(config, "workerinput", {"workerid": "main"})["workerid"]  # the environment may be an outer run's
        try:
            config.stash[_observations] = observed.Observations(config.rootpath / FOLDER / "observed", process)
        except ModuleNotFoundError as error:
            raise pytest.UsageError("greenroom: --greenroom-observability needs Hypothesis: pip install 'greenroom[hypothesis]'") from error
    if config.getoption("--on-stage"):
        try:
            config.pluginmanager.register(staged_tests.StagedTests(config, accounts))
        except UsageError as error:
            raise pytest.UsageError(f"greenroom: {error}") from error
    actors = config.getoption("--actors")
    if actors is None:
        return
    config.stash[_before] = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = actors
    if actors == "threads" and not config.getoption("--hypothesis-profile", None):
        _load_profile("threads")


def pytest_sessionstart(session: pytest.Session) -> None:
    """On the process that reports for pytest-xdist, this is the last moment; it collects nothing."""
    _keep_failures(session.config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where failures are replayed, the tests that have none are left out."""
    _keep_failures(config)
    keeping: Any = config.pluginmanager.get_plugin(_KEEPING)
    if keeping is not None:
        keeping.choose(config, items)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave everything as it was."""
    if _accounts in config.stash:
        config.stash[_accounts].close()
        told.listeners.remove(observed.say)
    if _observations in config.stash:
        config.stash[_observations].close()
    if _before in config.stash:
        before = config.stash[_before]
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What is counted from here on belongs to this test."""
    item.config.stash[_accounts].begin()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The picture of a failure is a section of the report; and every report carries what its test has run."""
    accounts = item.config.stash[_accounts]
    failures = accounts.failures_of(call)
    report = yield
    late = [] if failures else accounts.failures_of(call)  # for tests of unittest, pytest knows the error only now
    accounts.report(report, failures or late, item, has_picture=bool(late))
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test with the marker ``greenroom`` is explored as a scenario."""
    return marked_tests.call(pyfuncitem)


_accounts = pytest.StashKey[Accounts]()
_before = pytest.StashKey[str | None]()
_observations = pytest.StashKey[observed.Observations]()


def _load_profile(name: str) -> None:
    try:
        from hypothesis import settings  # noqa: PLC0415 - the plugin is loaded where Hypothesis may be missing
        from hypothesis.errors import InvalidArgument  # noqa: PLC0415
    except ModuleNotFoundError:
        return
    try:
        settings.load_profile(name)
    except InvalidArgument:
        return


def _keep_failures(config: pytest.Config) -> None:
    """Register what keeps failures, unless nothing has loaded Hypothesis: a run without property-based tests need not."""
    replays = config.getoption("--greenroom-replay")
    if config.pluginmanager.has_plugin(_KEEPING) or not (replays or "hypothesis" in sys.modules):
        return
    try:
        from greenroom.keeping import Keeping  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        raise pytest.UsageError("--greenroom-replay needs Hypothesis: pip install 'greenroom[hypothesis]'") from None
    config.pluginmanager.register(Keeping(replays=replays), _KEEPING)
