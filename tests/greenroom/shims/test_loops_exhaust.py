"""Event loops of asyncio in tasks: the same schedule is the same history, and every order is found once."""

from __future__ import annotations

import asyncio
import threading

import pykka

import greenroom
from benchmarks.enumeration import compare
from benchmarks.random_loops import LoopProgram
from tests.greenroom.shims.loop_programs import nap_and_name, with_setter


class TestDeterminism:
    def test_the_same_schedule_is_the_same_history(self):
        async def main(setter):
            loop = asyncio.get_running_loop()
            futures = {loop.create_future() for _ in range(20)}
            for number, future in enumerate(futures):
                setter.safely(loop, future, number)
            done, _ = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
            rest = await asyncio.gather(*(asyncio.to_thread(nap_and_name, number) for number in range(5)))
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
