"""A worker process: ``python -m greenroom.fuzz.worker``, started by the coordinator with a pipe at either end.

What tests print goes to the worker's log, so that it does not get between the messages. The process ends with its coordinator, also
where that was killed: the kernel sees to it on Linux, and elsewhere the closed pipe is noticed before the next example.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from greenroom.errors import GreenroomError
from greenroom.fuzz.channel import Channel
from greenroom.fuzz.examples import Watching
from greenroom.fuzz.scenarios import Scenario, is_scenario
from greenroom.fuzz.session import FuzzSession
from greenroom.fuzz.stored import opened

if TYPE_CHECKING:
    from greenroom.fuzz.channel import Message

_PR_SET_PDEATHSIG: Final = 1
_LOADED_BEFORE: Final = "ignore::pytest.PytestAssertRewriteWarning"  # Hypothesis and greenroom are loaded before pytest looks


def main() -> int:
    """Take the first order, which says what to work on, and serve."""
    channel = _own_streams()
    orders: list[Message] = []
    while not orders and not channel.closed:
        orders = channel.receive(None)
    if not orders:
        return 1
    order = orders.pop(0)
    _end_with(order["coordinator"])
    try:
        places = [place for place in order["tests"] if is_scenario(place)]
        scenarios = {place: Scenario(place) for place in places}
        shared = opened(order["database"])
    except GreenroomError as error:
        channel.send({"say": "cannot", "text": str(error)})
        return 2
    session = FuzzSession(channel, scenarios, Watching(shared, Path(order["folder"])), memory_mb=order["memory_mb"])
    tests = [place for place in order["tests"] if place not in scenarios]
    if not tests:
        session.serve([])
        return 0
    profile = ["--hypothesis-profile", order["profile"]] if order["profile"] else []
    code = pytest.main([*tests, *profile, "-q", "-p", "no:cacheprovider", "-W", _LOADED_BEFORE], plugins=[session])
    if not session.served:
        channel.send({"say": "cannot", "text": "", "code": int(code)})
    return int(code)


def _own_streams() -> Channel:
    """Take standard input and output for messages; the tests get nothing to read, and write to standard error, the log."""
    channel = Channel(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return channel


def _end_with(coordinator: int) -> None:
    """Let the kernel kill this process when the coordinator's ends; it may have ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != coordinator:
            os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
