"""An outcome awaited on the event loop: no thread waits, and whoever goes away takes the work with them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from fastapi import Request

from dspy_meme_gen.api.problems import Problem
from dspy_meme_gen.domain import GenerateMeme, Outcome
from dspy_meme_gen.pipeline import Pipeline

__all__ = ["ClientGone", "outcome_of", "while_connected"]

LIMIT_S: Final = 120.0
"""For how long a client may wait for its meme, in line and while it is made."""


class ClientGone(Exception):
    """The client closed the connection before its answer was ready."""


async def outcome_of(pipeline: Pipeline, request: GenerateMeme, *, cancel: bool) -> Outcome:
    """Submit a request and await its outcome; if this is cancelled, so is the request where `cancel` says so.

    Raises what Pipeline.submit raises.
    """
    loop = asyncio.get_running_loop()
    settled: asyncio.Future[Outcome] = loop.create_future()

    def tell(outcome: Outcome) -> None:  # on an actor's thread
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_set, settled, outcome)

    pipeline.submit(request)  # it asks no actor for anything, and holds a lock for a moment only
    try:
        if not pipeline.when_settled(request.request_id, tell):
            raise LookupError("forgotten before it was looked at; remember more outcomes (MEMESPY_RECORDED_OUTCOMES)")
        return await settled
    except asyncio.CancelledError:
        if cancel:
            pipeline.cancel(request.request_id)
        raise


def _set(settled: "asyncio.Future[Outcome]", outcome: Outcome) -> None:
    if not settled.done():
        settled.set_result(outcome)


async def while_connected(http: Request, work: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """The result of `work`, which is cancelled if the client goes away; then ClientGone is raised.

    It is cancelled after LIMIT_S seconds too, and then Problem (timed-out) is raised.
    """
    results: list[Outcome] = []
    errors: list[Exception] = []
    async with anyio.create_task_group() as group:
        group.cancel_scope.deadline = anyio.current_time() + LIMIT_S

        async def work_and_stop() -> None:
            try:
                results.append(await work())
            except Exception as error:  # noqa: BLE001 - raised below as it is, not in a group of one
                errors.append(error)
            group.cancel_scope.cancel()

        async def watch() -> None:
            while (await http.receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(work_and_stop)
        group.start_soon(watch)
    if errors:
        raise errors[0]
    if not results and anyio.current_time() >= group.cancel_scope.deadline:
        raise Problem("timed-out", f"the meme was not there after {LIMIT_S:g} s, the time in line included")
    if not results:
        raise ClientGone
    return results[0]
