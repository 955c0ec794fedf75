"""Pykka and asyncio log what fails unseen: in thousands of executions nobody wants to read that, but a program may look at its log.

Inside a task what they log goes to the handlers of the program alone: to those of a class of its own, and to those that were attached
since the stage opened. The terminal, and what a test runner attached before, get nothing: the failure is in the history.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

from greenroom.shims.sites import is_program
from greenroom.task import current_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_LOGGERS: Final = ("pykka", "asyncio")


class Quiet:
    """In place while a stage is open, as a filter of their loggers; ``inside`` says whether it is a task that logs."""

    def __init__(self, inside: Callable[[], bool] = lambda: current_task() is not None) -> None:
        self._inside = inside
        self._before: list[logging.Handler] = []

    def begin(self) -> None:
        """Start to filter."""
        for logger in map(logging.getLogger, _LOGGERS):
            self._before += _handlers(logger)
            logger.addFilter(self.wants)

    def end(self) -> None:
        """Leave the loggers as they were."""
        for logger in map(logging.getLogger, _LOGGERS):
            logger.removeFilter(self.wants)
        self._before = []

    def wants(self, record: logging.LogRecord) -> bool:
        """Whether the record goes its ordinary way; inside a task it is given to the program's handlers here."""
        if not self._inside():
            return True
        for handler in list(_handlers(logging.getLogger(record.name))):
            is_new = not any(handler is known for known in self._before)
            if record.levelno >= handler.level and (is_new or is_program(sys.modules.get(type(handler).__module__))):
                handler.handle(record)
        return False


def _handlers(logger: logging.Logger) -> Iterator[logging.Handler]:
    """Those that a record of ``logger`` would come to."""
    while True:
        yield from logger.handlers
        if not logger.propagate or logger.parent is None:
            return
        logger = logger.parent


quiet: Final = Quiet()
