"""Event loops of asyncio in tasks: in virtual time, woken by other tasks."""

from __future__ import annotations

import asyncio
import threading

import anyio
import anyio.from_thread
import anyio.to_thread
import pykka
import pytest

import greenroom
from greenroom.causality import Causality
from greenroom.render.lanes import lanes
from tests.greenroom.shims.loop_programs import carelessly, safely, told_carelessly, with_setter


class TestTime:
    def test_sleeping_takes_virtual_time_only(self):
        async def naps():
            loop = asyncio.get_running_loop()
            before = loop.time()
            await asyncio.sleep(3600)
            await asyncio.gather(asyncio.sleep(1), asyncio.sleep(0.25))
            return loop.time() - before

        execution = greenroom.run(lambda: asyncio.run(naps()))
        assert execution.result == 3601
        assert execution.virtual_s == 3601

    def test_timers_strike_in_their_order_and_a_cancelled_one_never(self):
        async def main():
            loop, struck = asyncio.get_running_loop(), []
            loop.call_later(3, struck.append, "third")
            loop.call_later(1, struck.append, "first")
            loop.call_later(2, struck.append, "never").cancel()
            loop.call_at(loop.time() + 2.5, struck.append, "second")
            await asyncio.sleep(10)
            return struck

        assert greenroom.run(lambda: asyncio.run(main())).result == ["first", "second", "third"]

    @pytest.mark.parametrize("way", ["wait_for", "timeout"])
    def test_a_timeout_strikes_what_takes_too_long_and_nothing_else(self, way):
        async def within(seconds, work_s):
            if way == "wait_for":
                return await asyncio.wait_for(asyncio.sleep(work_s, "done"), seconds)
            async with asyncio.timeout(seconds):
                return await asyncio.sleep(work_s, "done")

        async def main():
            with pytest.raises(TimeoutError):
                await within(5, 6)
            return await within(5, 4)

        execution = greenroom.run(lambda: asyncio.run(main()))
        assert (execution.result, execution.virtual_s) == ("done", 9)

    def test_where_timers_are_explored_a_timeout_races_with_the_answer(self):
        async def patiently(setter):
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            setter.if_wanted(loop, future, "hello")
            try:
                return await asyncio.wait_for(future, 5)
            except TimeoutError:
                return "too late"

        def outcomes(**options):
            seen = set()
            greenroom.explore(lambda: seen.add(with_setter(patiently)), executions=200, **options).raise_failure()
            return seen

        assert outcomes() == {"hello"}
        assert outcomes(timers="explored") == {"hello", "too late"}

    def test_who_sleeps_for_ever_waits_without_a_deadline(self):
        with pytest.raises(greenroom.Deadlock, match=r"sleep_forever\) awaits"):
            greenroom.run(lambda: anyio.run(anyio.sleep_forever))


class TestWaking:
    def test_a_loop_that_waits_goes_on_when_another_task_calls_soon_threadsafe(self):
        assert greenroom.run(safely).result == "hello"
        greenroom.explore(safely, executions=100).raise_failure()

    def test_a_result_that_is_set_without_waking_the_loop_is_the_hang_that_it_is(self):
        report = greenroom.explore(carelessly, executions=50)
        text = str(report.failure.error)
        assert type(report.failure.error) is greenroom.Deadlock
        assert "main waits for ever in its event loop, and nobody is left to wake that" in text
        assert f"Task-1 (told_carelessly) awaits at loop_programs.py:{told_carelessly.__code__.co_firstlineno + 3}" in text
        assert "Setter-1 has put into its queue: wakes Task-1 (told_carelessly); but it has not woken the loop" in text
        assert report.failure.error.about == ("main", "Setter-1")

    def test_a_loop_that_has_work_to_do_finds_what_was_put_without_waking_it(self):
        async def busy(setter):
            future = asyncio.get_running_loop().create_future()
            setter.carelessly(future, "hello").get()  # before the loop goes to sleep
            return await future

        greenroom.explore(lambda: with_setter(busy), executions=100).raise_failure()

    def test_a_timer_that_wakes_the_loop_uncovers_it_as_well(self):
        async def naps(setter):
            future = asyncio.get_running_loop().create_future()
            setter.carelessly(future, "hello")
            await asyncio.sleep(1)
            return await future

        greenroom.explore(lambda: with_setter(naps), executions=100).raise_failure()

    def test_debug_mode_tells_of_it_as_on_real_threads(self):
        class Careless(pykka.ThreadingActor):
            def on_receive(self, future):
                future.set_result("hello")

        def scenario():
            ref = Careless.start()

            async def main():
                future = asyncio.get_running_loop().create_future()
                future.add_done_callback(lambda _: None)
                with pytest.raises(RuntimeError, match="Non-thread-safe operation"):
                    ref.ask(future)

            asyncio.run(main(), debug=True)
            ref.stop()

        greenroom.run(scenario)

    def test_who_comes_too_late_is_told_that_the_loop_is_closed(self):
        def scenario():
            told = []

            def late(loop):
                try:
                    loop.call_soon_threadsafe(told.append, "called")
                except RuntimeError as error:
                    told.append(str(error))

            async def main():
                thread = threading.Thread(target=late, args=[asyncio.get_running_loop()])
                thread.start()
                return thread

            asyncio.run(main()).join()
            return tuple(told)

        seen = set()
        greenroom.explore(lambda: seen.add(scenario()), executions=100).raise_failure()
        assert seen >= {("called",), ("Event loop is closed",)}

    def test_the_history_says_who_wakes_the_loop_and_the_loop_comes_after_that(self):
        history = greenroom.run(safely).history
        (post,), (call,) = history.of("call_soon"), history.of("callback")
        assert (post.task, post.target, post.number) == ("Setter-1", "EventLoop-1", 1)
        assert (call.task, call.target, call.number) == ("main", "EventLoop-1", 1)
        assert Causality(history).happens_before(history.events.index(post), history.events.index(call))
        lines = lanes(history, width=160)
        assert "→ EventLoop-1 #1 set_result() of asyncio future" in lines
        assert "● EventLoop-1 #1 set_result() of asyncio future" in lines
