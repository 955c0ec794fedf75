"""What every outbox keeps to: order, and each record once."""

from collections.abc import Callable
from typing import Any

import pytest

from dspy_meme_gen.domain import MemeRecord
from dspy_meme_gen.ports import Outbox
from tests.memespy.contracts.memes import record

Run = Callable[[int, Callable[[int], Any]], list[Any]]


def test_records_leave_whole_in_the_order_in_which_they_came(outbox: Outbox) -> None:
    written: list[MemeRecord] = []
    records = [record(identity) for identity in "cab"]
    for each in records:
        outbox.add(each)
    assert (outbox.waiting(), len(outbox)) == (tuple(records), 3)
    outbox.drain(written.append)
    assert (written, outbox.waiting(), len(outbox)) == (records, (), 0)


def test_a_record_that_cannot_be_written_stays_first_in_line(outbox: Outbox) -> None:
    written: list[str] = []

    def put(each: MemeRecord) -> None:
        if each.id == "b":
            raise OSError("down")
        written.append(each.id)

    for identity in "abc":
        outbox.add(record(identity))
    with pytest.raises(OSError, match="down"):
        outbox.drain(put)
    assert (written, [each.id for each in outbox.waiting()]) == (["a"], ["b", "c"])


def test_the_same_meme_waits_once_with_its_latest_record(outbox: Outbox) -> None:
    for each in (record("a"), record("b"), record("a", "dogs")):
        outbox.add(each)
    assert outbox.waiting() == (record("a", "dogs"), record("b"))
    assert (outbox.find("a"), outbox.find("c")) == (record("a", "dogs"), None)


def test_a_record_that_comes_while_its_predecessor_is_written_is_written_too(outbox: Outbox) -> None:
    written: list[str] = []
    outbox.add(record("a"))

    def put(each: MemeRecord) -> None:
        if not written:
            outbox.add(record("a", "dogs"))
        written.append(each.topic)

    outbox.drain(put)
    assert written == ["cats", "dogs"]


def test_threads_may_add_while_another_drains(outbox: Outbox, in_threads: Run) -> None:
    written: list[str] = []

    def work(number: int) -> None:
        if number == 0:
            for _ in range(10):
                outbox.drain(lambda each: written.append(each.id))
        else:
            for each in range(5):
                outbox.add(record(f"{number}-{each}"))

    assert in_threads(4, work) == [None] * 4
    outbox.drain(lambda each: written.append(each.id))
    assert sorted(written) == sorted(f"{number}-{each}" for number in (1, 2, 3) for each in range(5))
    assert [each for each in written if each.startswith("1")] == [f"1-{each}" for each in range(5)]
