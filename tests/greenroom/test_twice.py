"""``determinism``: a scenario run twice under each schedule, and the first event that differs."""

from __future__ import annotations

import json
import textwrap
import time

import pykka
import pytest

import greenroom
from greenroom.cli import main
from greenroom.policies.fifo import Fifo


def ticking(read):
    """The real clock where no shim finds it: in the frame of a generator."""
    while True:
        yield read()


TICKS = ticking(time.perf_counter_ns)


class Echo(pykka.ThreadingActor):
    def on_receive(self, message):
        return message


def converse(*words):
    echo = Echo.start()
    for word in words:
        echo.ask(word)
    echo.stop()


def test_accepts_a_scenario_that_keeps_to_what_the_stage_controls():
    compared = greenroom.determinism(lambda: converse("a", time.monotonic(), greenroom.choose("b", "c")), executions=7)
    assert compared.schedules == 7
    assert compared.events >= 7 * 8
    assert str(compared).endswith(f"7 schedules, each run twice, gave the same {compared.events} events both times")


def test_accepts_a_scenario_that_fails_the_same_way_each_time():
    def scenario():
        converse("a")
        assert greenroom.choose(False, True)

    assert greenroom.determinism(scenario).schedules == 10


def test_shows_the_first_event_that_differs_with_what_came_before():
    words = iter("abcdefgh")

    with pytest.raises(greenroom.NondeterminismEscaped) as escaped:
        greenroom.determinism(lambda: converse("first", next(words)))
    lines = str(escaped.value).splitlines()
    assert "under the same" not in lines[0]
    assert "the same schedule g1: gave two executions that part at event 6" in lines[0]
    assert lines[-3].endswith("main: send Echo-1#2 ask 'a'")
    assert lines[-2].endswith("main: send Echo-1#2 ask 'b'")
    assert (lines[-3][2], lines[-2][2]) == ("-", "+")
    assert len(lines) == 1 + 4 + 2 + 1
    assert "usual suspects" in lines[-1]


def test_tells_what_is_only_different_the_first_time():
    cache = []

    def scenario():
        converse("cold" if not cache else "warm")
        cache.append(1)

    with pytest.raises(greenroom.NondeterminismEscaped, match="only the first execution is different: something is made the first time"):
        greenroom.determinism(scenario)


def test_rejects_an_execution_that_ends_earlier():
    runs = []

    def scenario():
        runs.append(1)
        converse(*"abc"[: 4 - len(runs)])

    with pytest.raises(greenroom.NondeterminismEscaped, match=r"part at event \d+"):
        greenroom.determinism(scenario)


def test_rejects_another_ending_after_the_same_events():
    runs = []

    def scenario():
        runs.append(1)
        converse("a")
        assert len(runs) != 2

    with pytest.raises(greenroom.NondeterminismEscaped) as escaped:
        greenroom.determinism(scenario)
    assert "(the end) no failure" in str(escaped.value)
    assert "+ (the end) AssertionError: assert" in str(escaped.value)


def test_rejects_a_choice_that_is_not_there_the_second_time():
    runs = []

    class Last:
        begin = Fifo().begin

        def choose(self, options):
            return len(options) - 1

        def choose_value(self, count):
            return count - 1

    def scenario():
        runs.append(1)
        greenroom.choose(*range(9 if len(runs) == 1 else 3))

    with pytest.raises(greenroom.NondeterminismEscaped, match="cannot go on: decision 0: the schedule runs #8 here"):
        greenroom.determinism(scenario, policy=Last())


def test_rejects_the_real_clock():
    with pytest.raises(greenroom.NondeterminismEscaped, match="the real clock"):
        greenroom.determinism(lambda: converse(next(TICKS)))


def test_stops_when_a_systematic_policy_has_no_schedule_left():
    assert greenroom.determinism(lambda: greenroom.choose(1, 2, 3), policy="delay", executions=50).schedules == 3


def test_bad_arguments_are_refused():
    with pytest.raises(greenroom.UsageError, match="at least 1"):
        greenroom.determinism(lambda: None, executions=0)
    with pytest.raises(greenroom.UsageError, match="there is no policy"):
        greenroom.determinism(lambda: None, policy="dfs")


PROGRAM = textwrap.dedent("""
    import pykka
    import greenroom

    class Echo(pykka.ThreadingActor):
        def on_receive(self, message):
            return message

    counts = []

    def steady():
        echo = Echo.start()
        echo.ask("a")
        echo.stop()

    def drifting():
        counts.append(1)
        echo = Echo.start()
        echo.ask(len(counts))
        echo.stop()
""")


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "twice_program.py"
    path.write_text(PROGRAM)
    return path


def test_the_command_line_tells_by_its_exit_code(program, capsys):
    assert main(["determinism", f"{program}::steady", "-n", "3"]) == 0
    assert "3 schedules, each run twice, gave the same" in capsys.readouterr().out
    assert main(["determinism", f"{program}::drifting"]) == 1
    assert "ask 2" in capsys.readouterr().out
    assert main(["determinism", f"{program}::nothing"]) == 2


def test_the_command_line_prints_json(program, capsys):
    assert main(["determinism", f"{program}::steady", "--json", "-n", "3", "--policy", "random"]) == 0
    assert json.loads(capsys.readouterr().out) == {"deterministic": True, "schedules": 3, "events": 27}
    assert main(["determinism", f"{program}::drifting", "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["deterministic"] is False
    assert "part at event" in answer["difference"]
