"""Text measured in columns of a terminal: wide characters take two, combining ones none, and nothing breaks a line."""

from __future__ import annotations

import unicodedata


def columns(text: str) -> int:
    """How many columns ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(character) for character in text)


def fit(text: str, width: int) -> str:
    """``text``, cut to ``width`` columns; the cut shows."""
    if columns(text) <= width:
        return text
    kept, left = "", width - 1
    for character in text:
        left -= _columns_of(character)
        if left < 0:
            break
        kept += character
    return f"{kept}…" if width > 0 else ""


def fit_name(name: str, width: int) -> str:
    """A task's name, cut in its middle: the number at its end tells it from its like."""
    if columns(name) <= width or width < 6:
        return fit(name, width)
    head, dash, number = name.rpartition("-")
    tail = dash + number
    return fit(head, width - columns(tail)) + tail if head and columns(tail) < width - 1 else fit(name, width)


def pad(text: str, width: int) -> str:
    """``text`` and spaces up to ``width`` columns."""
    return text + " " * (width - columns(text))


def wrap(text: str, width: int, most_lines: int) -> list[str]:
    """``text`` on at most ``most_lines`` lines, broken between words; a word or a rest that does not fit is cut, and that shows."""
    lines: list[str] = []
    rest = text.split()
    while rest and len(lines) < most_lines - 1:
        line = rest.pop(0)
        while rest and columns(line) + 1 + columns(rest[0]) <= width:
            line += f" {rest.pop(0)}"
        lines.append(fit(line, width))
    return lines + ([fit(" ".join(rest), width)] if rest else [])


def printable(text: str) -> str:
    """``text`` on one line, without anything that moves a cursor or changes a colour."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else " " if character.isspace() else "�" for character in text)


def _columns_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
