"""Stop race, Pykka 4.5's own: an ask passes the alive check while its target stops, and is never answered.

What goes wrong: ``ask`` looks whether the actor lives, then puts the message into its inbox. An actor that stops answers what is in its
inbox with ``ActorDeadError``; a message that comes after that, from an asker who looked before it, is read by nobody. A program can only
guard against it: never ask an actor that another may stop without a timeout.

How greenroom finds it: there is a scheduling point between the look and the put; real threads may switch there too.

    $ greenroom explore examples/stop_race.py::scenario
    scenario: …
    ReplyNeverComes: main waits for ever: its ask 'world' passed the alive check of Greeter-1, and reached the inbox as message #2 …
    …
    replay: greenroom replay examples/stop_race.py::scenario 'g1:…'
"""

import pykka


class Greeter(pykka.ThreadingActor):
    def on_receive(self, message):
        return f"hello, {message}"


class Closer(pykka.ThreadingActor):
    def on_receive(self, greeter):
        greeter.stop()


def greet(timeout):
    greeter = Greeter.start()
    closer = Closer.start()
    closer.tell(greeter)
    try:
        greeter.ask("world", timeout=timeout)
    except pykka.ActorDeadError:
        pass  # told in good time that nobody is there: fine
    except pykka.Timeout:
        pass  # too late for that: the message lies where nobody reads it
    closer.stop()


def scenario():
    greet(timeout=None)


def fixed():
    greet(timeout=5)
