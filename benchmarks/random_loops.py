"""Small random programs with an event loop of asyncio, for ``benchmarks.enumeration``: coroutines, and threads that call the loop.

Everything but the loop's queue, its bell, and the futures is private to one task, so what ``exhaust`` must tell apart is the order of what
reaches the loop.
"""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import suppress
from typing import Any

_INSIDE = ("turn", "turn", "nap", "note", "wait", "see")
_OUTSIDE = ("post", "post", "settle", "settle safely", "cancel", "see", "nap")


class LoopProgram:
    """One program: what the coroutines of a loop do, and what threads do to it; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(f"loops {seed}")
        self._coroutines = [draw.choices(_INSIDE, k=draw.randint(1, 3)) for _ in range(draw.randint(1, 2))]
        self._threads = [draw.choices(_OUTSIDE, k=draw.randint(1, 2)) for _ in range(draw.randint(1, 2))]
        self._logs: list[list[str]] = []

    def outcome(self) -> str:
        """What each task has seen in the last execution."""
        return repr(self._logs)

    def scenario(self) -> None:
        """Run it."""
        self._logs = [[] for _ in range(1 + len(self._threads))]
        asyncio.run(self._main())

    async def _main(self) -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        tasks = [asyncio.ensure_future(self._coroutine(name, plan, future)) for name, plan in zip("AB", self._coroutines, strict=False)]
        threads = [
            threading.Thread(target=self._thread, args=(self._logs[place], plan, loop, future, tasks[0]))
            for place, plan in enumerate(self._threads, 1)
        ]
        for thread in threads:
            thread.start()
        await asyncio.wait(tasks)

    async def _coroutine(self, name: str, plan: list[str], future: Any) -> None:
        log = self._logs[0]
        with suppress(asyncio.CancelledError):
            for step in plan:
                if step == "turn":
                    await asyncio.sleep(0)
                elif step == "nap":
                    await asyncio.sleep(1)
                elif step == "wait":
                    with suppress(TimeoutError):
                        await asyncio.wait_for(asyncio.shield(future), 2)
                seen = f" {future.done()}" if step == "see" else ""
                log.append(f"{name} {step}{seen} at {asyncio.get_running_loop().time():g}")

    def _thread(self, log: list[str], plan: list[str], loop: Any, future: Any, task: Any) -> None:
        inside = self._logs[0]
        for place, step in enumerate(plan):
            try:
                if step == "post":
                    loop.call_soon_threadsafe(inside.append, f"posted {len(self._logs)} {place}")
                elif step == "settle":
                    future.set_result(step)
                elif step == "settle safely":
                    loop.call_soon_threadsafe(_settle, future)
                elif step == "cancel":
                    loop.call_soon_threadsafe(task.cancel)
                elif step == "nap":
                    threading.Event().wait(1)
                log.append(f"{step} {future.done()}" if step == "see" else step)
            except (RuntimeError, asyncio.InvalidStateError) as error:
                log.append(type(error).__name__)


def _settle(future: Any) -> None:
    if not future.done():
        future.set_result("safely")
