"""What a run knows survives as a file, whole or not at all."""

from __future__ import annotations

import pytest

from greenroom.errors import UsageError
from greenroom.fuzz.distinct import fingerprint
from greenroom.fuzz.failures import FoundFailure
from greenroom.fuzz.state import State, TestRecord, replace_file


@pytest.fixture
def state():
    state = State(["tests"], 7, next_batch=12, elapsed_s=34.5, started="2026-01-01T00:00:00+00:00", peak_mb=210.0)
    test = state.tests["t.py::one"] = TestRecord("t.py::one", batches=3, examples=40, seconds=24.0, rate=2.0, share=9.0, replay_due=False)
    for number in range(5):
        test.schedules.add(fingerprint(number))
    state.failures["ab"] = FoundFailure("ab", "t.py::one", "ValueError", "odd", "t.py:3", text="picture", shrunk=True, times=4)
    state.incident("worker died", worker=1, text="killed by SIGKILL")
    state.sample(100.0)
    return state


def test_a_later_session_knows_what_an_earlier_one_did(state, tmp_path):
    path = tmp_path / "folder" / "state.json"
    state.save(path)
    again = State.load(path)
    assert again.failures == state.failures
    assert again.samples == state.samples
    assert again.incidents == state.incidents
    assert (again.examples, again.schedules, again.next_batch, again.elapsed_s) == (40, 5, 12, 34.5)
    assert again.tests["t.py::one"].share == 9.0


def test_what_is_saved_for_a_test_is_due_again_in_a_later_session(state, tmp_path):
    state.save(tmp_path / "state.json")
    assert State.load(tmp_path / "state.json").tests["t.py::one"].replay_due


def test_where_nothing_was_saved_there_is_nothing(tmp_path):
    assert State.load(tmp_path / "state.json") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}'])
def test_a_file_that_cannot_be_read_is_told_with_the_way_out(text, tmp_path):
    path = tmp_path / "state.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="--fresh"):
        State.load(path)


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "file"
    replace_file(path, "one")
    replace_file(path, "two")
    assert path.read_text(encoding="utf-8") == "two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_notes_over_time_become_fewer_and_not_more():
    state = State([], 0)
    for second in range(10_000):
        state.elapsed_s = float(second)
        state.sample(1.0)
    assert 200 <= len(state.samples) <= 480
    times = [sample.t_s for sample in state.samples]
    assert times == sorted(times)
    assert times[-1] > 9_900


def test_incidents_are_bounded():
    state = State([], 0)
    for number in range(1_000):
        state.incident("worker died", text=str(number))
    assert len(state.incidents) == 200
    assert state.incidents[-1]["text"] == "999"
