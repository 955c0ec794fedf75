"""Colours are added to a picture, and take nothing away from it."""

import io
import re

import pytest

from greenroom.render.colour import coloured, wants_colour

PICTURE = """\
scenario: 2 executions, 2 distinct schedules, 45 steps, 360 executions per CPU second
Deadlock: A-1 waits for B-2 waits for A-1
  inbox of A-1: 'open'

     main     A-1
     ──────── ────────
     → A-1 #1 ▶ ● #1 ask
  … 3 events are left out
end  ✗ waits for A-1   done
  ▶ chosen against the default order

replay: greenroom replay x.py::scenario 'g1:2=A-1'"""
RED, YELLOW, BOLD, DIM = "\033[31m", "\033[1;33m", "\033[1m", "\033[2m"


def test_without_its_colours_the_text_is_what_it_was():
    assert re.sub(r"\033\[[0-9;]*m", "", coloured(PICTURE)) == PICTURE


def test_what_matters_stands_out():
    lines = coloured(PICTURE).split("\n")
    assert lines[0] == PICTURE.split("\n", maxsplit=1)[0]
    assert lines[1].startswith("\033[1;31mDeadlock: ")
    assert lines[4].startswith(BOLD)
    assert lines[5].startswith(DIM)
    assert f"{YELLOW}▶" in lines[6]
    assert lines[7].startswith(DIM)
    assert f"{RED}✗ waits for A-1\033[0m" in lines[8]
    assert lines[11].endswith(f"{BOLD}greenroom replay x.py::scenario 'g1:2=A-1'\033[0m")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "variables", "expected"),
    [
        (Terminal(), {}, True),
        (io.StringIO(), {}, False),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (Terminal(), {"TERM": "dumb"}, False),
    ],
)
def test_a_terminal_gets_colours_and_a_log_gets_none(monkeypatch, stream, variables, expected):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(stream) is expected
