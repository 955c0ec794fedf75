"""What the tests of long runs share: a clock that goes as it is told, and the other end of a channel."""

from __future__ import annotations

import pytest


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Wire:
    """Stands for a channel: keeps what is sent, and hands out the orders that were put in."""

    def __init__(self):
        self.sent = []
        self.orders = []
        self.closed = False

    def send(self, message):
        self.sent.append(message)

    def receive(self, _timeout_s=0.0):
        orders, self.orders = self.orders, []
        return orders

    def told(self, what):
        return [message for message in self.sent if message["say"] == what]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def wire():
    return Wire()
