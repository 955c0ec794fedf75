"""Shared mutable reply: an actor answers with its own list, and changes it while the asker still walks through it.

What goes wrong: Pykka hands objects over, it does not copy them. The reply is the cart's own list; when the customer removes the pen in
another tab, the walk through it skips the book. The correction answers with a copy.

How greenroom finds it: the asker asks for a price between one item and the next, so the removal fits in between. Had it asked nobody on
the way, no switch would be possible there at the default granularity: put ``greenroom.checkpoint("cart")`` into the walk.

    $ greenroom explore examples/shared_mutable_reply.py::scenario
    scenario: …
    AssertionError: the total is 4200: neither with the pen (5700) nor without it (5500) (shared_mutable_reply.py:55)
    …
    replay: greenroom replay examples/shared_mutable_reply.py::scenario 'g1:…'
"""

import threading

import pykka


class Cart(pykka.ThreadingActor):
    def __init__(self, items):
        super().__init__()
        self.items = items

    def contents(self):
        return self.items

    def remove(self, item):
        self.items.remove(item)


class GuardedCart(Cart):
    def contents(self):
        return tuple(self.items)


class Prices(pykka.ThreadingActor):
    def of(self, item):
        return {"pen": 200, "book": 1500, "lamp": 4000}[item]


def total(cart, prices):
    return sum(prices.of(item).get() for item in cart.contents().get())


def checkout(cart_class):
    prices = Prices.start().proxy()
    cart = cart_class.start(["pen", "book", "lamp"]).proxy()
    other_tab = threading.Thread(target=lambda: cart.remove("pen").get(), name="other tab")
    other_tab.start()
    cents = total(cart, prices)
    other_tab.join()
    pykka.ActorRegistry.stop_all()
    assert cents in (5700, 5500), f"the total is {cents}: neither with the pen (5700) nor without it (5500)"


def scenario():
    checkout(Cart)


def fixed():
    checkout(GuardedCart)
