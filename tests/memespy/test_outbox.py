"""The outbox keeps order, and writes each record once."""

import pytest

from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox as Outbox
from dspy_meme_gen.domain import ImageRef, Meme, MemeRecord, MemeText, Score


def record(identity: str, topic: str = "cats") -> MemeRecord:
    meme = Meme(identity, MemeText("", ""), "classic", ImageRef("", "", 0, 0, 0), Score(0, 0, 0, 0, 0), (), 0, ())
    return MemeRecord(meme, topic, None, None, b"")


def test_records_leave_in_the_order_in_which_they_came() -> None:
    outbox, written = Outbox(), list[str]()
    for identity in "abc":
        outbox.add(record(identity))
    outbox.drain(lambda each: written.append(each.id))
    assert (written, outbox.waiting()) == (["a", "b", "c"], ())


def test_a_record_that_cannot_be_written_stays_first_in_line() -> None:
    outbox, written = Outbox(), list[str]()

    def put(each: MemeRecord) -> None:
        if each.id == "b":
            raise OSError("down")
        written.append(each.id)

    for identity in "abc":
        outbox.add(record(identity))
    with pytest.raises(OSError, match="down"):
        outbox.drain(put)
    assert (written, [each.id for each in outbox.waiting()]) == (["a"], ["b", "c"])


def test_the_same_meme_waits_once_with_its_latest_record() -> None:
    outbox = Outbox()
    for each in (record("a"), record("b"), record("a", "dogs")):
        outbox.add(each)
    assert outbox.waiting() == (record("a", "dogs"), record("b"))
    assert (outbox.find("a"), outbox.find("c")) == (record("a", "dogs"), None)


def test_a_record_that_comes_while_its_predecessor_is_written_is_written_too() -> None:
    outbox, written = Outbox(), list[str]()
    outbox.add(record("a"))

    def put(each: MemeRecord) -> None:
        if not written:
            outbox.add(record("a", "dogs"))
        written.append(each.topic)

    outbox.drain(put)
    assert written == ["cats", "dogs"]
