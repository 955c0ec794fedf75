"""Histories written down, and specifications to judge them by."""

from __future__ import annotations

import itertools

from greenroom.history import Event, History, Operation


def operation(client, call, result, invoked, answered, *, error=None, serial=0):
    """``call`` is a tuple; ``answered`` is None while it is pending. One stamp is a second."""
    name, *arguments = call
    done_ns = None if answered is None else answered * 10**9
    return Operation(
        client,
        name,
        tuple(arguments),
        serial or invoked,
        invoked=invoked,
        answered=answered,
        invoked_ns=invoked * 10**9,
        answered_ns=done_ns,
        result=result,
        error=error,
        task=client,
    )


def history(*operations, events=(), **endings):
    return History(events, operations=operations, **endings)


def events(*rows):
    """``(task, kind, target, number, detail)`` each, cut short at will; one is a second later than the one before."""
    return [Event(place * 10**9, *row) for place, row in enumerate(rows)]


class Register:
    """One cell, 0 at first."""

    def init(self):
        return 0

    def step(self, state, call):
        if call[0] == "write":
            return [(None, call[1])]
        if call[0] == "swap":
            return [(state, call[1])]
        return [(state, state)]


class Cells:
    """Many cells, judged apart."""

    def init(self):
        return 0

    def step(self, state, call):
        return [(None, call[2])] if call[0] == "write" else [(state, state)]

    def partition(self, call):
        return call[1]


class Loose:
    """A register whose write may be lost, and which refuses to swap."""

    def init(self):
        return 0

    def step(self, state, call):
        if call[0] == "write":
            return [(None, call[1]), (None, state)]
        return [(state, state)] if call[0] == "read" else []


def orders(operations):
    """Every order of all that are answered and some that are pending."""
    certain = [each for each in operations if each.answered is not None]
    pending = [each for each in operations if each.answered is None]
    for count in range(len(pending) + 1):
        for chosen in itertools.combinations(pending, count):
            yield from itertools.permutations([*certain, *chosen])


def legal(spec, order):
    """Whether a specification allows what was answered, in this order; whoever was not answered may have any result."""
    states = {spec.init()}
    for each in order:
        states = {
            after for state in states for result, after in spec.step(state, each.call) if each.answered is None or result == each.result
        }
    return bool(states)
