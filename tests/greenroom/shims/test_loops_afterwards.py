"""Event loops of asyncio in tasks: the outside world is refused, and nothing of them is left."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import sys
import threading
import warnings

import pytest

import greenroom
from tests.greenroom.shims.loop_programs import carelessly, safely, told_carelessly, with_setter


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

        with pytest.raises(
            greenroom.BlockedForReal, match=rf"main calls {name}\(\) of its event loop at .*test_loops_afterwards\.py:\d+: .*fake"
        ):
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
