"""pytest, run inside this process: to learn which tests there are, and to replay what is kept of them."""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

from greenroom.errors import UsageError
from greenroom.failures import ReplayView
from greenroom.hypothesis_tests import hypothesis_test
from greenroom.keeping import Keeping

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from hypothesis.database import ExampleDatabase

_LAST_LINES = 30
_QUIET = ("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning")  # ours and Hypothesis's are, and it does not matter

# pytest-xdist would run the tests where the plugin is not; it may be absent, or switched off, and then knows no option that says so.
_ALONE: Final[dict[str, Any]] = {"numprocesses": 0, "dist": "no", "tx": []}


@dataclass(slots=True)
class Collected:
    """The Hypothesis tests that pytest finds: test ids by the keys of their entries, and the database of the profile in force."""

    tests: dict[bytes, str] = field(default_factory=dict)
    database: ExampleDatabase | None = None
    root: Path | None = None


def collect(tests: Sequence[str]) -> Collected:
    """What pytest collects for these arguments; for none, what it collects by itself.

    Raises:
        UsageError: a test file cannot be imported, or there is no such test.
    """
    found = Collected()

    class Collecting:
        def choose(self, config: pytest.Config, items: list[pytest.Item]) -> None:
            """Stands where ``Keeping`` would, and leaves nothing out."""

        def pytest_itemcollected(self, item: pytest.Item) -> None:
            test = hypothesis_test(item)
            if test is not None:
                found.tests.update((key, item.nodeid) for key in test.keys())  # noqa: SIM118 - a method of that name

        def pytest_collection_finish(self, session: pytest.Session) -> None:
            held = settings().database
            found.database = held.database if isinstance(held, ReplayView) else held
            found.root = session.config.rootpath

    code, told = _pytest(["--collect-only", "-q", *tests], Collecting())
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        last = "\n".join(told.strip().splitlines()[-_LAST_LINES:])
        raise UsageError(f"pytest cannot collect {' '.join(tests) or 'the tests'}:\n{last}")
    return found


def replay(tests: Iterable[str], database: ExampleDatabase, only: frozenset[bytes] | None = None) -> tuple[Keeping, str]:
    """Run what the database keeps of these tests: what became of each, and what pytest printed."""
    keeping = Keeping(replays=True, database=database, only=only)
    _, told = _pytest(["-q", *tests], keeping)
    return keeping, told


def open_database(where: str | None, collected: Collected) -> ExampleDatabase:
    """The database that the command line names, or else the one of the profile in force.

    Raises:
        UsageError: there is none.
    """
    if where is None:
        if collected.database is None:
            raise UsageError("the settings in force say database=None: name one, as in --database .hypothesis/examples")
        return collected.database
    if "://" not in where:
        from pathlib import Path  # noqa: PLC0415 - only here

        if not Path(where).is_dir():
            raise UsageError(f"there is no folder {where}; Hypothesis keeps its failures in .hypothesis/examples")
        return DirectoryBasedExampleDatabase(where)
    if not where.startswith(("redis://", "rediss://", "unix://")):
        raise UsageError(f"{where} is no database: give a folder, or redis://HOST:PORT/NUMBER")
    try:
        from hypothesis.extra.redis import RedisExampleDatabase  # noqa: PLC0415 - wants the redis package
        from redis import Redis  # noqa: PLC0415 - as above
    except ModuleNotFoundError:
        raise UsageError("a Redis database needs the redis package: pip install redis") from None
    server = Redis.from_url(where)
    try:
        server.ping()
    except Exception as error:
        raise UsageError(f"{where} does not answer: {error}") from error
    return RedisExampleDatabase(server)


def _pytest(arguments: Sequence[str], plugin: object) -> tuple[int, str]:
    """Pytest's exit code and what it printed."""
    loads_itself = not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    known = loads_itself and any(each.value == "greenroom.pytest_plugin" for each in metadata.entry_points(group="pytest11"))
    ours = [] if known else ["-p", "greenroom.pytest_plugin"]
    printed = io.StringIO()

    class Registering:
        @pytest.hookimpl(tryfirst=True)
        def pytest_cmdline_main(self, config: pytest.Config) -> None:
            for option, alone in _ALONE.items():
                if hasattr(config.option, option):
                    setattr(config.option, option, alone)

        def pytest_configure(self, config: pytest.Config) -> None:
            config.pluginmanager.register(plugin, "greenroom-keeping")

    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = pytest.main(["-p", "no:cacheprovider", "--disable-warnings", *_QUIET, *ours, *arguments], plugins=[Registering()])
    return int(code), printed.getvalue()
