from __future__ import annotations

import dataclasses
import enum
import threading
from typing import NamedTuple

import pykka
import pytest
from pykka import messages

import greenroom
from greenroom.describe import describe, describe_message, message_detail


class Plain:
    pass


class Unhappy:
    def __repr__(self):
        raise ValueError("no")


@dataclasses.dataclass
class Tagged:
    tags: frozenset
    secret: str = dataclasses.field(default="s", repr=False)


@dataclasses.dataclass
class Own:
    x: int

    def __repr__(self):
        return "own"


class Point(NamedTuple):
    x: int
    y: object


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        ("s", "'s'"),
        ({"b": {3, 1, 2}}, "{'b': {1, 2, 3}}"),
        (frozenset({"y", "x"}), "{'x', 'y'}"),
        (set(), "set()"),
        ((1,), "(1,)"),
        ([Point(1, {"b", "a"})], "[Point(x=1, y={'a', 'b'})]"),
        (Tagged(frozenset({"b", "a"})), "Tagged(tags={'a', 'b'})"),
        (Own(1), "own"),
        (b"x" * 100, "<100 bytes>"),
        ("x" * 100, "'" + "x" * 58 + "…"),
        (Unhappy(), "<Unhappy: its repr raised ValueError>"),
        (threading.Thread(name="worker"), "<Thread worker>"),
        (messages._ActorStop(), None),
    ],
)
def test_values_are_short_and_the_same_in_every_process(value, text):
    assert text is None or describe(value) == text
    assert "0x" not in describe([value, Plain(), object(), len, Plain])


def test_messages_read_as_the_author_would_name_them():
    assert describe_message(messages._ActorStop()) == "stop()"
    assert describe_message(messages.ProxyCall(("part", "move"), (1,), {"by": {"b", "a"}})) == "part.move(1, by={'a', 'b'})"
    assert describe_message(messages.ProxyGetAttr(("name",))) == "name"
    assert describe_message(messages.ProxySetAttr(("name",), "n")) == "name = 'n'"
    assert describe_message({"op": "get"}) == "{'op': 'get'}"


def test_actors_go_by_their_stable_names():
    class Worker(pykka.ThreadingActor):
        pass

    def scenario():
        ref = Worker.start()
        texts = describe(ref), describe(ref.proxy()), describe(ref._actor_weakref())
        ref.stop()
        return texts

    assert greenroom.run(scenario).result == ("Worker-1", "proxy of Worker-1", "Worker-1")


def test_a_repr_with_visible_operations_takes_no_step():
    class Nosy:
        def __init__(self):
            self.lock, self.event = threading.Lock(), threading.Event()

        def __repr__(self):
            with self.lock:
                return f"Nosy({self.event.is_set()})"

    def scenario():
        nosy = Nosy()
        before = greenroom.task.current_task().scheduler.steps
        text = describe(nosy)
        return text, greenroom.task.current_task().scheduler.steps - before

    assert greenroom.run(scenario).result == ("Nosy(False)", 0)


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass(frozen=True)
class Order:
    number: int
    colour: Colour
    parts: tuple[object, ...] = ()


@dataclasses.dataclass(frozen=True)
class Holder:
    inside: list[int]


@pytest.mark.parametrize("message", [Order(1, Colour.RED), Order(1, Colour.RED, ("x", 2.5)), (1, None), {"a": 1}], ids=str)
def test_what_cannot_change_is_described_when_somebody_looks(message):
    detail = message_detail(message, "ask ")
    assert isinstance(detail, tuple)
    assert detail[0](*detail[1:]) == "ask " + describe_message(message)


@pytest.mark.parametrize("message", [Holder([1]), Order(1, Colour.RED, ([1],)), Tagged(frozenset()), Own(1), [1]], ids=str)
def test_what_can_change_is_described_at_once(message):
    assert message_detail(message, "") == describe_message(message)


def test_a_message_that_is_changed_on_its_way_is_shown_as_it_was_and_as_it_is():
    class Reader(pykka.ThreadingActor):
        def on_receive(self, message):
            return len(message.inside)

    def scenario():
        reader, message = Reader.start(), Holder([1])
        asked = reader.ask(message, block=False)
        message.inside.append(2)
        assert asked.get() == 2
        reader.stop()

    shown = greenroom.run(scenario).history.of("send", "receive")
    details = {event.kind: event.detail for event in shown if event.number == 1}
    assert details == {"send": "ask Holder(inside=[1])", "receive": "ask Holder(inside=[1, 2])"}
