"""A worker process as the coordinator sees it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from greenroom.fuzz.channel import Channel

if TYPE_CHECKING:
    from pathlib import Path

    from greenroom.fuzz.channel import Message
    from greenroom.fuzz.plan import Batch

_LOG_TAIL: Final = 4_000
_MOST_LOG: Final = 1_000_000


class Worker:
    """One place in the crew; the process in it is replaced when it has grown, or has died."""

    def __init__(self, number: int, log: Path) -> None:
        self.number = number
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.channel: Channel | None = None
        self.batch: Batch | None = None
        self.ready = False
        self.ending = False
        self.shrinking = False
        self.heard_s = 0.0
        self.mb = 0.0
        self.peak_mb = 0.0
        self.deaths = 0

    def start(self, first: Message, now_s: float) -> None:
        """A fresh process, which is told ``first`` what to work on. It has a session of its own: Ctrl-C does not reach it."""
        mode = "ab" if self.log.exists() and self.log.stat().st_size < _MOST_LOG else "wb"
        with self.log.open(mode) as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "greenroom.fuzz.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.channel = Channel(self.process.stdout.fileno(), self.process.stdin.fileno())
        self.batch, self.ready, self.ending, self.shrinking = None, False, False, False
        self.heard_s, self.mb = now_s, 0.0
        self.send({"do": "begin", "coordinator": os.getpid(), **first})

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self.process is not None

    @property
    def idle(self) -> bool:
        """Whether it waits for an order."""
        return self.alive and self.ready and self.batch is None and not self.ending

    def send(self, order: Message) -> None:
        """An order; a process that is gone is noticed where its messages end."""
        assert self.channel is not None
        try:
            self.channel.send(order)
        except OSError:
            return

    def give(self, batch: Batch, known: list[str], seconds: float, now_s: float) -> None:
        """The order to run a batch."""
        self.batch, self.shrinking, self.heard_s = batch, False, now_s
        self.send({"do": "batch", "batch": asdict(batch), "known": known, "seconds": seconds})

    def end(self) -> None:
        """The order to end, for a process that is idle."""
        self.ending = True
        self.send({"do": "end"})

    def kill(self) -> None:
        """End it at once, and whatever it has started."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except OSError:
            self.process.kill()

    def reap(self) -> str:
        """How the process ended, in a few words; its pipes are closed."""
        process = self.process
        assert process is not None
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        self.process = self.channel = None
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"ended with code {code}"

    def log_tail(self) -> str:
        """The last that it has written."""
        try:
            data: Any = self.log.read_bytes()[-_LOG_TAIL:]
        except OSError:
            return ""
        return str(data.decode("utf-8", "replace")).strip()
