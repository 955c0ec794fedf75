"""The pytest side of greenroom: where actors run, and a replay that must not be empty."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from greenroom import staged_tests
from greenroom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Generator

_VARIABLE = "GREENROOM_ACTORS"


def pytest_addoption(parser: pytest.Parser) -> None:
    """One group of options."""
    group = parser.getgroup("greenroom", "greenroom: model checking of actors")
    group.addoption(
        "--actors",
        choices=("stage", "threads"),
        default=None,
        help="where an ActorMachine's actors run: on a controlled schedule in virtual time (stage, the default), or on Pykka's own threads",
    )
    staged_tests.add_options(group)


def pytest_configure(config: pytest.Config) -> None:
    """Hand the choice on to the machines; on threads, Hypothesis's profile ``threads`` is used if there is one."""
    if config.getoption("--on-stage"):
        try:
            config.pluginmanager.register(staged_tests.StagedTests(config))
        except UsageError as error:
            raise pytest.UsageError(f"greenroom: {error}") from error
    actors = config.getoption("--actors")
    if actors is None:
        return
    config.stash[_before] = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = actors
    if actors == "threads" and not config.getoption("--hypothesis-profile", None):
        _load_profile("threads")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the environment as it was."""
    if _before in config.stash:
        before = config.stash[_before]
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """A replay of nothing is a failure: it would look like a success."""
    result = yield
    view = _replay_view()
    if view is not None and not view.replayed and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line("")
            reporter.write_line(f"greenroom: nothing was replayed: {view!r} holds no failure of these tests", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return result


_before = pytest.StashKey[str | None]()


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


def _replay_view() -> Any:
    try:
        from hypothesis import settings  # noqa: PLC0415 - as above

        from greenroom.failures import ReplayView  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    database = settings().database
    return database if isinstance(database, ReplayView) else None
