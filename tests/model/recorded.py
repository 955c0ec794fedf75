"""Clients whose calls are calls of a model, and are recorded: what a history needs to be held against the model."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import pykka

import greenroom


class Answering(pykka.ThreadingActor):
    """An actor whose messages are calls of a model, and whose replies are results of them."""

    def __init__(self, answer):
        super().__init__()
        self._answer = answer

    def on_receive(self, message):
        return self._answer(message)


@contextmanager
def answering(answer):
    """An actor that answers calls, stopped at the end."""
    ref = Answering.start(answer)
    try:
        yield ref
    finally:
        ref.stop()


def at_once(*threads):
    """Run functions in threads of their own, to the end."""
    running = [threading.Thread(target=function, name=function.__name__) for function in threads]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def asking(ref, name, *calls):
    """A client that makes these calls, one after another; a float among them is a pause, and what is callable makes a call of the time."""

    def client():
        recorded = greenroom.client(name)
        for call in calls:
            if isinstance(call, float):
                time.sleep(call)
            else:
                recorded.ask(ref, call(time.monotonic()))

    client.__name__ = name
    return client
