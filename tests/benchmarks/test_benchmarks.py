"""The benchmarks run, in small, and their verdicts are right; no figure is asserted here."""

from __future__ import annotations

import sys

import pytest

import greenroom
from benchmarks import __main__ as table
from benchmarks import memory, messages, peers, programs


@pytest.fixture(autouse=True)
def in_small(monkeypatch):
    for name in ("THREAD_RUNS", "STAGE_RUNS"):
        monkeypatch.setattr(table, name, 20)
    monkeypatch.setattr(messages, "IN_LINE", 100)
    monkeypatch.setattr(messages, "SHORT", 10)
    monkeypatch.setattr(messages, "LONG", 60)


def test_the_table_has_every_figure_with_its_bar(monkeypatch):
    monkeypatch.setattr(peers, "missing", lambda peer: f"{peer} is left out of tests")
    rounds = {name: [measure() or 1e-9] * 2 for name, measure in table.columns().items()}
    lines = table._throughput(rounds) + table._messages(rounds) + table._history(rounds)
    assert sum("bar >= 3 " in line for line in lines) == 1
    assert sum("bar <= 2.5 " in line for line in lines) == 4
    assert sum("bar <= 1.3 " in line for line in lines) == 1
    assert sum("is left out of tests; bar >=" in line for line in lines) == 2


def test_memory_is_told_after_each_slice():
    lines = table._memory(30)
    assert [line.split()[0] for line in lines[1:-1]] == ["30", "60", "90", "120", "150"]
    assert "bar <= 1.01" in lines[-1]
    assert len(memory.after_slices(5, 2)) == 2


def test_a_bar_is_met_or_not():
    assert table.verdict(3.0, 3, least=True).endswith("  met")
    assert table.verdict(2.99, 3, least=True).endswith("NOT MET")
    assert table.verdict(1.3, 1.3, least=False).endswith("  met")
    assert table.verdict(1.31, 1.3, least=False).endswith("NOT MET")


def test_ratios_are_of_one_round():
    assert table.ratio({"a": [1.0, 10.0, 4.0], "b": [1.0, 5.0, 1.0]}, "a", "b") == 2.0


def test_the_program_with_queues_sends_as_many_messages_as_the_one_with_actors():
    counts = [
        len(greenroom.run(program).history.of("send", "reply", "put"))
        for program in (programs.two_clients_with_queues, programs.two_clients)
    ]
    assert counts == [18, 18]


def test_a_peer_that_cannot_run_here_says_why(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9))
    assert peers.missing("frontrun") == "needs Python 3.10"
    monkeypatch.undo()
    monkeypatch.setattr(peers, "_MODULES", {"frontrun": "no_such_module_here"})
    assert peers.missing("frontrun") == "not installed"
