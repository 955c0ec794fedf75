"""Unwoken loop: an actor sets the result of an asyncio future, and the event loop that awaits it sleeps on.

What goes wrong: ``set_result`` puts a callback into the loop's queue, and that is all. A loop that waits in its select looks there only
when something else wakes it. As long as the actor is quicker than the loop, or a timer is running, nobody notices. The correction hands the
result over by ``call_soon_threadsafe``, which wakes the loop.

How greenroom finds it: the loop is a task that waits until somebody wakes it. Nobody does, and no timer is left.

    $ greenroom explore examples/unwoken_loop.py::scenario
    scenario: …
    Deadlock: main waits for ever in its event loop, and nobody is left to wake that
      main waits in its event loop, EventLoop-1 (made at unwoken_loop.py:…)
        Task-1 (ask) awaits at unwoken_loop.py:…
        Prices-1 has put into its queue: wakes Task-1 (ask); but it has not woken the loop, as only call_soon_threadsafe() does
    …
    replay: greenroom replay examples/unwoken_loop.py::scenario 'g1:…'
"""

import asyncio

import pykka


class Prices(pykka.ThreadingActor):
    def look_up(self, article, tell):
        tell({"pen": 200, "ink": 750}[article])


async def ask(prices, article):
    price = asyncio.get_running_loop().create_future()
    prices.look_up(article, price.set_result)
    return await price


async def ask_safely(prices, article):
    loop = asyncio.get_running_loop()
    price = loop.create_future()
    prices.look_up(article, lambda cents: loop.call_soon_threadsafe(price.set_result, cents))
    return await price


def serve(ask):
    prices = Prices.start()
    try:
        assert asyncio.run(ask(prices.proxy(), "ink")) == 750
    finally:
        prices.stop()


def scenario():
    serve(ask)


def fixed():
    serve(ask_safely)
