"""Behaviours: which operation came right after which at one shared thing, with names and values abstracted away."""

from __future__ import annotations

import pykka

import greenroom
from greenroom import onlooker
from greenroom.fuzz.behaviours import MOST_KINDS, Behaviours
from greenroom.history import Event, History


def handled(*messages, receiver="Account-1", sender="Teller-2"):
    """A history in which ``receiver`` is sent these messages and handles each."""
    events = []
    for number, message in enumerate(messages, 1):
        events += [Event(0, sender, "send", receiver, number, message), Event(0, receiver, "receive", receiver, number, message)]
    return History(events)


def test_a_behaviour_is_a_message_after_another_by_classes_and_kinds():
    assert Behaviours().new_in(handled("ask 'read'", "ask Write(5)")) == [
        "Account: 'read' from Teller first",
        "Account: Write from Teller after 'read' from Teller",
    ]


def test_the_other_order_is_another_behaviour():
    seen = Behaviours()
    seen.new_in(handled("'read'", "'write'"))
    assert seen.new_in(handled("'write'", "'read'")) == [
        "Account: 'write' from Teller first",
        "Account: 'read' from Teller after 'write' from Teller",
    ]


def test_other_numbers_and_other_values_are_no_new_behaviour():
    seen = Behaviours()
    seen.new_in(handled("ask Write(5)"))
    assert seen.new_in(handled("ask Write(6)", receiver="Account-7", sender="Teller-9")) == []


def test_texts_that_a_test_makes_up_do_not_become_behaviours_without_end():
    seen = Behaviours()
    for number in range(10 * MOST_KINDS):
        seen.new_in(handled(f"'word{number}'"))
    assert len(seen._seen) <= MOST_KINDS + 1


def test_locks_count_by_who_takes_them():
    history = History([Event(0, "A-1", "lock", "Lock-1"), Event(0, "A-1", "unlock", "Lock-1"), Event(0, "B-2", "lock", "Lock-1")])
    assert Behaviours().new_in(history) == [
        "Lock: lock by A first",
        "Lock: unlock by A after lock by A",
        "Lock: lock by B after unlock by A",
    ]


class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        return message


def scenario():
    echo = Echo.start()
    echo.ask("one")
    echo.stop()


class Onlooker:
    def __init__(self):
        self.executions = []

    def execution_ended(self, history, deviations):
        self.executions.append((len(history), list(deviations)))


def test_an_onlooker_is_told_of_recorded_executions_while_it_is_installed():
    watcher = Onlooker()
    onlooker.install(watcher)
    try:
        greenroom.run(scenario)
    finally:
        onlooker.install(None)
    greenroom.run(scenario)
    assert len(watcher.executions) == 1
    assert watcher.executions[0][0] > 3


def test_an_onlooker_is_told_of_each_example_of_a_machine():
    class EchoMachine(greenroom.ActorMachine):
        def start_actors(self):
            self.echo = Echo.start()

    watcher = Onlooker()
    onlooker.install(watcher)
    try:
        EchoMachine().teardown()
    finally:
        onlooker.install(None)
    assert len(watcher.executions) == 1
