"""Several machines at once: what is printed, what is written, and how it ends."""

import json
import os
import signal
import subprocess
import sys

import pytest

from benchmarks.mutants.mutant import FOLDER, ROOT, copy_service, plant, read
from machines.side_by_side import verdict

COMMAND = [sys.executable, "-m", "machines"]


def machines(folder, *arguments, path=ROOT):
    """Run them in a folder of their own: what Hypothesis keeps of a failure, or of an interruption, is nobody else's."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return subprocess.run([*COMMAND, *arguments], env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def test_it_prints_what_they_would_print_one_after_the_other(tmp_path):
    arguments = ("flow", "lifecycle", "--examples", "2", "--seed", "1", "--coverage")
    at_once, in_turn = (machines(tmp_path, *arguments, str(tmp_path / f"{workers}.json"), "--workers", workers) for workers in ("2", "1"))
    assert (at_once.returncode, in_turn.returncode) == (0, 0)

    def counted(printed):  # times, memory and whatever the process had imported before differ
        return [line for line in printed.splitlines() if line.split()[:1] not in (["time"], ["peak"])]

    assert counted(at_once.stdout) == counted(in_turn.stdout)
    assert at_once.stdout.endswith("2 machines checked: no failure\n")
    assert at_once.stderr.count("greenroom stage, profile dev") == 1
    documents = [json.loads((tmp_path / f"{workers}.json").read_text()) for workers in "21"]
    assert documents[0] == documents[1]
    assert list(documents[0]) == ["flow", "lifecycle"]


def test_where_one_fails_the_others_go_on(tmp_path):
    first = copy_service(tmp_path)
    plant(read(FOLDER / "breaker-opens-one-failure-late.patch"), tmp_path)
    arguments = ("cache", "breaker", "--examples", "20", "--seed", "0", "--shrink", "greenroom", "--workers", "2")
    run = machines(tmp_path, *arguments, path=f"{first}:{ROOT}")
    assert run.returncode == 1, run.stderr
    assert "cache: held\n" in run.stdout
    assert "breaker: FAILED\n" in run.stdout
    assert " -m machines breaker --replay '" in run.stdout
    assert run.stdout.endswith("2 machines checked: failures in breaker\n")


def test_ctrl_c_ends_all_of_them_with_what_they_have_done(tmp_path):
    command = [*COMMAND, "cache", "breaker", "supervision", "--examples", "100000", "--workers", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, start_new_session=True, cwd=tmp_path, env=environment) as process:
        begun = set()
        while begun != {"breaker", "supervision"}:
            begun |= {process.stderr.readline().partition(":")[0]} & {"cache", "breaker", "supervision"}
        os.killpg(process.pid, signal.SIGINT)
        printed, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "breaker: interrupted, no failure so far" in printed
    assert "supervision: interrupted, no failure so far" in printed
    assert printed.endswith("2 machines checked: interrupted\n")
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("codes", "whole"), [([0, 0], 0), ([0, 1, 0], 1), ([1, 2], 2), ([0, -9], 1), ([1, 130, 0], 130), ([0, 130], 130), ([], 130)]
)
def test_one_exit_code_tells_the_most_important(codes, whole):
    assert verdict({str(number): code for number, code in enumerate(codes)}) == whole
