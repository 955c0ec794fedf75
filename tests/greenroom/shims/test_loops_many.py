"""Event loops of asyncio in tasks: several at once, beside threads and pools."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time

import anyio
import anyio.from_thread
import anyio.to_thread
import pykka
import pytest

import greenroom
from tests.greenroom.shims.loop_programs import nap_and_name


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
            names = await asyncio.gather(*(asyncio.to_thread(nap_and_name, 1) for _ in range(3)))
            return sorted(names), await loop.run_in_executor(None, threading.current_thread) is not threading.current_thread()

        execution = greenroom.run(lambda: asyncio.run(main()))
        assert execution.result == (["asyncio_0", "asyncio_1", "asyncio_2"], True)
        assert execution.virtual_s == 1

    def test_a_pool_of_the_programs_own_and_a_wrapped_future(self):
        async def main():
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                submitted = asyncio.wrap_future(pool.submit(nap_and_name, 2))
                ran = asyncio.get_running_loop().run_in_executor(pool, nap_and_name, 1)
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
