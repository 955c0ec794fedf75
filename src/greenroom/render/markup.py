"""Text of a program made safe for a page: what is shown is what was there, and none of it is ever markup or script."""

from __future__ import annotations

import html
import json
import re
from typing import Any

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def visible(text: str) -> str:
    """``text`` with what cannot be seen (controls, overrides of direction, lone surrogates) as escapes."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() or character in "\n\t" else _escape(character) for character in text)


def shown(text: str) -> str:
    """``text``, all of it visible, as HTML text or as a quoted attribute."""
    return html.escape(visible(text))


def as_json(value: Any) -> str:
    """``value`` as JSON that may stand inside of a ``script`` element: all of it ASCII, without ``<``, ``>`` and ``&``."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def filled(template: str, **parts: str) -> str:
    """``template`` with each ``{{name}}`` replaced by that part, in one pass: what is put in is not looked at again."""
    return _PLACE.sub(lambda found: parts[found[1]], template)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
