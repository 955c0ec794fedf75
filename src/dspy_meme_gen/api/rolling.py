"""One server after another on one listening socket: SIGHUP brings in a new one, and no connection is refused meanwhile.

The parent holds the socket open and never answers itself. A new server takes connections from the same queue before the old one is told to
drain, so there is no moment at which nobody listens. A server that dies is followed by another, after a pause that grows.
"""

import logging
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final

from dspy_meme_gen.resilience.backoff import BackoffPolicy, backoff_s

__all__ = ["SIGNALS", "Roll"]

SIGNALS: Final = (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_BACKOFF: Final = BackoffPolicy(first_s=0.5, most_s=30.0)
_STABLE_S: Final = 60.0
logger = logging.getLogger("memespy.rolling")


@dataclass(slots=True)
class _Server:
    process: subprocess.Popen[bytes]
    began_s: float


class Roll:
    """Keeps exactly one server at work. Signals: SIGHUP rolls, SIGTERM and SIGINT end it, after its server has drained.

    `start_s` seconds are granted to a new server to become ready, `drain_s` to an old one to finish.
    """

    def __init__(self, listening: socket.socket, *, start_s: float = 60.0, drain_s: float = 150.0) -> None:
        self._listening = listening
        self._start_s = start_s
        self._drain_s = drain_s
        self._failures = 0

    def run(self) -> int:
        """Serve until told to end; the exit status: 0, or 1 if no server could be started at first."""
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        server = self._start()
        if server is None:
            return 1
        while True:
            number = signal.sigwait(SIGNALS)
            if number in {signal.SIGTERM, signal.SIGINT}:
                self._drain(server)
                return 0
            if number == signal.SIGHUP:
                server = self._roll(server)
            elif server.process.poll() is not None:
                following = self._follow(server)
                if following is None:
                    return 0
                server = following

    def _start(self) -> _Server | None:
        """A server that is ready, or None if it did not become so."""
        reads, writes = os.pipe()
        command = [sys.executable, "-m", "dspy_meme_gen", "serve", "--fd", str(self._listening.fileno()), "--ready-fd", str(writes)]
        process = subprocess.Popen(command, pass_fds=(self._listening.fileno(), writes))  # noqa: S603 - it is this program
        os.close(writes)
        readable, _, _ = select.select([reads], [], [], self._start_s)
        said = os.read(reads, 1) if readable else b""
        os.close(reads)
        if said:
            logger.info("server %d is ready", process.pid)
            return _Server(process, time.monotonic())
        logger.error("server %d did not become ready", process.pid)
        process.terminate()
        process.wait()
        return None

    def _roll(self, server: _Server) -> _Server:
        """A new server, if it becomes ready; the old one goes on if not."""
        following = self._start()
        if following is None:
            logger.error("the server of before goes on")
            return server
        self._drain(server)
        return following

    def _follow(self, server: _Server) -> _Server | None:
        """After a server has died: the next one, or None if the end was asked for meanwhile."""
        self._failures = 1 if time.monotonic() - server.began_s > _STABLE_S else self._failures + 1
        while True:
            pause_s = backoff_s(_BACKOFF, self._failures, "server")
            logger.error(
                "server %d ended with status %s; another is started in %.1f s", server.process.pid, server.process.returncode, pause_s
            )
            if signal.sigtimedwait((signal.SIGTERM, signal.SIGINT), pause_s) is not None:
                return None
            following = self._start()
            if following is not None:
                return following
            self._failures += 1

    def _drain(self, server: _Server) -> None:
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(self._drain_s)
        except subprocess.TimeoutExpired:
            logger.warning("server %d did not drain within %g s and is killed", server.process.pid, self._drain_s)
            server.process.kill()
            server.process.wait()
