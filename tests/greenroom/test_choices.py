from __future__ import annotations

import threading

import pytest

import greenroom


def test_a_choice_takes_each_value(outcomes):
    assert outcomes(lambda: greenroom.choose("crash", "slow", "fine")) == {"crash", "slow", "fine"}


def test_off_stage_the_first_value_is_taken():
    assert greenroom.choose("first", "second") == "first"
    greenroom.checkpoint("nothing happens")


def test_one_value_is_no_choice():
    assert greenroom.run(lambda: greenroom.choose("only")).decisions == 0
    with pytest.raises(greenroom.UsageError, match="at least one value"):
        greenroom.choose()


def test_a_choice_is_shrunk_and_replayed_like_a_schedule():
    def scenario():
        assert (greenroom.choose(*range(3)), greenroom.choose(*range(3)), greenroom.choose(*range(3)))[1] != 2

    failure = greenroom.explore(scenario).failure
    assert str(failure.schedule) == "g1:1=#2"
    assert greenroom.replay(scenario, "g1:1=#2").failure is not None


def test_a_checkpoint_lets_shared_state_be_raced_for(outcomes):
    def scenario():
        row = {"n": 0}

        def bump():
            greenroom.checkpoint("row")
            value = row["n"]
            greenroom.checkpoint("row")
            row["n"] = value + 1

        threads = [threading.Thread(target=bump) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return row["n"]

    assert outcomes(scenario) == {1, 2}
