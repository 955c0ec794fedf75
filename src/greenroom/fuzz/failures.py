"""Failures as a long run knows them: one for each test, class of error, and line that raised it."""

from __future__ import annotations

import linecache
import os
import re
import shlex
import sys
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from greenroom.errors import PromiseBroken

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

_MACHINERY: Final = frozenset({"greenroom", "pykka", "hypothesis", "pytest", "_pytest", "pluggy", "greenlet"}) | sys.stdlib_module_names
_MOST_MESSAGE: Final = 2_000
_BLOB: Final = re.compile(
    r"\n*You can reproduce this (?:example|test case) by temporarily adding @reproduce_failure\('[^']+', b'([^']+)'\).*"
)


@dataclass(slots=True)
class FoundFailure:
    """One failure of one test.

    ``text`` is what a person reads: the shortest program, the picture. ``shrunk`` is False from when the failure was seen until it has
    been reduced and shown. ``found_s`` counts seconds of the whole run, earlier sessions included. ``times`` counts the examples that
    came to it again. ``still`` is False where the example that was saved for it no longer fails.
    """

    id: str
    test: str
    error: str
    message: str
    place: str
    text: str = ""
    replay: str = ""
    blob: str = ""
    seed: int = 0
    found_s: float = 0.0
    session: int = 1
    shrunk: bool = False
    still: bool = True
    times: int = 0

    @property
    def headline(self) -> str:
        """The claim that broke, in one line."""
        first = (self.message.strip().splitlines() or [""])[0]
        claim = f"{self.error}: {first}" if first else self.error
        return claim + (f" ({self.place})" if self.place else "")

    def to_json(self) -> dict[str, Any]:
        """For a file or a pipe."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """As it was when it was written; what a later version has added is left out."""
        return cls(**{name: value[name] for name in cls.__dataclass_fields__ if name in value})


def identified(test: str, error: BaseException) -> FoundFailure:
    """The failure that ``error`` is, with as much as is known of it before it is shrunk."""
    file_name, line, shown = _raised_at(error)
    message = str(error)[:_MOST_MESSAGE]
    if not message.strip() and file_name:
        message = linecache.getline(file_name, line).strip()
    name = type(error).__name__
    key = "\n".join((test, name, f"{Path(file_name).name}:{line}" if file_name else ""))
    return FoundFailure(blake2b(key.encode("utf-8", "backslashreplace"), digest_size=6).hexdigest(), test, name, message, shown)


def replay_line(test: str, profile: str | None) -> str:
    """The command that runs a test of pytest again, what is saved for it first; with the profile, for its steps may be longer there."""
    return f"pytest {shlex.quote(test)}" + (f" --hypothesis-profile {profile}" if profile else "")


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The failures of an exception: Hypothesis raises several at once as a group."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def told(error: BaseException, whole: BaseException) -> tuple[str, str]:
    """What the notes of a shrunk failure say (the program, the picture), and the blob that replays it, or ""."""
    text = "\n".join(getattr(error, "__notes__", ()))
    shared = "" if whole is error else "\n".join(getattr(whole, "__notes__", ()))
    blob = _BLOB.search(text) or _BLOB.search(shared)
    return _BLOB.sub("", text).strip("\n"), blob[1] if blob else ""


def _raised_at(error: BaseException) -> tuple[str, int, str]:
    """File, line, and both as they are shown; nothing for a promise, which the program breaks without raising anything itself."""
    if isinstance(error, PromiseBroken) or error.__traceback__ is None:
        return "", 0, ""
    place: tuple[str, int] | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in _MACHINERY:
            place = code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    if place is None:
        return "", 0, ""
    relative = os.path.relpath(place[0]) if Path(place[0]).is_absolute() else place[0]
    return *place, f"{place[0] if relative.startswith('..') else relative}:{place[1]}"
