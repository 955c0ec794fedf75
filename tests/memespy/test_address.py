"""An address outlives the actors behind it."""

from typing import Any

import pykka

from dspy_meme_gen.address import NOBODY, Address


class Listener(pykka.ThreadingActor):
    def __init__(self, heard: list[Any]) -> None:
        super().__init__()
        self.heard = heard

    def on_receive(self, message: Any) -> None:
        self.heard.append(message)


def test_nobody_is_told_before_the_first_incarnation() -> None:
    assert Address("a").tell("hello") == NOBODY


def test_telling_says_which_incarnation_was_told() -> None:
    heard: list[Any] = []
    address = Address("a")
    for incarnation in (1, 2):
        address.point_at(Listener.start(heard), incarnation)
        assert address.tell(f"hello {incarnation}") == incarnation == address.incarnation
        assert address.ref is not None
        address.ref.stop()
        assert address.tell("too late") == NOBODY
    assert heard == ["hello 1", "hello 2"]
    assert repr(address) == "<Address a #2>"


def test_a_closed_address_tells_nobody_and_keeps_its_number() -> None:
    heard: list[Any] = []
    address, ref = Address("a"), Listener.start(heard)
    address.point_at(ref, 1)
    address.close()
    assert (address.tell("hello"), address.incarnation, address.ref) == (NOBODY, 1, None)
    ref.stop()
    assert heard == []
