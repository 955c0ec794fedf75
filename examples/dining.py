"""Dining philosophers: each holds the fork at the left and waits for the one at the right.

What goes wrong: if all three take their first fork before any takes its second, nobody ever eats. The correction has everyone take the
fork of the lower number first, so that no circle can close.

How greenroom finds it: taking a lock is a scheduling point. In the default order everybody eats; a schedule with one deviation is enough.

    $ greenroom explore examples/dining.py::scenario
    scenario: …
    Deadlock: Philosopher-1 waits for Philosopher-2 waits for Philosopher-3 waits for Philosopher-1
      Philosopher-1, handling message #1 eat(), waits for Lock-2 (held by Philosopher-2; made at dining.py:33)
    …
    replay: greenroom replay examples/dining.py::scenario 'g1:…'
"""

import threading

import pykka


class Philosopher(pykka.ThreadingActor):
    def __init__(self, first_fork, second_fork):
        super().__init__()
        self.first_fork = first_fork
        self.second_fork = second_fork

    def eat(self):
        with self.first_fork, self.second_fork:
            return "fed"


def dinner(places):
    forks = [threading.Lock() for _ in range(3)]
    philosophers = [Philosopher.start(forks[first], forks[second]).proxy() for first, second in places]
    assert pykka.get_all([philosopher.eat() for philosopher in philosophers]) == ["fed"] * 3
    pykka.ActorRegistry.stop_all()


def scenario():
    dinner([(0, 1), (1, 2), (2, 0)])


def fixed():
    dinner([(0, 1), (1, 2), (0, 2)])
