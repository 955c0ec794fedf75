"""What the summary of outages says, and where it says it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.resilience.outages import Outage, Watch, as_json, as_markdown, as_text

ROOT = Path(__file__).parents[2]
WELL = Outage("PostgreSQL killed", 5.0, 0.5, requests=2000, failed=1, lost=0, twice=0)


def test_a_watch_takes_the_times_and_counts_what_is_missing_and_what_is_there_twice():
    told, seconds = {}, iter([10.0, 15.0, 17.5])
    watch = Watch(told.__setitem__, lambda: next(seconds))
    watch.struck()
    watch.restored()
    watch.recovered()
    outage = watch.report("Redis", requests=4, failed=1, made=["a", "b", "c"], stored=["a", "a", "c", "from before"])
    assert outage == Outage("Redis", 5.0, 2.5, requests=4, failed=1, lost=1, twice=1)
    assert Outage(**told["outage"]) == outage
    assert outage.availability == 0.75


@pytest.mark.parametrize(
    "worse",
    [
        Outage("late", 5.0, 30.0, requests=2000, failed=0, lost=0, twice=0),
        Outage("away", 5.0, 0.5, requests=1000, failed=1, lost=0, twice=0),
        Outage("lost", 5.0, 0.5, requests=1000, failed=0, lost=1, twice=0),
        Outage("twice", 5.0, 0.5, requests=1000, failed=0, lost=0, twice=1),
    ],
    ids=lambda outage: outage.what,
)
def test_whoever_misses_a_bar_is_told_apart(worse):
    assert (WELL.met, worse.met) == (True, False)
    lines = as_text([WELL, worse]).splitlines()
    assert [line.endswith("NOT MET") for line in lines[1:3]] == [False, True]
    assert "| NOT MET |" in as_markdown([WELL, worse]).splitlines()[3]
    assert [each["met"] for each in json.loads(as_json([WELL, worse]))["outages"]] == [True, False]


OUTAGE = """
def test_outage(record_property):
    from dataclasses import asdict
    from tests.resilience.outages import Outage
    record_property("outage", asdict(Outage("a cable", None, 1.25, requests=10, failed=0, lost=0, twice=0)))
"""


@pytest.mark.parametrize("processes", [[], ["-n", "1"]], ids=["here", "in another process"])
@pytest.mark.parametrize("ending", ["json", "md"])
def test_a_run_ends_with_the_summary_and_writes_the_file(tmp_path, processes, ending):
    (tmp_path / "test_outage.py").write_text(OUTAGE, encoding="utf-8")
    report = tmp_path / f"outages.{ending}"
    environment = {**os.environ, "RESILIENCE_REPORT": str(report), "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])}
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "no:cacheprovider"]
    command += ["-p", "conftest", *processes, str(tmp_path / "test_outage.py")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split() for line in done.stdout.splitlines() if line.startswith("a cable")] == [
        ["a", "cable", "-", "1.25", "10", "100.000", "0", "0", "met"]
    ]
    written = report.read_text(encoding="utf-8")
    assert json.loads(written)["outages"][0]["recovery_s"] == 1.25 if ending == "json" else "| a cable | - | 1.25 |" in written
