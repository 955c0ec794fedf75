"""Deadlock: two actors ask each other.

What goes wrong: while Orders handles an order it asks Stock; while Stock handles a delivery it asks Orders. An actor that waits for a
reply reads no messages, so when both are at it at once, each waits for the other for ever. The correction lets questions go one way
only: the truck finds out how much is wanted, and tells Stock.

How greenroom finds it: when no task can run and no timer is left, it follows who waits for whom.

    $ greenroom explore examples/deadlock.py::scenario
    scenario: …
    Deadlock: Orders-1 waits for Stock-2 waits for Orders-1
      Orders-1, handling message #2 ('place', 'lamp'), waits for the reply of Stock-2 to message #2 ('reserve', 'lamp') (still in …
      Stock-2, handling message #1 'delivery', waits for the reply of Orders-1 to message #3 'open' (still in its inbox, place 1)
    …
    replay: greenroom replay examples/deadlock.py::scenario 'g1:…'
"""

import pykka


class Orders(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.open = []

    def on_receive(self, message):
        match message:
            case ("connect", stock):
                self.stock = stock
            case ("place", item):
                self.open.append(item)
                return self.stock.ask(("reserve", item))
            case "open":
                return len(self.open)
        return None


class Stock(pykka.ThreadingActor):
    def __init__(self, orders):
        super().__init__()
        self.orders = orders
        self.lamps = 5

    def on_receive(self, message):
        match message:
            case ("reserve", "lamp"):
                self.lamps -= 1
            case "delivery":
                self.lamps += self.orders.ask("open")
            case ("delivery", lamps):
                self.lamps += lamps
        return self.lamps


class Truck(pykka.ThreadingActor):
    def on_receive(self, stock):
        stock.ask("delivery")


class InformedTruck(Truck):
    def __init__(self, orders):
        super().__init__()
        self.orders = orders

    def on_receive(self, stock):
        stock.ask(("delivery", self.orders.ask("open")))


def shop(start_truck):
    orders = Orders.start()
    stock = Stock.start(orders)
    orders.ask(("connect", stock))
    truck = start_truck(orders)
    pykka.get_all([orders.ask(("place", "lamp"), block=False), truck.ask(stock, block=False)])
    pykka.ActorRegistry.stop_all()


def scenario():
    shop(lambda _: Truck.start())


def fixed():
    shop(InformedTruck.start)
