"""``python -m machines`` sums up what was done, and says what it cannot make sense of."""

from __future__ import annotations

import pytest

from machines import __main__ as command


def test_the_command_sums_up_what_held(capsys, monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "stage")
    assert command.main(["pipeline", "--examples", "5", "--seed", "1"]) == 0
    out = capsys.readouterr().out
    for row in ("pipeline: held", "examples", "distinct schedules", "operations checked", "deepest inbox", "worst latency", "peak memory"):
        assert row in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["nosuch"], "there is no machine 'nosuch'"), (["pipeline", "--replay", "!!"], "machines:")],
)
def test_a_command_that_makes_no_sense_says_so(arguments, complaint, capsys, monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "stage")
    assert command.main(arguments) == 2
    assert complaint in capsys.readouterr().err
