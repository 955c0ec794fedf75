"""The lines that the service logs of its exchanges, as an operator's log would have them."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, Final

from dspy_meme_gen.logs import JsonLines
from model.http import ROUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model.service import Exchange

FIELDS: Final = frozenset({"time", "level", "logger", "message", "correlation", "method", "route", "status", "seconds"})
_LOGGER: Final = logging.getLogger("memespy.http")


class AccessLog(logging.Handler):
    """Reads along, from its making until `close`; the log goes nowhere else meanwhile."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(JsonLines())
        self.lines: list[str] = []
        self._before = (_LOGGER.level, _LOGGER.propagate)
        _LOGGER.setLevel(logging.INFO)
        _LOGGER.propagate = False
        _LOGGER.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line."""
        self.lines.append(self.format(record))

    def close(self) -> None:
        """Leave the logger as it was."""
        _LOGGER.removeHandler(self)
        _LOGGER.level, _LOGGER.propagate = self._before
        _LOGGER.setLevel(self._before[0])
        super().close()

    def check(self, exchanges: Mapping[str, Exchange]) -> None:
        """Each exchange has one line, and no line holds anything that somebody outside wrote. AssertionError otherwise."""
        told: dict[str, list[dict[str, Any]]] = {}
        for text in self.lines:
            assert text.isascii(), f"not escaped: {text!r}"
            line = json.loads(text)
            if line["message"] == "the client went away":
                continue
            assert set(line) <= FIELDS, f"says more than it should: {text}"
            route, method = line["route"], line["method"]
            assert route == "unknown" or any(_shape(route) == _shape(template) for template in ROUTES), f"no route: {text}"
            assert line["message"] == f"{method} {route} {line['status']}", f"says something else than its fields: {text}"
            told.setdefault(line["correlation"], []).append(line)
        for name, exchange in exchanges.items():
            if exchange.sent.header("x-request-id") is None:
                lines = told.get(name, [])
                assert len(lines) == 1, f"{len(lines)} lines of {name}, expected one"
                assert lines[0]["method"] == exchange.sent.method, f"{lines[0]} for {exchange.sent.method}"


def _shape(path: str) -> str:
    """A route whatever its parameters are called."""
    return "/".join("{id}" if part.startswith("{") else part for part in path.split("/"))
