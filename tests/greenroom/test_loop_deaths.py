"""Exceptions that asyncio only logs: each is told once nobody can see it any more, and none that somebody has seen."""

from __future__ import annotations

import asyncio
import gc
import threading

import pykka
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import rule, run_state_machine_as_test

import greenroom
from tests.garbage import new_objects_alone


class Stock(pykka.ThreadingActor):
    """Answers with what is left of an item; KeyError for one that it does not have."""

    def __init__(self, **items):
        super().__init__()
        self.items = items

    def take(self, name):
        self.items[name] -= 1
        return self.items[name]

    def take_and_set(self, name, loop, future):
        loop.call_soon_threadsafe(future.set_result, self.take(name))


async def fails(after_s=0.0):
    await asyncio.sleep(after_s)
    raise ValueError("no account")


def in_a_loop(main):
    def scenario():
        stock = Stock.start(pen=3)
        try:
            return asyncio.run(main(stock.proxy()))
        finally:
            stock.stop()

    scenario.__name__ = scenario.__qualname__ = main.__name__
    return scenario


# -- correct programs: whoever fails is seen ----------------------------------------------------------------------


async def takes_together(stock):
    answers = await asyncio.gather(*(asyncio.wrap_future(_asked(stock, name)) for name in ("pen", "ink")), return_exceptions=True)
    assert [type(answer) for answer in answers] == [int, KeyError]


def _asked(stock, name):
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: stock.take(name).get())


async def looks_late(stock):
    early = asyncio.create_task(fails())
    asked = asyncio.create_task(asyncio.to_thread(lambda: stock.take("ink").get()))
    await asyncio.sleep(10)
    with pytest.raises(ValueError, match="no account"):
        await early
    await asyncio.wait([asked])
    assert isinstance(asked.exception(), KeyError)


async def groups(stock):
    async def together():
        async with asyncio.TaskGroup() as group:
            group.create_task(fails(1))
            group.create_task(asyncio.to_thread(lambda: stock.take("pen").get()))
            group.create_task(asyncio.sleep(100))

    with pytest.raises(ExceptionGroup):
        await together()
    cancelled = asyncio.create_task(asyncio.sleep(100))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(ValueError, match="no account"):
        await asyncio.wait_for(asyncio.shield(fails()), 5)


async def handles(stock):
    seen = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context["exception"]))
    asyncio.get_running_loop().call_soon(int, "no number")
    forgotten = asyncio.create_task(fails())
    await asyncio.sleep(1)
    assert forgotten.done()
    assert [type(error) for error in seen] == [ValueError]


# -- programs with a fault ----------------------------------------------------------------------------------------


async def forgets_a_task(stock):
    background = set()
    task = asyncio.create_task(asyncio.to_thread(lambda: stock.take("ink").get()), name="taking")
    background.add(task)
    task.add_done_callback(background.discard)
    await asyncio.sleep(1)


async def sets_too_late(stock):
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    asked = stock.take_and_set("pen", loop, future)
    future.cancel()
    await asyncio.sleep(0)
    asked.get()
    await asyncio.sleep(1)


async def does_not_await_the_gathered(stock):
    gathered = asyncio.gather(fails(), fails(2))
    await asyncio.sleep(3)
    assert gathered.done()


async def waits_and_does_not_look(stock):
    done, _ = await asyncio.wait([asyncio.create_task(fails())])
    assert len(done) == 1


async def fails_in_a_pool(stock):
    asyncio.get_running_loop().run_in_executor(None, int, "no number")
    await asyncio.sleep(1)


async def fails_while_it_is_shut_down(stock):
    async def cleans():
        try:
            await asyncio.sleep(100)
        finally:
            raise ValueError("late")

    task = asyncio.create_task(cleans(), name="cleaning")
    await asyncio.sleep(1)
    assert not task.done()


RIGHT = [takes_together, looks_late, groups, handles]
WRONG = {
    forgets_a_task: (
        greenroom.AsyncioTaskDied,
        r"^asyncio task taking \(to_thread\) of EventLoop-1 ended by KeyError\('ink'\) at ",
    ),
    sets_too_late: (greenroom.CallbackRaised, r"^callback set_result\(\) of asyncio future \d+ of EventLoop-1 raised InvalidStateError"),
    does_not_await_the_gathered: (
        greenroom.AsyncioTaskDied,
        r"^asyncio future \d+ of EventLoop-1 ended by ValueError\('no account'\) at",
    ),
    waits_and_does_not_look: (greenroom.AsyncioTaskDied, r"^asyncio task Task-2 \(fails\) of EventLoop-1 ended by ValueError"),
    fails_in_a_pool: (greenroom.AsyncioTaskDied, r"^asyncio future \d+ of EventLoop-1 ended by ValueError\("),
    fails_while_it_is_shut_down: (
        greenroom.AsyncioTaskDied,
        r"^asyncio task cleaning .* ValueError\('late'\) .* shut down",
    ),
}


