"""Message order: messages from two senders to one actor arrive in any order.

What goes wrong: the shop tells Payments to charge, then tells the warehouse to expect the order. Payments tells the warehouse that it is
paid, and may be quicker: then the warehouse looks for an order that it does not know yet, and dies. Only messages from one sender to one
receiver keep their order. The correction tells the warehouse first: what that causes can only come later.

How greenroom finds it: each send is a point where others may go first. Nobody asked for a reply to ``paid``, so on real threads the
exception is a line in a log; here an actor that dies unseen is a failure.

    $ greenroom explore examples/message_order.py::scenario
    scenario: …
    ActorDied: Warehouse-1 died of KeyError('A7') while it handled paid('A7'); it was told, not asked, so nobody saw the exception …
    …
    replay: greenroom replay examples/message_order.py::scenario 'g1:…'
"""

import pykka


class Warehouse(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.expected = {}
        self.shipped = []

    def expect(self, order, address):
        self.expected[order] = address

    def paid(self, order):
        self.shipped.append((order, self.expected.pop(order)))

    def parcels(self):
        return list(self.shipped)


class Payments(pykka.ThreadingActor):
    def __init__(self, warehouse):
        super().__init__()
        self.warehouse = warehouse

    def charge(self, order):
        self.warehouse.paid.defer(order)


class Shop(pykka.ThreadingActor):
    def __init__(self, warehouse, payments):
        super().__init__()
        self.warehouse = warehouse
        self.payments = payments

    def order(self, order, address):
        self.payments.charge.defer(order)
        self.warehouse.expect.defer(order, address)


class OrderlyShop(Shop):
    def order(self, order, address):
        self.warehouse.expect.defer(order, address)
        self.payments.charge.defer(order)


def sell(shop_class):
    warehouse = Warehouse.start().proxy()
    payments = Payments.start(warehouse).proxy()
    shop = shop_class.start(warehouse, payments).proxy()
    shop.order("A7", "12 Elm Street").get()
    payments.actor_ref.stop()  # when it has done what it was told
    parcels = warehouse.parcels().get()
    pykka.ActorRegistry.stop_all()
    assert parcels == [("A7", "12 Elm Street")]


def scenario():
    sell(Shop)


def fixed():
    sell(OrderlyShop)
