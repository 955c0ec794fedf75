"""Pykka 4.5's own race: an ask passes the alive check while its target stops, and is never answered."""

import pykka


class Greeter(pykka.ThreadingActor):
    def on_receive(self, message):
        return f"hello, {message}"


class Closer(pykka.ThreadingActor):
    def on_receive(self, greeter):
        greeter.stop()


def scenario():
    greeter = Greeter.start()
    closer = Closer.start()
    closer.tell(greeter)
    try:
        greeter.ask("world")
    except pykka.ActorDeadError:
        pass  # told in good time that nobody is there: fine
    closer.stop()