@pytest.mark.parametrize("main", RIGHT)
def test_what_somebody_sees_is_no_failure(main):
    greenroom.explore(in_a_loop(main), executions=40).raise_failure()


@pytest.mark.parametrize("main", WRONG)
def test_what_nobody_sees_is_told_with_its_name_and_line(main):
    kind, words = WRONG[main]
    failure = greenroom.explore(in_a_loop(main), executions=40).failure
    assert failure is not None
    assert type(failure.error) is kind
    with pytest.raises(kind, match=words):
        raise failure.error
    assert failure.error.about == ("main",)
    assert "unseen" in failure.history.endings["main"]
    assert greenroom.explore(in_a_loop(main), executions=5, ignore=[kind]).ok


@pytest.mark.parametrize("collects", [gc.collect, gc.disable])
def test_it_does_not_depend_on_the_garbage_collector(collects):
    async def main(stock):
        for _ in range(40):  # more than the stage keeps of those that are well
            asyncio.create_task(asyncio.sleep(0))  # noqa: RUF006 - nobody has to
        asyncio.create_task(fails(), name="first")  # noqa: RUF006 - that is the fault
        for _ in range(40):
            asyncio.create_task(asyncio.sleep(0))  # noqa: RUF006
            await asyncio.sleep(0)
            collects()

    try:
        with new_objects_alone(), pytest.raises(greenroom.AsyncioTaskDied, match="asyncio task first"):
            greenroom.run(in_a_loop(main))
    finally:
        gc.enable()


def test_whoever_ends_the_loop_by_it_has_handed_it_on():
    async def leaves():
        raise SystemExit(3)

    async def main():
        task = asyncio.create_task(leaves())
        await asyncio.sleep(1)
        return task

    def scenario():
        with pytest.raises(SystemExit):
            asyncio.run(main())

    greenroom.run(scenario)


def test_a_task_that_dies_and_who_waits_because_of_it_are_told_together():
    async def main(stock):
        ready = asyncio.Event()

        async def prepares():
            await fails()
            ready.set()

        task = asyncio.create_task(prepares())
        await ready.wait()
        await task

    with pytest.raises(greenroom.AsyncioTaskDied, match=r"ended by ValueError[^\n]*\n  and main waits in its event loop"):
        greenroom.run(in_a_loop(main))


def test_an_exception_handler_that_raises_has_seen_nothing():
    async def main(stock):
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: context["no such key"])
        loop.call_soon(int, "no number")
        await asyncio.sleep(1)

    with pytest.raises(greenroom.CallbackRaised, match="exception handler of EventLoop-1 raised KeyError"):
        greenroom.run(in_a_loop(main))


class Machine(greenroom.ActorMachine):
    """One thread with a loop that lasts; the rules give it work."""

    settle_s = 5.0

    def start_actors(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    @rule()
    def work(self):
        self.client("ann").call("work", self.give)

    def give(self):
        asyncio.run_coroutine_threadsafe(asyncio.sleep(1), self.loop).result()

    def stop_actors(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


class Raising(Machine):
    def give(self):
        self.loop.call_soon_threadsafe(int, "no number")


class Forgetting(Machine):
    def give(self):
        self.loop.call_soon_threadsafe(lambda: self.loop.create_task(fails(), name="forgotten"))


FEW = settings(max_examples=3, stateful_step_count=3, database=None, phases=[Phase.generate])


@pytest.mark.parametrize(
    ("machine", "kind", "claim"),
    [
        (Raising, greenroom.CallbackRaised, "no_callback_raises_unseen"),
        (Forgetting, greenroom.AsyncioTaskDied, "no_asyncio_task_dies_unseen"),
    ],
)
def test_a_machine_tells_of_it_unless_it_is_switched_off(machine, kind, claim):
    with pytest.raises(kind):
        run_state_machine_as_test(machine, settings=FEW)
    for ignored in (claim, kind):
        run_state_machine_as_test(type("Off", (machine,), {"ignore": (ignored,)}), settings=FEW)


def test_a_machine_with_a_loop_that_does_its_work_holds():
    run_state_machine_as_test(Machine, settings=FEW)
