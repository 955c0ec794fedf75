"""Small programs whose result depends on the schedule, for the tests of several parts."""

from __future__ import annotations

import threading

import pykka

import greenroom


def in_threads(*functions):
    """Run functions without arguments at the same time, and wait for them all."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def three_threads():
    """What three threads, named a, b and c, say; each says its name twice."""
    said = []
    threads = [threading.Thread(target=say, args=(said, name), name=name) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return "".join(said)


def say(said, name):
    said.append(name)
    greenroom.checkpoint(f"between {name} and {name}")
    said.append(name)


class Log(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_receive(self, message):
        if message == "seen":
            return tuple(self.seen)
        return self.seen.append(message)


class Sender(pykka.ThreadingActor):
    def on_receive(self, message):
        log, words = message
        for word in words:
            log.tell(word)


def order_of(words_of_each):
    """The order in which the words of several senders, a letter each, arrive at one actor."""
    log = Log.start()
    senders = [Sender.start() for _ in words_of_each]
    pykka.get_all([sender.ask((log, words), block=False) for sender, words in zip(senders, words_of_each, strict=True)])
    seen = log.ask("seen")
    pykka.ActorRegistry.stop_all()
    return seen
