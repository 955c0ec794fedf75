"""Lost update: two checkouts read a wallet, then both write back what they have worked out.

What goes wrong: reading the balance and writing the new one are two messages. A second checkout reads between them, and its write
undoes the first payment. The correction makes it one message: the wallet itself takes the money out.

How greenroom finds it: it lets the four messages arrive in other orders; here even the default order, first come first served, fails.

    $ greenroom explore examples/lost_update.py::scenario
    scenario: …
    AssertionError: 2 payments of 30 from 100 leave 70 (lost_update.py:60)
    …
    replay: greenroom replay examples/lost_update.py::scenario 'g1:…'
"""

import pykka


class Wallet(pykka.ThreadingActor):
    def __init__(self, cents):
        super().__init__()
        self.cents = cents

    def balance(self):
        return self.cents

    def set_balance(self, cents):
        self.cents = cents

    def withdraw(self, cents):
        if self.cents < cents:
            return False
        self.cents -= cents
        return True


class Checkout(pykka.ThreadingActor):
    def __init__(self, wallet):
        super().__init__()
        self.wallet = wallet

    def pay(self, cents):
        balance = self.wallet.balance().get()
        if balance < cents:
            return False
        self.wallet.set_balance(balance - cents).get()
        return True


class AtomicCheckout(Checkout):
    def pay(self, cents):
        return self.wallet.withdraw(cents).get()


def shop(checkout_class):
    wallet = Wallet.start(100).proxy()
    checkouts = [checkout_class.start(wallet).proxy() for _ in range(2)]
    paid = pykka.get_all([checkout.pay(30) for checkout in checkouts])
    left = wallet.balance().get()
    pykka.ActorRegistry.stop_all()
    assert left == 100 - 30 * sum(paid), f"{sum(paid)} payments of 30 from 100 leave {left}"


def scenario():
    shop(Checkout)


def fixed():
    shop(AtomicCheckout)
