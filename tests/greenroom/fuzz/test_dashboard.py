"""What a person sees while a run goes on, when a failure is found, and at the end."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from greenroom.fuzz import summary
from greenroom.fuzz.charts import Mark, chart
from greenroom.fuzz.coordinator import Limits
from greenroom.fuzz.dashboard import Dashboard, block, duration, one_line
from greenroom.fuzz.distinct import fingerprint
from greenroom.fuzz.failures import FoundFailure
from greenroom.fuzz.page import page
from greenroom.fuzz.plan import Batch
from greenroom.fuzz.state import State, TestRecord


class Run:
    """Stands for a coordinator in the middle of a run."""

    def __init__(self):
        self.limits = Limits(minutes=10, examples=None, workers=2, memory_mb=600)
        self.state = State(["tests"], 7, session=1, elapsed_s=75.0, started="2026-01-01T00:00:00+00:00", peak_mb=210.0)
        self.state.tests["t.py::one"] = TestRecord("t.py::one", examples=1234, seconds=80.0)
        for number in range(12):
            self.state.tests["t.py::one"].schedules.add(fingerprint(number))
        for second in range(60):
            self.state.elapsed_s = second * 1.25
            self.state.tests["t.py::one"].behaviours.add(fingerprint(second // 20))
            self.state.sample(100.0 + second)
        self.session_s, self.session_examples = 75.0, 1234
        self.stopping = ""
        self.found_now = set()
        self.batch = Batch(3, "tests/t.py::one", 1, 100, replays=False)

    def view(self):
        return {"workers": [(1, 210.0, "tests/t.py::one", True, True), (2, 0.0, "", False, False)]}


@pytest.fixture
def run():
    return Run()


@pytest.fixture
def failure():
    text = "Failing test case: test(a=<1>)\n\n  picture"
    return FoundFailure(
        "ab", "t.py::one", "ValueError", "odd <b>", "t.py:3", text=text, replay="pytest t.py::one", found_s=61.0, shrunk=True
    )


def test_the_block_says_how_it_goes_in_a_few_lines(run, failure):
    run.state.failures["ab"] = failure
    lines = "\n".join(block(run, 16.4, "Account: 'read' from Teller first"))
    for word in (
        "1:15 of 10:00",
        "1,234",
        "16/s",
        "schedules",
        "12",
        "behaviours",
        "█",
        "Account: 'read'",
        "210 MB",
        "shrinking t.py::one",
        "starting",
    ):
        assert word in lines
    assert len(lines.splitlines()) == 7


def test_a_run_that_ends_says_so(run):
    run.stopping = "interrupted"
    assert "Ctrl-C again" in block(run, 0.0, "")[0]


def test_failures_that_are_being_shrunk_and_those_of_earlier_sessions_are_told_apart(run, failure):
    run.state.session = 2
    failure.still = False
    run.state.failures["ab"] = failure
    run.state.failures["cd"] = FoundFailure("cd", "t.py::one", "KeyError", "x", "t.py:9", session=2)
    assert "2   (1 being shrunk)   1 from earlier sessions, of which 1 did not fail again" in "\n".join(block(run, 0.0, ""))


def test_on_a_terminal_the_block_is_drawn_over_itself_and_what_stays_scrolls(run, failure, clock):
    out = io.StringIO()
    dashboard = Dashboard(out, live=True, clock=clock)
    dashboard.show(run)
    dashboard.show(run)
    drawn = out.getvalue()
    assert drawn.count("examples") == 1
    clock.now += 1
    dashboard.show(run)
    assert out.getvalue()[len(drawn) :].startswith("\033[7F\033[J")
    dashboard.failure(failure, 1)
    dashboard.close()
    assert out.getvalue().endswith("again: pytest t.py::one\n\n")


def test_in_a_log_there_is_a_line_now_and_then_without_escapes(run, clock):
    out = io.StringIO()
    dashboard = Dashboard(out, live=False, clock=clock)
    for _ in range(120):
        clock.now += 1
        dashboard.show(run)
    assert out.getvalue().count("\n") == 4
    assert "\033" not in out.getvalue()


def test_a_run_goes_on_though_nobody_reads_its_output_any_more(run, failure):
    class Closed(io.StringIO):
        def flush(self):
            raise BrokenPipeError

    dashboard = Dashboard(Closed(), live=True)
    dashboard.failure(failure, 1)
    dashboard.show(run)
    dashboard.close()


def test_examples_a_second_are_those_of_late(run, clock):
    dashboard = Dashboard(io.StringIO(), live=True, clock=clock)
    rates = []
    for second in range(40):
        clock.now = float(second)
        rates.append(dashboard._rate(clock.now, 10 * second if second < 20 else 200))
    assert rates[19] == pytest.approx(10.0)
    assert rates[-1] == 0.0


def test_a_failure_is_told_with_its_number_its_test_its_claim_its_text_and_how_to_see_it_again(failure):
    out = io.StringIO()
    Dashboard(out, live=False).failure(failure, 2)
    head = "✗ failure 2, after 1:01, in t.py::one\nValueError: odd <b> (t.py:3)"
    assert out.getvalue() == f"\n{head}\nFailing test case: test(a=<1>)\n\n  picture\nagain: pytest t.py::one\n\n"


def test_one_line_for_a_log(run):
    assert one_line(run, 16.4) == "1:15: 1,234 examples (16/s), 12 distinct schedules, 3 behaviours, 0 failures, 210, 0 MB"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (61.9, "1:01"), (3599, "59:59"), (7384, "2:03:04")])
def test_durations_are_written_as_on_a_clock(seconds, text):
    assert duration(seconds) == text


def test_the_summary_is_one_json_object_with_all_counts(run, failure):
    run.state.failures["ab"] = failure
    value = json.loads(summary.as_json(run.state, run.limits, {"t.py::plain": "no test of Hypothesis"}, ended="time"))
    assert (value["examples"], value["distinct_schedules"], value["behaviours"], value["counts_are_exact"]) == (1234, 12, 3, True)
    assert value["failures"][0]["text"] == failure.text
    assert value["tests"] == [
        {"test": "t.py::one", "batches": 0, "examples": 1234, "seconds": 80.0, "distinct_schedules": 12, "behaviours": 3, "failures": 1}
    ]
    assert value["over_time"][-1]["behaviours"] == 3


@pytest.mark.parametrize(
    ("new", "still", "words"),
    [
        (True, True, "failures: 1 new failure\n"),
        (False, True, "0 new failures, 1 of earlier sessions still fails"),
        (False, False, "1 of earlier sessions did not fail again"),
    ],
)
def test_the_last_lines_say_what_is_new_and_what_still_fails(run, failure, *, new, still, words):
    failure.still = still
    run.state.failures["ab"] = failure
    run.found_now = {"ab"} if new else set()
    assert words in summary.as_text(run, Path("out/summary.html"))


def test_the_page_stands_alone_and_shows_texts_as_they_are(run, failure):
    run.state.failures["ab"] = failure
    run.state.incident("worker died", text="killed by SIGKILL in <t>")
    html = page(run.state, run.limits, {"t.py::plain": "no test of Hypothesis"}, ended="time")
    assert html.count("<svg") == 4
    assert "test(a=&lt;1&gt;)" in html
    assert "odd &lt;b&gt;" in html
    assert "in &lt;t&gt;" in html
    assert "http" not in html
    assert "<script" not in html
    assert "prefers-color-scheme: dark" in html


def test_a_page_can_be_drawn_before_anything_has_happened(run):
    assert "None so far." in page(State([], 0), run.limits, {}, ended="")


def test_a_chart_reaches_from_its_first_point_to_its_last_and_marks_what_happened():
    drawing = chart("Failures", [(0, 0), (10, 1), (20, 1)], steps=True, marks=[Mark(10, "odd <b>")])
    assert "<title>odd &lt;b&gt;</title>" in drawing
    assert 'd="M56.0 164.0L301.0 164.0L301.0 87.0L546.0 87.0L546.0 87.0"' in drawing
    assert "0:20" in drawing
