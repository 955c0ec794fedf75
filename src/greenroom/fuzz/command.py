"""``greenroom fuzz``: its options, where a run keeps its files, and how it ends.

Exit codes: 0 no failure, 1 a failure was found (or one of an earlier session still fails), 2 the command made no sense, 130 interrupted.
"""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greenroom.errors import UsageError
from greenroom.fuzz.coordinator import Coordinator, Limits
from greenroom.fuzz.dashboard import Dashboard
from greenroom.fuzz.page import page
from greenroom.fuzz.state import State, replace_file
from greenroom.fuzz.summary import as_json, as_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from types import FrameType

FOLDER: Final = Path(".greenroom") / "fuzz"
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class _Files:
    """Where a run keeps what it knows."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    @property
    def json(self) -> Path:
        return self.folder / "summary.json"

    @property
    def html(self) -> Path:
        return self.folder / "summary.html"


def add_options(parser: argparse.ArgumentParser, positive: Callable[[str], int], positive_number: Callable[[str], float]) -> None:
    """The options of ``greenroom fuzz``."""
    tests = "files, folders and node ids of pytest, and scenarios FILE.py::SCENARIO (default: what pytest collects)"
    parser.add_argument("tests", nargs="*", metavar="TEST", help=tests)
    parser.add_argument("--minutes", type=positive_number, default=None, help="how long (default: until Ctrl-C)")
    parser.add_argument("--examples", type=positive, default=None, help="stop after about so many examples as well")
    parser.add_argument("--workers", type=positive, default=None, help="processes (default: one for each CPU)")
    parser.add_argument("--memory-mb", type=positive, default=600, help="the most that a worker may have resident (default: 600)")
    database = "a folder or redis://HOST:PORT/NUMBER that keeps the failing examples too, beside the tests' own database"
    parser.add_argument("--database", metavar="PLACE", default=None, help=database)
    parser.add_argument("--profile", metavar="NAME", default=None, help="the profile of Hypothesis")
    parser.add_argument("--seed", type=int, default=None, help="begin with this seed (default: another one for each run)")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run of these tests has counted and found")
    parser.add_argument("--output", metavar="FOLDER", default=None, help=f"where the run keeps its files (default: in {FOLDER})")
    parser.set_defaults(run=run)


def run(options: Any, _: object = None) -> int:
    """Run the command; the exit code is returned."""
    _demand_packages()
    files = _Files(Path(options.output) if options.output else FOLDER / name_of(options.tests))
    files.folder.mkdir(parents=True, exist_ok=True)
    with _alone(files.folder):
        state = _state(options, files)
        _clear_temporary(files.folder)
        limits = Limits(options.minutes, options.examples, options.workers or os.cpu_count() or 1, options.memory_mb)
        first = {
            "tests": [place if "::" in place else place.rstrip("/") for place in options.tests],
            "database": options.database,
            "profile": options.profile,
        }
        live = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        dashboard = Dashboard(sys.stdout, live=live)
        shared = options.database is not None and "://" in options.database
        run: Coordinator

        def summarise() -> None:
            replace_file(files.json, as_json(run.state, run.limits, run.left_out, ended=run.stopping))
            replace_file(files.html, page(run.state, run.limits, run.left_out, ended=run.stopping))

        run = Coordinator(state, files.folder, first, limits, dashboard, summarise=summarise, shared=shared)
        _greet(state, limits, dashboard)
        with _interrupting(run):
            ended = run.run()
        summarise()
        dashboard.say(as_text(run, files.html))
    if ended == "interrupted":
        return 130
    still = any(failure.still for failure in state.failures.values())
    return 1 if run.found_now or still or run.broken else 0


def name_of(tests: list[str]) -> str:
    """The folder of a run: the same tests go on where they were."""
    words = _NOT_IN_NAMES.sub("-", " ".join(tests)).strip("-")[-40:].strip("-") or "all"
    return f"{words}-{blake2b(repr(tests).encode(), digest_size=3).hexdigest()}"


def _state(options: Any, files: _Files) -> State:
    known = None if options.fresh else State.load(files.state)
    if known is None:
        seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(8), "big")
        return State(list(options.tests), seed, started=datetime.now(UTC).isoformat(timespec="seconds"))
    if options.seed is not None:
        known.seed = options.seed
    known.session += 1
    return known


def _greet(state: State, limits: Limits, dashboard: Dashboard) -> None:
    workers = f"{limits.workers} worker{'s' if limits.workers != 1 else ''}"
    time = f"{limits.minutes:g} minutes" if limits.minutes is not None else "until Ctrl-C"
    dashboard.say(f"greenroom fuzz: {workers} of at most {limits.memory_mb:g} MB, {time}, seed {state.seed}")
    if state.session > 1:
        known = f"{len(state.failures)} failure{'s' if len(state.failures) != 1 else ''} known"
        dashboard.say(f"going on from session {state.session - 1}: {state.examples:,} examples, {known} (--fresh to begin anew)")
        for failure in state.failures.values():
            dashboard.say(f"  known: {failure.test}: {failure.headline}" if failure.shrunk else f"  not yet shrunk: {failure.headline}")


def _demand_packages() -> None:
    missing = [name for name in ("pytest", "hypothesis") if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"greenroom fuzz needs {' and '.join(missing)}: pip install {' '.join(missing)}")


def _clear_temporary(folder: Path) -> None:
    """What a killed process was writing when it was killed."""
    for path in (*folder.glob("tmp*"), *folder.glob(".*.json.*"), *folder.glob(".*.html.*")):
        path.unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One run at a time keeps its files in a folder; the system forgets the lock of a process that was killed."""
    try:
        import fcntl  # noqa: PLC0415 - there is none on Windows
    except ModuleNotFoundError as error:
        raise UsageError("greenroom fuzz runs on Linux, macOS and other Unix systems only") from error
    with (folder / "lock").open("w", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"another run keeps its files in {folder}; wait for it, or give --output FOLDER") from error
        yield


@contextmanager
def _interrupting(run: Coordinator) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a terminal that is closed end the run as it should end."""

    def interrupted(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        run.interrupt()

    before = {number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
