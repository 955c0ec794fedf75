"""Programs in which an actor sets an asyncio future of another thread, for the tests of event loops."""

from __future__ import annotations

import asyncio
import threading
import time

import pykka


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


def nap_and_name(seconds):
    time.sleep(seconds)
    return threading.current_thread().name
