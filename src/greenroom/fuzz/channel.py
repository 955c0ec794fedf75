"""Messages between the coordinator and a worker: one line of JSON each, over two pipes."""

from __future__ import annotations

import json
import os
import select
from typing import Any, Final

Message = dict[str, Any]
_CHUNK: Final = 1 << 16


class Channel:
    """One end: what to read from, and what to write to."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._rest = b""
        self.closed = False

    def fileno(self) -> int:
        """What to wait for, for ``select``."""
        return self._read_fd

    def send(self, message: Message) -> None:
        """Write a message.

        Raises:
            OSError: the other end is gone.
        """
        data = memoryview(json.dumps(message).encode() + b"\n")
        while data:
            data = data[os.write(self._write_fd, data) :]

    def receive(self, timeout_s: float | None = 0.0) -> list[Message]:
        """The messages that are there after ``timeout_s`` seconds at most (None: after the first); ``closed`` tells of the end."""
        if self.closed:
            return []
        readable, _, _ = select.select([self._read_fd], [], [], timeout_s)
        if not readable:
            return []
        data = os.read(self._read_fd, _CHUNK)
        if not data:
            self.closed = True
            return []
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]
