"""Hypothesis profiles for every test: ``--hypothesis-profile dev | ci | fuzz | replay | threads``; and in how many processes tests run."""

from __future__ import annotations

import os
import signal
from typing import Final

import pytest

from machines import profiles
from tests import variables
from tests.resilience.outages import OutageSummary

MOST_PROCESSES: Final = 8  # each of them collects every test, which costs more than it brings from here on

profiles.register()


def pytest_configure(config: pytest.Config) -> None:
    """What variables say, the summary of outages, and Ctrl-C, without which a shell's background jobs are started: some tests press it."""
    variables.configure(config)
    config.pluginmanager.register(OutageSummary(), "outages")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)  # pytest-xdist may be absent
def pytest_xdist_auto_num_workers() -> int:
    """``-n logical`` is a process for each core that this one may use; a single core needs none."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_PROCESSES) if cores > 1 else 0
