"""Event loops of asyncio in tasks: in virtual time, several at once, woken by other tasks; nothing of them is left."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import logging
import socket
import sys
import threading
import time
import warnings

import anyio
import anyio.from_thread
import anyio.to_thread
import pykka
import pytest

import greenroom
from benchmarks.enumeration import compare
from benchmarks.random_loops import LoopProgram
from greenroom.causality import Causality
from greenroom.render.lanes import lanes


class Setter(pykka.ThreadingActor):
    """Sets an asyncio future of another thread, the right way or the wrong one."""

    def safely(self, loop, future, value):
        loop.call_soon_threadsafe(future.set_result, value)

    def if_wanted(self, loop, future, value):
        loop.call_soon_threadsafe(lambda: future.done() or future.set_result(value))

    def carelessly(self, future, value):
        future.set_result(value)


def with_setter(use):
    """A coroutine that is given the proxy of a ``Setter``, run in a loop of its own."""
    setter = Setter.start()
    try:
        return asyncio.run(use(setter.proxy()))
    finally:
        setter.stop()


async def told_safely(setter):
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    setter.safely(loop, future, "hello").get()
    return await future


def safely():
    return with_setter(told_safely)


async def told_carelessly(setter):
    future = asyncio.get_running_loop().create_future()
    setter.carelessly(future, "hello")
    return await future


def carelessly():
    return with_setter(told_carelessly)


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
        assert f"Task-1 (told_carelessly) awaits at test_loops.py:{told_carelessly.__code__.co_firstlineno + 3}" in text
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


class TestManyLoops:
    def test_each_task_has_a_running_loop_of_its_own(self):
        def scenario():
            loops = []

            wait_with_the_loop = time.sleep

            def threads_life(nap_s):
                asyncio.run(naps(nap_s))
                with pytest.raises(RuntimeError):
                    asyncio.get_running_loop()

            async def naps(nap_s):
                mine = asyncio.get_running_loop()
                loops.append(mine)
                for _ in range(3):
                    await asyncio.sleep(nap_s)
                    assert asyncio.get_running_loop() is mine
                    assert asyncio.current_task().get_loop() is mine
                    wait_with_the_loop(0.3)
                    assert asyncio.get_running_loop() is mine

            threads = [threading.Thread(target=threads_life, args=[nap_s]) for nap_s in (0.1, 0.2, 0.3)]
            for thread in threads:
                thread.start()
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            for thread in threads:
                thread.join()
            return len(set(map(id, loops)))

        report = greenroom.explore(lambda: scenario() == 3 or pytest.fail("loops are shared"), executions=100)
        report.raise_failure()
        assert report.distinct > 20

    def test_two_loops_hand_work_to_each_other(self):
        def scenario():
            other = asyncio.new_event_loop()
            thread = threading.Thread(target=other.run_forever)
            thread.start()

            async def doubled(number):
                await asyncio.sleep(1)
                return 2 * number

            async def main():
                there = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(doubled(4), other))
                return await asyncio.gather(doubled(3), there)

            result = asyncio.run(main())
            other.call_soon_threadsafe(other.stop)
            thread.join()
            other.close()
            assert result == [6, 8]

        greenroom.explore(scenario, executions=100).raise_failure()

    def test_an_actor_runs_a_loop_in_its_handler(self):
        class Fetches(pykka.ThreadingActor):
            def on_receive(self, seconds):
                return asyncio.run(asyncio.sleep(seconds, f"after {seconds} s"))

        def scenario():
            refs = [Fetches.start() for _ in range(2)]
            answers = [ref.ask(seconds, block=False) for seconds, ref in enumerate(refs, 1)]
            told = [answer.get() for answer in answers]
            pykka.ActorRegistry.stop_all()
            return told

        execution = greenroom.run(scenario)
        assert (execution.result, execution.virtual_s) == (["after 1 s", "after 2 s"], 2)

    def test_a_reply_of_an_actor_is_awaited(self):
        class Echo(pykka.ThreadingActor):
            def on_receive(self, message):
                return message

        async def asks(ref):
            return [await ref.ask(number, block=False) for number in range(2)]

        def scenario():
            ref = Echo.start()
            answers = asyncio.run(asks(ref))
            ref.stop()
            return answers

        assert greenroom.run(scenario).result == [0, 1]


class TestThreads:
    def test_work_goes_to_the_default_pool_and_comes_back(self):
        async def main():
            loop = asyncio.get_running_loop()
            names = await asyncio.gather(*(asyncio.to_thread(_nap_and_name, 1) for _ in range(3)))
            return sorted(names), await loop.run_in_executor(None, threading.current_thread) is not threading.current_thread()

        execution = greenroom.run(lambda: asyncio.run(main()))
        assert execution.result == (["asyncio_0", "asyncio_1", "asyncio_2"], True)
        assert execution.virtual_s == 1

    def test_a_pool_of_the_programs_own_and_a_wrapped_future(self):
        async def main():
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                submitted = asyncio.wrap_future(pool.submit(_nap_and_name, 2))
                ran = asyncio.get_running_loop().run_in_executor(pool, _nap_and_name, 1)
                return await asyncio.gather(submitted, ran)

        greenroom.explore(lambda: asyncio.run(main()), executions=50).raise_failure()
        assert greenroom.run(lambda: asyncio.run(main())).virtual_s == 2

    def test_what_a_thread_raises_comes_out_of_the_await(self):
        async def main():
            with pytest.raises(ZeroDivisionError):
                await asyncio.to_thread(lambda: 1 // 0)

        greenroom.run(lambda: asyncio.run(main()))

    def test_anyio_runs_in_worker_threads_and_leaves_none(self):
        async def main():
            results = []

            async def works(seconds):
                results.append(await anyio.to_thread.run_sync(lambda: anyio.from_thread.run(_naps, seconds)))

            async with anyio.create_task_group() as group:
                group.start_soon(works, 2)
                group.start_soon(works, 1)
            return results

        report = greenroom.explore(lambda: anyio.run(main), executions=50)
        report.raise_failure()
        assert greenroom.run(lambda: anyio.run(main)).result == [1, 2]


def _nap_and_name(seconds):
    time.sleep(seconds)
    return threading.current_thread().name


async def _naps(seconds):
    return await anyio.sleep(seconds) or seconds


class TestCancelling:
    def test_a_group_cancels_the_others_when_one_fails(self):
        async def main():
            ended = []

            async def waits(name):
                try:
                    await asyncio.sleep(100)
                except asyncio.CancelledError:
                    ended.append(name)
                    raise

            async def fails():
                await asyncio.sleep(1)
                raise ValueError("no")

            async def all_together():
                async with asyncio.TaskGroup() as group:
                    for name in "abc":
                        group.create_task(waits(name))
                    group.create_task(fails())

            with pytest.raises(ExceptionGroup) as caught:
                await all_together()
            assert [type(error) for error in caught.value.exceptions] == [ValueError]
            return ended

        execution = greenroom.run(lambda: asyncio.run(main()))
        assert (execution.result, execution.virtual_s) == (["a", "b", "c"], 1)

    def test_a_run_that_ends_cancels_what_is_left_in_the_order_of_making(self):
        ended = []

        async def waits(name):
            try:
                await asyncio.sleep(100)
            finally:
                ended.append(name)

        async def generates():
            try:
                yield 1
                yield 2
            finally:
                ended.append("generator")

        async def main():
            for number in range(40):
                asyncio.ensure_future(waits(number))  # noqa: RUF006 - all_tasks() knows them
            asyncio.get_running_loop().run_in_executor(None, ended.append, "pool")
            generator = generates()
            await anext(generator)
            await asyncio.sleep(0.1)
            return generator

        greenroom.run(lambda: asyncio.run(main()) and None)
        assert ended == ["pool", *range(40), "generator"]

    def test_an_actor_and_a_cancel_race_for_a_task(self):
        class Canceller(pykka.ThreadingActor):
            def on_receive(self, message):
                loop, task = message
                loop.call_soon_threadsafe(task.cancel)

        async def main(canceller):
            async def works():
                for _ in range(3):
                    await asyncio.sleep(0)
                return "done"

            task = asyncio.create_task(works())
            asked = canceller.ask((asyncio.get_running_loop(), task), block=False)
            try:
                return await task
            except asyncio.CancelledError:
                return "cancelled"
            finally:
                await asked  # the loop must not be closed before that

        def scenario():
            canceller = Canceller.start()
            outcome = asyncio.run(main(canceller))
            canceller.stop()
            return outcome

        seen = set()
        greenroom.explore(lambda: seen.add(scenario()), executions=200).raise_failure()
        assert seen == {"done", "cancelled"}


class TestOutsideWorld:
    @pytest.mark.parametrize(
        ("name", "arguments"),
        [
            ("create_connection", (asyncio.Protocol, "localhost", 80)),
            ("create_server", (asyncio.Protocol, "localhost", 0)),
            ("create_unix_connection", (asyncio.Protocol, "/nowhere")),
            ("subprocess_exec", (asyncio.SubprocessProtocol, "true")),
            ("getaddrinfo", ("localhost", 80)),
            ("add_reader", (0, print)),
            ("add_writer", (1, print)),
            ("add_signal_handler", (10, print)),
        ],
    )
    def test_what_needs_it_is_refused_by_its_name(self, name, arguments):
        async def main():
            result = getattr(asyncio.get_running_loop(), name)(*arguments)
            if asyncio.iscoroutine(result):
                await result

        with pytest.raises(greenroom.BlockedForReal, match=rf"main calls {name}\(\) of its event loop at .*test_loops\.py:\d+: .*fake"):
            greenroom.run(lambda: asyncio.run(main()))

    def test_no_socket_is_made(self, monkeypatch):
        def refuse(*_):
            raise AssertionError("a loop of the stage has made a pipe to itself")

        monkeypatch.setattr(socket, "socketpair", refuse)
        assert greenroom.run(safely).result == "hello"


class TestAfterwards:
    @pytest.fixture(autouse=True)
    def _collected(self):
        gc.collect()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
            gc.collect()

    def test_a_task_that_is_pending_in_a_loop_that_no_longer_runs_is_left_behind(self):
        async def waits():
            await asyncio.sleep(100)

        def scenario():
            loop = asyncio.new_event_loop()
            loop.create_task(waits(), name="forgotten")  # noqa: RUF006 - that is what is tested
            loop.run_until_complete(asyncio.sleep(1))
            loop.close()

        with pytest.raises(greenroom.LeftBehind, match=r"forgotten \(.*waits\)"):
            greenroom.run(scenario)

    def test_a_thread_whose_loop_runs_on_is_left_behind(self):
        def scenario():
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="looper").start()

        with pytest.raises(greenroom.LeftBehind, match="looper"):
            greenroom.run(scenario)

    def test_a_loop_in_a_daemon_is_not(self):
        def scenario():
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, daemon=True).start()
            return asyncio.run_coroutine_threadsafe(asyncio.sleep(1, "slept"), loop).result()

        assert greenroom.run(scenario).result == "slept"

    def test_nothing_is_left_of_loops_that_end_in_failure(self, caplog):
        hooks, origins = sys.get_asyncgen_hooks(), sys.get_coroutine_origin_tracking_depth()

        async def fails(setter):
            asyncio.ensure_future(told_carelessly(setter))  # noqa: RUF006 - it never ends
            await told_carelessly(setter)

        def scenario():
            asyncio.get_event_loop_policy().set_event_loop(asyncio.new_event_loop())
            with_setter(fails)

        before = _loop_of_this_thread()
        with caplog.at_level(logging.DEBUG, "asyncio"):
            assert greenroom.explore(scenario, executions=20).failure is not None
            gc.collect()
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert (sys.get_asyncgen_hooks(), sys.get_coroutine_origin_tracking_depth()) == (hooks, origins)
        assert _loop_of_this_thread() is before
        assert asyncio.run(asyncio.sleep(0.001, "outside")) == "outside"

    def test_a_stage_may_be_opened_by_code_that_runs_in_a_loop(self):
        async def main():
            mine = asyncio.get_running_loop()
            assert greenroom.run(safely).result == "hello"
            assert asyncio.get_running_loop() is mine
            assert asyncio.current_task() is not None
            return await asyncio.sleep(0.001, "awaited")

        assert asyncio.run(main()) == "awaited"


def _loop_of_this_thread():
    return vars(asyncio.get_event_loop_policy())["_local"].__dict__.get("_loop")


def test_a_failure_with_a_loop_in_it_cannot_be_confirmed_and_that_is_said():
    confirmation = greenroom.confirm(carelessly, "g1:")
    assert confirmation.confirmed is None
    assert "undecided: the program runs an event loop of asyncio" in str(confirmation)
    assert type(confirmation.failure.error) is greenroom.Deadlock


class TestDeterminism:
    def test_the_same_schedule_is_the_same_history(self):
        async def main(setter):
            loop = asyncio.get_running_loop()
            futures = {loop.create_future() for _ in range(20)}
            for number, future in enumerate(futures):
                setter.safely(loop, future, number)
            done, _ = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
            rest = await asyncio.gather(*(asyncio.to_thread(_nap_and_name, number) for number in range(5)))
            return [future.result() for future in done], rest

        greenroom.determinism(lambda: with_setter(main), executions=10)

    def test_names_of_tasks_are_counted_by_the_stage(self):
        async def main():
            return asyncio.current_task().get_name(), asyncio.create_task(asyncio.sleep(0)).get_name()

        assert greenroom.run(lambda: asyncio.run(main())).result == ("Task-1", "Task-2")
        assert greenroom.run(lambda: asyncio.run(main())).result == ("Task-1", "Task-2")


class TestExhausting:
    def test_callbacks_from_two_tasks_come_in_either_order(self):
        def scenario():
            called = []

            async def main():
                loop, done = asyncio.get_running_loop(), asyncio.Event()

                def note(name):
                    called.append(name)
                    if len(called) == 2:
                        done.set()

                threads = [threading.Thread(target=loop.call_soon_threadsafe, args=[note, name]) for name in "ab"]
                for thread in threads:
                    thread.start()
                await done.wait()
                for thread in threads:
                    thread.join()

            asyncio.run(main())
            return "".join(called)

        seen = []
        report = greenroom.exhaust(lambda: seen.append(scenario()))
        assert report.exhausted
        assert set(seen) == {"ab", "ba"}

    def test_a_foreign_callback_comes_between_any_two_of_the_loops_own(self):
        """Three turns of a coroutine and one callback of a thread: the callback has four places."""

        def scenario():
            order = []

            async def main():
                thread = threading.Thread(target=asyncio.get_running_loop().call_soon_threadsafe, args=[order.append, "x"])
                thread.start()
                for number in range(3):
                    order.append(str(number))
                    await asyncio.sleep(0)
                return thread

            thread = asyncio.run(main())
            thread.join()
            return "".join(order)

        seen = []

        def noted():
            try:
                seen.append(scenario())
            except RuntimeError:
                seen.append("closed")

        report = greenroom.exhaust(noted, ignore=[greenroom.ThreadDied])
        assert report.exhausted
        explored = set()
        greenroom.explore(lambda: explored.add(scenario()), executions=300, ignore=[greenroom.ThreadDied]).raise_failure()
        assert explored <= set(seen)
        assert {"0x12", "01x2", "012x"} <= set(seen)

    def test_a_careless_result_that_is_seen_only_in_time_is_both_in_time_and_too_late(self):
        async def busy(setter):
            loop = asyncio.get_running_loop()
            future, before = loop.create_future(), loop.time()
            setter.carelessly(future, "hello")
            await asyncio.sleep(0)
            await asyncio.wait_for(future, 5)
            return loop.time() - before

        found = []
        assert greenroom.exhaust(lambda: found.append(with_setter(busy))).exhausted
        assert set(found) == {0, 5}, "the timeout's timer uncovers what the loop was not woken for"

    def test_what_a_suspended_coroutine_shares_with_an_actor_is_watched(self):
        class Raises(pykka.ThreadingActor):
            def on_receive(self, prices):
                prices["pen"] = 300

        async def looks_twice(ref):
            prices = {"pen": 200}
            told = ref.ask(prices, block=False)
            await asyncio.sleep(0)
            seen = prices["pen"]
            await told
            return seen

        def scenario():
            ref = Raises.start()
            seen = asyncio.run(looks_twice(ref))
            ref.stop()
            return seen

        seen = []
        assert greenroom.exhaust(lambda: seen.append(scenario())).exhausted
        assert set(seen) == {200, 300}

    def test_it_runs_the_traces_that_enumeration_finds_each_once(self):
        compared = [result for seed in range(12) if (result := compare(seed, most=60, make=LoopProgram)) is not None]
        assert sum(result.schedules > 1 for result in compared) >= 4
        assert [result.wrong for result in compared if result.wrong] == []
