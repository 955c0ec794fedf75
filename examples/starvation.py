"""Starvation: an actor retries inside a handler, and so never comes to the message that it is waiting for.

What goes wrong: the sender tries again every second until it is online. What puts it online is a message in its own inbox, behind the mail
that it is handling. If the mail is first, it retries for ever. The correction keeps the mail, returns from the handler, and sends it
when ``set_online`` comes.

How greenroom finds it: the sleeps cost no real time, and an execution that is still going on after 20,000 steps (``--max-steps``) is a
livelock.

    $ greenroom explore examples/starvation.py::scenario
    scenario: …
    Livelock: still running after 20,000 steps: Sender-1 keeps going without coming to an end
      main waits for the reply of …
    …
    replay: greenroom replay examples/starvation.py::scenario 'g1:…'
"""

import time

import pykka


class Sender(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.online = False
        self.sent = []

    def set_online(self):
        self.online = True

    def send(self, mail):
        while not self.online:
            time.sleep(1)
        self.sent.append(mail)
        return "sent"


class QueueingSender(Sender):
    def __init__(self):
        super().__init__()
        self.drafts = []

    def set_online(self):
        super().set_online()
        while self.drafts:
            self.sent.append(self.drafts.pop(0))

    def send(self, mail):
        if not self.online:
            self.drafts.append(mail)
            return "queued"
        return super().send(mail)


class Network(pykka.ThreadingActor):
    def connect(self, sender):
        sender.set_online().get()


class Writer(pykka.ThreadingActor):
    def write(self, sender):
        sender.send("hello").get()


def mail(sender_class):
    sender = sender_class.start().proxy()
    network = Network.start().proxy()
    writer = Writer.start().proxy()
    pykka.get_all([network.connect(sender), writer.write(sender)])
    sent = sender.sent.get()
    pykka.ActorRegistry.stop_all()
    assert sent == ["hello"]


def scenario():
    mail(Sender)


def fixed():
    mail(QueueingSender)
