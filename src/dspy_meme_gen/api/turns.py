"""Turns: so many requests at once, so many in line, by priority."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from dspy_meme_gen.api.problems import Problem
from dspy_meme_gen.domain import Priority
from dspy_meme_gen.resilience.waiting import Waiting

__all__ = ["Turns"]


class Turns:
    """`at_once` may be at work, `in_line` may wait; one more is told to come back. All on one event loop.

    Who is cancelled while waiting leaves the line, and a turn that was given to it just then goes to the next.
    """

    def __init__(self, at_once: int, in_line: int) -> None:
        self._at_once = at_once
        self._in_line = in_line
        self.at_work = 0
        self._line: Waiting[anyio.Event] = Waiting()

    def __len__(self) -> int:
        """How many are in line."""
        return len(self._line)

    @asynccontextmanager
    async def turn(self, priority: Priority) -> AsyncIterator[None]:
        """Wait for a turn, and give it back at the end of the block. Raises Problem (overloaded) where the line is full."""
        if self.at_work < self._at_once:
            self.at_work += 1
        else:
            await self._wait(priority)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, priority: Priority) -> None:
        if len(self._line) >= self._in_line:
            raise Problem("overloaded", f"{self._in_line} requests are in line already", retry_after_s=1)
        called = anyio.Event()
        self._line.add(priority, called)
        try:
            await called.wait()
        except BaseException:
            if not self._line.remove(called):
                self._pass_on()  # it was called in the same moment
            raise

    def _pass_on(self) -> None:
        following = self._line.take()
        if following is None:
            self.at_work -= 1
        else:
            following.set()
