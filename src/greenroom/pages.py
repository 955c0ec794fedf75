"""Executions as HTML pages: what a page tells of a failure, and the folder ``.greenroom`` where pages are kept."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from greenroom.errors import UsageError
from greenroom.render.intervals import call_text
from greenroom.render.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenroom.checker import Judgement
    from greenroom.execution import Execution
    from greenroom.failure import Failure

FOLDER: Final = ".greenroom"
_MOST_SOURCE: Final = 200_000  # characters: of a larger file only the scenario is shown
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST_NAME: Final = 80


class Source(NamedTuple):
    """A program's text: ``begins`` is the line of the file where ``text`` begins, ``function`` that of the scenario."""

    path: str = ""
    text: str = ""
    begins: int = 1
    function: int = 1

    def place(self, scenario: str) -> str:
        """``FILE.py::scenario``, or the scenario alone."""
        return f"{Path(self.path).name}::{scenario}" if self.path else scenario


def page(failure: Failure, *, program: str = "", replay_line: str = "") -> str:
    """The page of a failure.

    Args:
        failure: what is shown: its claim, its history, its replay line.
        program: source text to show with it; without one, the file of the scenario, with the line that failed.
        replay_line: how it is replayed; without one, as the failure says.
    """
    from greenroom.failure import raised_at  # noqa: PLC0415 - a failure makes its page, and a page asks its failure

    source = Source(text=program) if program else _source(failure.function)
    raised = raised_at(failure.error)
    line = raised[1] - source.begins + 1 if raised is not None and raised[0] == source.path else 0
    judgement: Judgement | None = getattr(failure.error, "judgement", None)
    return timeline(
        failure.history,
        claim=_claim(failure, judgement),
        scenario=source.place(failure.scenario),
        replay_line=replay_line or failure.replay_line,
        schedule=str(failure.schedule) if failure.function is not None or failure.schedule else "",
        program=source.text,
        program_name=Path(source.path).name,
        program_line=line,
        program_start=source.function - source.begins + 1,
        checked_claim=judgement.claim if judgement is not None else "",
        checked_reason=judgement.reason if judgement is not None else "",
        legal=judgement.prefix if judgement is not None else (),
        refused=judgement.refused if judgement is not None else (),
    )


def page_without_failure(execution: Execution, scenario: Callable[[], Any], *, options: tuple[tuple[str, str], ...] = ()) -> str:
    """The page of an execution that held.

    Args:
        execution: what ``replay`` returned.
        scenario: what was replayed.
        options: what it was replayed with, as on the command line.
    """
    from greenroom.failure import replay_line  # noqa: PLC0415 - as in page

    source = _source(scenario)
    called, schedule = str(getattr(scenario, "__qualname__", "")), execution.schedule
    return timeline(
        execution.history,
        claim=f"No failure under {schedule}",
        scenario=source.place(called),
        failed=False,
        replay_line=replay_line(called, scenario, schedule, options),
        schedule=str(schedule),
        program=source.text,
        program_name=Path(source.path).name,
        program_start=source.function - source.begins + 1,
    )


def save(failure: Failure, *, folder: str | Path = FOLDER, program: str = "", replay_line: str = "") -> Path:
    """Write the page of ``failure`` into ``folder``, which git ignores, and return its path.

    The name tells the scenario and the error, and what stands for the schedule: the same failure has the same name each time.

    Raises:
        UsageError: it cannot be written there.
    """
    told = f"{replay_line or failure.replay_line}\n{type(failure.error).__name__}\n{program}"
    digest = hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    scenario = failure.scenario.rsplit("<locals>.", 1)[-1]
    name = _NOT_IN_A_NAME.sub("-", f"{_module(failure.function)}{scenario}-{type(failure.error).__name__}").strip("-.")[:_LONGEST_NAME]
    folder = Path(folder)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        write(ignore, "*\n")
    return write(folder / f"{name}-{digest}.html", page(failure, program=program, replay_line=replay_line))


def write(path: str | Path, text: str) -> Path:
    """Write ``text`` as UTF-8, whole or not at all; folders that are missing are made.

    Raises:
        UsageError: it cannot be written there.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(text.encode())
            Path(draft).chmod(0o644)
            Path(draft).replace(path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}; name a file in a folder that you may write to") from error
    return path


def _source(function: Callable[[], Any] | None) -> Source:
    """The file of ``function``; of a large one only the function; nothing where there is none."""
    try:
        lines, first = inspect.findsource(function)  # type: ignore[arg-type]  # None has no source, and says so
        path, text = inspect.getsourcefile(function) or "", "".join(lines)  # type: ignore[arg-type]  # as above
    except (OSError, TypeError):
        return Source()
    if len(text) <= _MOST_SOURCE:
        return Source(path, text, 1, first + 1)
    return Source(path, "".join(inspect.getblock(lines[first:])), first + 1, first + 1)


def _claim(failure: Failure, judgement: Judgement | None) -> str:
    """The claim that broke; where it is drawn as operations, that drawing in characters is not needed as well."""
    if judgement is None or not judgement.refused:
        return failure.claim
    reasons = [f"{operation.client} #{operation.serial} {call_text(operation)}: {why}" for operation, why in judgement.refused]
    return "\n".join([failure.headline, *reasons])


def _module(function: Callable[[], Any] | None) -> str:
    name = str(getattr(function, "__module__", None) or "")
    return f"{name.rsplit('.', 1)[-1].removesuffix(' (a scenario)')}-" if name else ""
