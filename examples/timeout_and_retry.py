"""Timeout and retry: a charge that is only slow is taken for lost, and made again.

What goes wrong: a timeout says that no answer has come yet, not that nothing was done. The retry charges the card a second time. The
correction gives the payment a number, by which the bank knows a repeated request.

How greenroom finds it: with ``--timers explored`` (``timers="explored"`` in Python) a timeout may strike at any point. Without it, virtual
time passes only when nobody can run: the bank always answers within the 5 seconds, and every schedule holds.

    $ greenroom explore examples/timeout_and_retry.py::scenario --timers explored
    scenario: …
    AssertionError: one purchase, charged 2 times: [('4242', 1999), ('4242', 1999)] (timeout_and_retry.py:57)
    …
    replay: greenroom replay examples/timeout_and_retry.py::scenario 'g1:…' --timers explored
"""

import pykka


class Bank(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.charged = []

    def charge(self, card, cents):
        self.charged.append((card, cents))
        return "ok"

    def statement(self):
        return list(self.charged)


class CarefulBank(Bank):
    def __init__(self):
        super().__init__()
        self.seen = {}

    def charge(self, card, cents, payment):
        if payment not in self.seen:
            self.seen[payment] = super().charge(card, cents)
        return self.seen[payment]


def pay(bank, *charge, attempts=2):
    for _ in range(attempts):
        try:
            return bank.charge(*charge).get(timeout=5)
        except pykka.Timeout:
            continue
    return "no answer"


def buy(bank_class, *charge):
    bank = bank_class.start().proxy()
    pay(bank, *charge)
    statement = bank.statement().get()
    pykka.ActorRegistry.stop_all()
    assert len(statement) <= 1, f"one purchase, charged {len(statement)} times: {statement}"


def scenario():
    buy(Bank, "4242", 1999)


def fixed():
    buy(CarefulBank, "4242", 1999, "payment-1")
