"""Memory that actors share by passing it on, or in containers of the library: every order of the steps that touch it is run."""

from __future__ import annotations

import collections
import itertools

import pykka
import pytest

import greenroom


class Store(pykka.ThreadingActor):
    """Keeps items; "all" hands out its own list, "pass on" sends it to another, who takes its length."""

    def __init__(self, promise):
        super().__init__()
        self.items = []
        self.promise = promise

    def on_receive(self, message):
        if message == "all":
            return self.items
        if message == "count":
            return len(self.items)
        if isinstance(message, pykka.ActorRef):
            message.tell((self.items, self.promise))
        else:
            self.items.append(message)
        return None


class Counts(pykka.ThreadingActor):
    def on_receive(self, message):
        items, promise = message
        promise.set(len(items))


class Appends(pykka.ThreadingActor):
    def on_receive(self, message):
        message.ask("all").append("a foreign item")


class Asks(pykka.ThreadingActor):
    def on_receive(self, message):
        return message.ask("count")


class Takes(pykka.ThreadingActor):
    def __init__(self, stock):
        super().__init__()
        self.stock = stock

    def on_receive(self, message):
        self.stock[message] = self.stock.pop("pen", 0)
        return "pen" in self.stock


class Doubles(pykka.ThreadingActor):
    def on_receive(self, message):
        message["value"] *= 2
        return message["value"]


class Reads(pykka.ThreadingActor):
    def on_receive(self, message):
        return message["value"]


def own_list_in_a_message():
    promise = pykka.ThreadingFuture()
    store, counts = Store.start(promise), Counts.start()
    for message in (1, counts, 2):
        store.tell(message)
    return promise.get()


def own_list_as_a_reply():
    store, appends, asks = Store.start(None), Appends.start(), Asks.start()
    done = appends.ask(store, block=False)
    count = asks.ask(store, block=False)
    done.get()
    return count.get()


def one_message_to_two():
    doubles, reads = Doubles.start(), Reads.start()
    message = {"value": 5}
    return pykka.get_all([doubles.ask(message, block=False), reads.ask(message, block=False)])[1]


def a_library_s_container(make):
    def outcome():
        stock = make({"pen": 1})
        takers = [Takes.start(stock) for _ in range(2)]
        pykka.get_all([taker.ask(f"taken by {number}", block=False) for number, taker in enumerate(takers)])
        return stock["taken by 0"]

    return outcome


class Numbers(pykka.ThreadingActor):
    """Draws the next number from a variable of its class or of its module."""

    of_class = 0

    def on_receive(self, message):
        if message == "of the class":
            Numbers.of_class += 1
            return Numbers.of_class
        global of_module  # noqa: PLW0603 - the mistake that is looked for
        of_module += 1
        return of_module


of_module = 0


def a_number(message):
    def outcome():
        global of_module  # noqa: PLW0603 - a new start for each execution
        of_module = Numbers.of_class = 0
        drawn = [actor.ask(message, block=False) for actor in (Numbers.start(), Numbers.start())]
        return pykka.get_all(drawn)[0]

    return outcome


class Calls(pykka.ThreadingActor):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def on_receive(self, message):
        return self.function()


def a_variable_of_a_callback():
    number = 0

    def count():
        nonlocal number
        number += 1
        return number

    return pykka.get_all([actor.ask("now", block=False) for actor in (Calls.start(count), Calls.start(count))])[0]


def outcomes_of(outcome):
    seen = set()

    def scenario():
        seen.add(outcome())
        pykka.ActorRegistry.stop_all()

    assert greenroom.exhaust(scenario).exhausted
    return seen


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [(own_list_in_a_message, {1, 2}), (own_list_as_a_reply, {0, 1}), (one_message_to_two, {5, 10})],
)
def test_what_is_passed_on_is_seen_though_it_is_dropped_in_the_same_step(outcome, expected):
    assert outcomes_of(outcome) == expected


@pytest.mark.parametrize("make", [collections.Counter, collections.OrderedDict, lambda items: collections.defaultdict(int, items)])
def test_containers_of_the_library_are_shared_like_any_other(make):
    assert outcomes_of(a_library_s_container(make)) == {0, 1}


@pytest.mark.parametrize("message", ["of the class", "of the module"])
def test_a_number_that_is_set_anew_is_shared_by_all_who_can_name_it(message):
    assert outcomes_of(a_number(message)) == {1, 2}


def test_a_variable_that_a_callback_sets_is_shared_by_the_actors_that_hold_it():
    assert outcomes_of(a_variable_of_a_callback) == {1, 2}


class Draws(pykka.ThreadingActor):
    def __init__(self, numbers):
        super().__init__()
        self.numbers = numbers

    def on_receive(self, message):
        return next(self.numbers)


@pytest.mark.parametrize("shared", [True, False])
def test_what_changes_unseen_is_told_of_where_it_is_shared(shared):
    def scenario():
        numbers = itertools.count()
        refs = [Draws.start(numbers if shared else itertools.count()) for _ in range(2)]
        pykka.get_all([ref.ask("draw", block=False) for ref in refs])
        pykka.ActorRegistry.stop_all()

    report = greenroom.exhaust(scenario)
    assert report.exhausted is not shared
    assert ("Draws-1 and Draws-2 share a count" in report.why_not) is shared
