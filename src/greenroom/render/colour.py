"""Colours for a picture on a terminal; a log stays plain."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import TextIO

_BOLD: Final = "1"
_DIM: Final = "2"
_BROKEN: Final = "31"
_SIGNS: Final = {"▶": "1;33", "✓": "32", "●": "36", "→": "34", "↩": "35", "↻": "33", "·": _DIM}
_SIGN: Final = re.compile(f"[{''.join(_SIGNS)}]|✗(?: [^ ]+)*")
_CLAIM: Final = re.compile(r"^\w+(?:Error|Exception)?: |^(?:\w+\.)*\w+$")


def wants_colour(stream: TextIO) -> bool:
    """Whether colours are welcome there: on a terminal, unless ``NO_COLOR`` is set; anywhere where ``FORCE_COLOR`` is set."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def coloured(text: str) -> str:
    """A failure's text with colours: what broke in red, deviations in yellow, the lanes' names in bold, empty lanes dim."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if _is_rule(line):
            lines[number] = _in(_DIM, line)
            lines[number - 1] = _in(_BOLD, lines[number - 1])
        elif line.startswith("replay: "):
            lines[number] = f"{_in(_DIM, 'replay:')} {_in(_BOLD, line.removeprefix('replay: '))}"
        elif line.lstrip().startswith("…"):
            lines[number] = _in(_DIM, line)
        elif _CLAIM.match(line) and "executions per CPU second" not in line:
            lines[number] = _in(f"{_BOLD};{_BROKEN}", line)
        else:
            lines[number] = _SIGN.sub(lambda found: _in(_SIGNS.get(found[0], _BROKEN), found[0]), line)
    return "\n".join(lines)


def _is_rule(line: str) -> bool:
    return "─" in line and not line.replace("─", "").strip()


def _in(codes: str, text: str) -> str:
    return f"\033[{codes}m{text}\033[0m" if text else text
