"""Counting distinct things: exactly while they are few, then by an estimate of bounded size."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from greenroom.fuzz.distinct import Distinct, fingerprint


def counter_of(count):
    counter = Distinct()
    for number in range(count):
        counter.add(fingerprint(number))
    return counter


def test_few_are_counted_exactly_and_each_once():
    counter = Distinct()
    assert [counter.add(fingerprint(word)) for word in ("a", "b", "a")] == [True, True, False]
    assert len(counter) == 2
    assert counter.exact


def test_nothing_is_none():
    assert len(Distinct()) == 0


@pytest.mark.parametrize("count", [5_000, 20_000, 200_000])
def test_many_are_estimated_within_five_hundredths(count):
    counter = counter_of(count)
    assert not counter.exact
    assert abs(len(counter) - count) < 0.05 * count


def test_what_was_added_before_does_not_count_again():
    counter = counter_of(20_000)
    before = len(counter)
    for number in range(20_000):
        assert not counter.add(fingerprint(number))
    assert len(counter) == before


@pytest.mark.parametrize("count", [10, 10_000])
def test_a_file_holds_all_of_it(count):
    counter = counter_of(count)
    text = json.dumps(counter.to_json())
    again = Distinct.from_json(json.loads(text))
    assert (len(again), again.exact) == (len(counter), counter.exact)
    assert not again.add(fingerprint(3))
    assert len(text) < 100_000


def test_a_fingerprint_is_the_same_in_every_process():
    code = "from greenroom.fuzz.distinct import fingerprint; print(fingerprint((1, 'two')))"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(there) == fingerprint((1, "two"))
