"""Who is served next, what is told of when to come back, and who hears of an outcome too late."""

from __future__ import annotations

import asyncio

import anyio
import anyio.lowlevel
import pytest

from dspy_meme_gen.api.awaiting import outcome_of
from dspy_meme_gen.api.problems import problem_response
from dspy_meme_gen.api.turns import Turns
from dspy_meme_gen.domain import Cancelled, Priority
from dspy_meme_gen.promise import Promise
from tests.memespy.fakes import request


async def test_whoever_comes_in_the_moment_a_turn_is_passed_on_is_behind_the_line():
    turns, served, most = Turns(1, 5), [], 0

    async def take(name, again=None):
        nonlocal most
        async with turns.turn(Priority.NORMAL):
            most = max(most, turns.at_work)
            served.append(name)
            await anyio.lowlevel.checkpoint()
        if again:
            await take(again)

    async with anyio.create_task_group() as group:
        group.start_soon(take, "first", "first again")
        group.start_soon(take, "second")
    assert (served, most, turns.at_work) == (["first", "second", "first again"], 1, 0)


@pytest.mark.parametrize(("wait_s", "told"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.01, "2"), (1.4, "2"), (2.5, "3"), (3.0, "3")])
def test_whoever_comes_back_when_told_is_not_too_early(wait_s, told):
    assert problem_response("rate-limited", retry_after_s=wait_s).headers["retry-after"] == told


class Open:
    """A pipeline of which nobody settles anything before `promise` is set."""

    def __init__(self):
        self.promise = Promise()

    def submit(self, _):
        pass

    def when_settled(self, _, listener):
        self.promise.when_set(listener)
        return True

    def cancel(self, _):
        pass


def test_an_outcome_after_the_loop_is_closed_harms_nobody():
    pipeline, loop = Open(), asyncio.new_event_loop()
    waiting = loop.create_task(outcome_of(pipeline, request(), cancel=False))
    loop.run_until_complete(asyncio.sleep(0))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(waiting)
    loop.close()
    assert pipeline.promise.set(Cancelled())
