"""What the environment variables of the test suite say; docs/testing.md lists them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def failure_rate() -> float:
    """CHAOS_FAILURE_RATE: the share of calls that chaos spoils, 0.3 where it is not set."""
    return _number("CHAOS_FAILURE_RATE", 0.3, "a share, 0 to 1", lambda value: 0 <= value <= 1)


def duration_s(otherwise: float) -> float:
    """TEST_DURATION: how many seconds a long test goes on."""
    return _number("TEST_DURATION", otherwise, "seconds, more than 0", lambda value: 0 < value < float("inf"))


def load_report() -> Path | None:
    """LOAD_REPORT: the file for the page of the load tests; None where it is not set."""
    return _report("LOAD_REPORT", ".html")


def resilience_report() -> Path | None:
    """RESILIENCE_REPORT: the file for what the outages of a run came to; None where it is not set."""
    return _report("RESILIENCE_REPORT", ".json", ".md")


def starts_no_servers() -> bool:
    """SKIP_DOCKER_SETUP: servers run already, so that tests start none."""
    return os.environ.get("SKIP_DOCKER_SETUP", "").strip() not in {"", "0"}


def configure(config: pytest.Config) -> None:
    """PYTEST_VERBOSE=2 is -vv, and LOG_LEVEL=DEBUG is --log-level=DEBUG; what the command line asks for stays if it is more."""
    if "PYTEST_VERBOSE" in os.environ:
        asked = _number("PYTEST_VERBOSE", 0, "a whole number, 2 for -vv", lambda value: value >= 0 and value == int(value))
        config.option.verbose = max(config.option.verbose, int(asked))
    resilience_report()  # what makes no sense is refused before anything is measured
    if config.option.log_level is None and (level := os.environ.get("LOG_LEVEL", "").strip()):
        config.option.log_level = level.upper()


def _report(variable: str, *endings: str) -> Path | None:
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    path = Path(text)
    if path.suffix not in endings or path.is_dir() or not path.absolute().parent.is_dir():
        expected = f"the name of a file that ends in {' or '.join(endings)}, in a folder that exists"
        raise pytest.UsageError(f"{variable} is {text!r}; expected {expected}")
    return path.absolute()


def _number(variable: str, otherwise: float, expected: str, allowed: Callable[[float], bool]) -> float:
    text = os.environ.get(variable, "").strip()
    try:
        value = float(text) if text else otherwise
        if allowed(value):
            return value
    except (ValueError, OverflowError):
        pass
    raise pytest.UsageError(f"{variable} is {text!r}; expected {expected}")
