"""A stage that has become slower is found and named, and nothing where nothing has changed. The clock here counts: no load disturbs it."""

from __future__ import annotations

import itertools
import json

import pytest

from benchmarks import regression, stage_cost
from benchmarks.stage_cost import REST, STAGES, Cost, measured
from machines import world


class Clock:
    """Goes on by one with each look, and by whatever work is said to cost."""

    def __init__(self):
        self.now = 0

    def __call__(self):
        self.now += 1
        return self.now


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(stage_cost, "REQUESTS", 8)


@pytest.fixture
def counted(few):
    """``counted()``: the figures of a run whose clock counts."""
    clock = Clock()

    def measure():
        return regression.figures(measured(3, clock=clock, calibrating=lambda: 1000.0))

    measure.clock = clock
    return measure


def slower(baseline, now):
    return [name for name, verdict in regression.verdicts(baseline, now).items() if verdict == "SLOWER"]


def test_the_same_program_is_the_same(counted):
    baseline, now = counted(), counted()
    assert baseline == now
    assert set(regression.verdicts(baseline, now).values()) == {"same"}


@pytest.mark.parametrize(
    ("function", "stage"), [("score", "scoring"), ("refine", "refining"), ("verify", "verification"), ("render", "image")]
)
def test_a_stage_that_has_become_slower_is_named_and_no_other(counted, monkeypatch, function, stage):
    baseline = counted()
    original = getattr(world, function)

    def slow(*arguments):
        counted.clock.now += 40
        return original(*arguments)

    monkeypatch.setattr(world, function, slow)
    assert slower(baseline, counted()) == [stage, "each step"]


def test_what_becomes_faster_is_no_failure(counted, monkeypatch):
    def slow(*arguments, original=world.score):
        counted.clock.now += 40
        return original(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(world, "score", slow)
        baseline = counted()
    assert regression.verdicts(baseline, counted())["scoring"] == "faster"


def test_a_busy_loop_is_found_by_the_clock_of_the_process(few, monkeypatch):
    baseline = regression.figures(measured(3))

    def busy(*arguments, original=world.score):
        sum(range(200_000))
        return original(*arguments)

    monkeypatch.setattr(world, "score", busy)
    assert "scoring" in slower(baseline, regression.figures(measured(3)))


def test_every_stage_costs_something_and_all_is_charged_once(few):
    clock = Clock()
    began = clock.now
    (cost,) = measured(1, clock=clock, calibrating=lambda: 1.0)
    assert all(cost.spent[stage] > 0 for stage in (*STAGES.values(), REST))
    assert sum(cost.spent.values()) < clock.now - began


def rounds(*scoring):
    return [Cost({"scoring": value, REST: 1000}, 1.0, 1, 10) for value in scoring]


def test_the_tolerance_is_learnt_from_how_the_rounds_spread():
    steady = regression.figures(rounds(100, 100, 101, 100, 99))
    noisy = regression.figures(rounds(100, 60, 150, 100, 130, 70))
    assert regression.tolerance(steady["scoring"], steady["scoring"]) == regression.FLOOR
    assert regression.tolerance(steady["scoring"], noisy["scoring"]) > 0.4
    assert slower(steady, regression.figures(rounds(120, 120, 121, 120, 119))) == ["scoring"]
    assert slower(noisy, regression.figures(rounds(120, 80, 170, 120, 150, 90))) == []


def test_one_round_that_was_disturbed_says_nothing():
    assert slower(regression.figures(rounds(100, 100, 101, 100, 99)), regression.figures(rounds(100, 100, 9999, 100, 99))) == []


@pytest.fixture
def command(monkeypatch, tmp_path, capsys):
    """``command(scoring, *arguments)``: the exit code and what is printed where scoring costs so much."""
    path = tmp_path / "baseline.json"

    def run(scoring, *arguments):
        monkeypatch.setattr(regression, "measured", lambda _: rounds(scoring, scoring, scoring))
        code = regression.main([*arguments, "--baseline", str(path)])
        return code, capsys.readouterr().out

    run.path = path
    return run


def test_where_there_is_no_baseline_it_is_said_and_only_asked_for_it_is_a_failure(command):
    code, told = command(100)
    assert code == 0
    assert "nothing is compared: " in told
    assert "there is none at all" in told
    assert command(100, "--fail")[0] == 2


def test_a_baseline_is_stored_compared_with_and_failed_by_only_where_it_is_asked_for(command):
    assert command(100, "--update")[0] == 0
    assert command(100) == (0, command(100)[1])
    assert "nothing is slower" in command(100, "--fail")[1]
    code, told = command(200)
    assert code == 0
    assert "slower: scoring" in told
    assert command(200, "--fail")[0] == 1


def test_another_python_is_not_compared_and_another_machine_is_told(command, monkeypatch):
    command(100, "--update")
    monkeypatch.setattr(regression, "machine", lambda: "another machine")
    assert "the baseline is of another machine (" in command(100)[1]
    monkeypatch.setattr(regression, "python", lambda: "PyPy 9.9")
    code, told = command(100)
    assert code == 0
    assert "has no baseline of PyPy 9.9 (there are those of CPython 3." in told
    command(100, "--update")
    assert len(json.loads(command.path.read_text(encoding="utf-8"))) == 2


def test_other_work_is_told(command, monkeypatch):
    command(100, "--update")
    known = json.loads(command.path.read_text(encoding="utf-8"))
    for each in known.values():
        each["steps"] = 11
    command.path.write_text(json.dumps(known), encoding="utf-8")
    assert "the workload took 11 steps then: it is not the same work" in command(100)[1]


def test_the_stored_baseline_can_be_read_and_has_every_stage():
    baselines = regression.read(regression.BASELINE)
    assert baselines
    for known in baselines.values():
        assert set(itertools.chain(STAGES.values(), (REST, "each step"))) <= set(regression.stored(known))
