"""A failure: the error, the schedule that shows it, and the history as a picture."""

from __future__ import annotations

import inspect
import linecache
import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greenroom import pages
from greenroom.errors import ClaimBroken, PromiseBroken
from greenroom.render.lanes import lanes

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from greenroom.confirm import Confirmation
    from greenroom.history import History
    from greenroom.schedule import Schedule

_MOST_LINES: Final = 40
_LEAST_PICTURE: Final = 24
_BESIDE_OPERATIONS: Final = 12  # there the operations are the picture
_NOT_THE_PROGRAM: Final = frozenset({"greenroom", "pykka"})


@dataclass(frozen=True, slots=True)
class Failure:
    """What broke, and how to see it again. ``str(failure)`` is the lanes picture and the replay line.

    ``given`` are the options that the scenario was run with, and ``options`` those of them that a replay must be given as well.
    """

    error: BaseException
    schedule: Schedule
    history: History
    scenario: str
    function: Callable[[], Any] | None = field(default=None, compare=False, repr=False)
    options: tuple[tuple[str, str], ...] = ()
    given: Any = field(default=None, compare=False, repr=False)

    @property
    def headline(self) -> str:
        """The claim that broke, in one line."""
        return self.claim.splitlines()[0]

    @property
    def claim(self) -> str:
        """The claim that broke, in the words of the program, and the line that raised it where that is the program's own."""
        name, text = type(self.error).__name__, str(self.error).strip()
        place = raised_at(self.error)
        if place is None:
            return f"{name}: {text}" if text else name
        file_name, line = place
        source = linecache.getline(file_name, line).strip()
        return f"{name}: {text or source} ({Path(file_name).name}:{line})"

    def __str__(self) -> str:
        return self.told()

    def told(self, *, whole: bool = False) -> str:
        """The claim, the lanes picture, and the replay line: 40 lines for most failures.

        Args:
            whole: show all events, as many as there are, also those from which nothing leads to the failure.
        """
        claim = self.claim
        least = _BESIDE_OPERATIONS if isinstance(self.error, ClaimBroken) else _LEAST_PICTURE
        room = len(self.history) + _MOST_LINES if whole else max(least, _MOST_LINES - len(claim.splitlines()) - 3)
        return "\n".join([claim, "", lanes(self.history, most_lines=room, whole=whole), "", self.replay_line])

    def confirm(self, *, patience_s: float = 10.0) -> Confirmation:
        """Force the same order of operations on real threads, and say whether they fail as well.

        Args:
            patience_s: real seconds without any progress after which it is undecided.

        Raises:
            UsageError: it is no failure of a scenario.
            StageError: a stage is open.
        """
        from greenroom.confirm import confirmed_by  # noqa: PLC0415 - it needs what makes failures

        return confirmed_by(self, patience_s)

    @property
    def replay_line(self) -> str:
        """One line that replays it: a shell command where the scenario can be named, else a line of Python."""
        return replay_line(self.scenario, self.function, self.schedule, self.options)

    def html(self) -> str:
        """The execution as one HTML page that needs no network: a message-sequence chart to step through, to search and to filter."""
        return pages.page(self)

    def save_html(self, path: str | Path) -> Path:
        """Write ``html()`` to ``path``, whole or not at all, and return the path.

        Raises:
            UsageError: it cannot be written there.
        """
        return pages.write(path, self.html())


def replay_line(scenario: str, function: Callable[[], Any] | None, schedule: Schedule, options: tuple[tuple[str, str], ...]) -> str:
    """One line that replays a schedule of the scenario with that name: as ``Failure.replay_line``."""
    place = _place(function)
    if place is not None and ("--check", "") not in options:
        given = "".join(f" {name} {shlex.quote(value)}" for name, value in options)
        return f"replay: greenroom replay {shlex.quote(place)} '{schedule}'{given}"
    return f'replay: greenroom.replay({scenario.rsplit(".", 1)[-1]}, "{schedule}"{_as_python(options)})'


def _as_python(options: tuple[tuple[str, str], ...]) -> str:
    ignored = [f"greenroom.{value}" for name, value in options if name == "--ignore"]
    words = [f", max_steps={value}" for name, value in options if name == "--max-steps"]
    words += [f', timers="{value}"' for name, value in options if name == "--timers"]
    words += [f', granularity="{value}"' for name, value in options if name == "--granularity"]
    lines_of = [f'"{value}"' for name, value in options if name == "--lines-of"]
    words += [f", lines_of=[{', '.join(lines_of)}]"] if lines_of else []
    checks = [value.rpartition("::")[2] or "..." for name, value in options if name == "--check"]
    words += [f", checks=[{', '.join(checks)}]"] if checks else []
    return "".join(words) + (f", ignore=[{', '.join(ignored)}]" if ignored else "")


def _place(function: Callable[[], Any] | None) -> str | None:
    """``FILE.py::function`` for a function at the top of a module, or None."""
    name = getattr(function, "__qualname__", "<")
    path = None if function is None or "<" in name or "." in name else file_of(function)
    return None if path is None else f"{path}::{name}"


def file_of(function: Callable[[], Any]) -> str | None:
    """The file of a function, as it is seen from the working directory, or None."""
    try:
        path = inspect.getsourcefile(function)
    except TypeError:
        return None
    if path is None or not Path(path).is_file():
        return None
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def same_failure(one: Failure, other: Failure) -> bool:
    """Whether two failures are of one kind: the same class of error, raised by the same line, or by the same claim of a checker."""
    if isinstance(one.error, ClaimBroken) and isinstance(other.error, ClaimBroken):
        return one.error.judgement.claim == other.error.judgement.claim
    return type(one.error) is type(other.error) and raised_at(one.error) == raised_at(other.error)


def raised_at(error: BaseException) -> tuple[str, int] | None:
    """The file and the line of the program that raised ``error``, where that is known."""
    if isinstance(error, PromiseBroken) or error.__traceback__ is None:
        return None
    place = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if place is None or trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in _NOT_THE_PROGRAM:
            place = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return place


def add_picture(failure: Failure) -> None:
    """Attach the picture and the replay line to the error, where pytest and Python print them; once, however often it is raised."""
    note = "\n".join(["", lanes(failure.history), "", failure.replay_line])
    if note not in getattr(failure.error, "__notes__", ()):
        failure.error.add_note(note)
    failure.error.greenroom_failure = failure  # type: ignore[attr-defined]  # for the pytest plugin
