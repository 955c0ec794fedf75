"""Stale read: the answer to a change comes before the copy that is read knows of it.

What goes wrong: the price list answers the manager once it has told the feed, and the feed has yet to tell the shop window. Each message
is right, and no assertion about one actor fails; but a customer who looks after the manager was answered may see the old price. The
correction lets each wait for the next: the manager is answered once the window shows the price.

How greenroom finds it: the manager and the customer are recorded clients, and linearizable() asks for an order of their calls that a
single price would allow, and in which a call that ended before another began comes first.

    $ greenroom explore examples/stale_read.py::scenario --check examples/stale_read.py::claim
    scenario: …
    ClaimBroken: linearizable: no order of the operations is legal: after 2 operations nothing can come next
      customer #1  ├───────────┤             price() → 1000
      manager  #2      ├───┤                 set(1200) → None
      customer #3                  ├───┤     price() → 1000
      the longest legal order is #1 #2; then comes none of
        #3 price(): would have to return 1200, returned 1000 (in state 1200)
    …
    replay: greenroom replay examples/stale_read.py::scenario 'g1:…' --check examples/stale_read.py::claim
"""

import pykka

import greenroom


class Window(pykka.ThreadingActor):
    def __init__(self, cents):
        super().__init__()
        self.cents = cents

    def show(self, cents):
        self.cents = cents

    def price(self):
        return self.cents


class Feed(pykka.ThreadingActor):
    def __init__(self, window):
        super().__init__()
        self.window = window

    def publish(self, cents):
        self.window.show(cents)


class PatientFeed(Feed):
    def publish(self, cents):
        self.window.show(cents).get()


class PriceList(pykka.ThreadingActor):
    def __init__(self, feed):
        super().__init__()
        self.feed = feed

    def change(self, cents):
        self.feed.publish(cents)


class PatientPriceList(PriceList):
    def change(self, cents):
        self.feed.publish(cents).get()


class Manager(pykka.ThreadingActor):
    def __init__(self, prices):
        super().__init__()
        self.prices = prices
        self.client = greenroom.client("manager")

    def raise_price(self, cents):
        self.client.call("set", lambda cents: self.prices.change(cents).get(), cents)


class OnePrice:
    """What the manager and the customers may rely on: there is one price."""

    def init(self):
        return 1000

    def step(self, state, call):
        name, *arguments = call
        return [(None, arguments[0])] if name == "set" else [(state, state)]


claim = greenroom.linearizable(OnePrice())


def shop(price_list_class, feed_class):
    window = Window.start(1000).proxy()
    prices = price_list_class.start(feed_class.start(window).proxy()).proxy()
    raised = Manager.start(prices).proxy().raise_price(1200)
    customer = greenroom.client("customer")
    for _ in range(2):
        customer.call("price", lambda: window.price().get())
    raised.get()
    pykka.ActorRegistry.stop_all()


def scenario():
    shop(PriceList, Feed)


def fixed():
    shop(PatientPriceList, PatientFeed)
