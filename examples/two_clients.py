"""Two clients with two asks each to one actor: 6 inequivalent schedules, and nothing goes wrong in any of them.

Each client waits for the answer to its first ask before it makes the second, so what matters is only in which order the four arrive: two
places of four for A's, 4! / (2! 2!) = 6. Everything else commutes: who starts first, who is told the answer first.

    $ greenroom explore examples/two_clients.py::scenario
    scenario: 1,000 executions, … no failure
"""

import pykka


class Log(pykka.ThreadingActor):
    def __init__(self):
        super().__init__()
        self.lines = []

    def on_receive(self, line):
        self.lines.append(line)
        return "".join(self.lines)


class Client(pykka.ThreadingActor):
    def __init__(self, log, name):
        super().__init__()
        self.log = log
        self.name = name

    def on_receive(self, _):
        self.log.ask(self.name)
        return self.log.ask(self.name)


def scenario():
    log = Log.start()
    clients = [Client.start(log, name) for name in "AB"]
    answers = pykka.get_all([client.ask("go", block=False) for client in clients])
    for ref in (*clients, log):
        ref.stop()
    order = max(answers, key=len)
    assert sorted(order) == ["A", "A", "B", "B"]
    return order
