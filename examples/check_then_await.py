"""Check, then await: a coroutine looks at what its event loop keeps, awaits something, and takes it for granted afterwards.

What goes wrong: only the loop's own thread touches the prices, so no lock is needed; the actor hands its news over by
``call_soon_threadsafe``, as it should. But at every ``await`` the loop may call somebody else, and here that is the news. The correction
looks once, and keeps what it has seen.

How greenroom finds it: ``call_soon_threadsafe`` is a message to the loop. It may come between any two things that the loop does, and so
between the two halves of the coroutine.

    $ greenroom explore examples/check_then_await.py::scenario
    scenario: …
    KeyError: 'pen' (check_then_await.py:…)
    …
    replay: greenroom replay examples/check_then_await.py::scenario 'g1:…'
"""

import asyncio

import pykka


class Warehouse(pykka.ThreadingActor):
    def sell_out(self, loop, prices, article):
        loop.call_soon_threadsafe(prices.pop, article)


async def write_receipt():
    await asyncio.sleep(0)


async def order(prices, article):
    if article not in prices:
        return "sold out"
    await write_receipt()
    return f"1 {article} for {prices[article]}"


async def order_at_the_price_seen(prices, article):
    price = prices.get(article)
    if price is None:
        return "sold out"
    await write_receipt()
    return f"1 {article} for {price}"


async def sell(warehouse, order):
    prices = {"pen": 200}
    told = warehouse.sell_out(asyncio.get_running_loop(), prices, "pen")
    answer = await order(prices, "pen")
    await told
    return answer


def serve(order):
    warehouse = Warehouse.start()
    try:
        assert asyncio.run(sell(warehouse.proxy(), order)) in ("1 pen for 200", "sold out")
    finally:
        warehouse.stop()


def scenario():
    serve(order)


def fixed():
    serve(order_at_the_price_seen)
