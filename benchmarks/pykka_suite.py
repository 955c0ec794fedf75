"""Runs Pykka's own test suite on greenroom's stage: ``python -m benchmarks.pykka_suite``.

The tests come from the source distribution of the installed Pykka, through pip; nothing of them is kept in this repository. The suite runs
on Pykka's own threads first, then on the stage under the default order, then under as many random schedules as asked for. Exit code:
0 if every test that passes on threads passes on the stage under the default order, 1 if one does not, 2 if the suite cannot be had.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"
# Tests of the suite make actors fail and leave it at that.
MEANT = ("ActorDied",)
RESOURCES = ("pytest-mock==3.15.1",)  # what the suite asks of pytest, and this project does not


class Unavailable(Exception):
    """The suite cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of the suite: how many passed and were skipped, and the first line of why each other one did not."""

    passed: int
    skipped: int
    failed: dict[str, str] = field(default_factory=dict)


def main(arguments: list[str] | None = None) -> int:
    """Fetch, run, print; the exit code is returned."""
    options = _parser().parse_args(arguments)
    version = metadata.version("pykka")
    with tempfile.TemporaryDirectory() as scratch:
        try:
            folder = options.folder or fetch(version, Path(scratch))
            helpers = Path(scratch) / "helpers"
            if importlib.util.find_spec("pytest_mock") is None:
                _pip("install", "--no-deps", "--target", str(helpers), *RESOURCES)
        except Unavailable as error:
            print(f"pykka_suite: {error}", file=sys.stderr)
            return 2
        on_threads = run(folder, helpers, [])
        in_order = run(folder, helpers, _on_stage("fifo", 0))
        print(f"pykka {version}, {len(on_threads.failed) + on_threads.passed + on_threads.skipped} tests of its own suite\n")
        _print("on Pykka's own threads", on_threads)
        _print("on the stage, default order", in_order)
        for seed in range(options.seed, options.seed + options.schedules):
            _print(f"on the stage, {options.policy}, seed {seed}", run(folder, helpers, _on_stage(options.policy, seed, options.timers)))
    return 1 if in_order.failed.keys() - on_threads.failed.keys() else 0


def fetch(version: str, scratch: Path) -> Path:
    """The unpacked source distribution of Pykka ``version``, in a folder below ``scratch``.

    Raises:
        Unavailable: pip is missing, or cannot get it.
    """
    _pip("download", "--no-deps", "--no-binary", "pykka", "--dest", str(scratch), f"pykka=={version}")
    archive = next(scratch.glob("pykka-*.tar.gz"), None)
    if archive is None:
        raise Unavailable(f"pip brought no source distribution of pykka {version}")
    with tarfile.open(archive) as opened:
        opened.extractall(scratch, filter="data")
    folder = scratch / f"pykka-{version}"
    if not (folder / "tests").is_dir():
        raise Unavailable(f"the source distribution of pykka {version} holds no tests")
    return folder


def run(folder: Path, helpers: Path, options: list[str]) -> Outcome:
    """Run the suite in ``folder`` once, in a process of its own; ``helpers`` holds what its tests import besides."""
    result = folder / "result.xml"
    result.unlink(missing_ok=True)
    plugins = [] if _is_installed() else ["-p", "greenroom.pytest_plugin"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins, *_mock(helpers), *options]
    command += [f"--junitxml={result}", "tests", "examples"]
    paths = os.pathsep.join([str(SOURCE), str(helpers)])
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1) or not result.is_file():
        raise SystemExit(f"pykka_suite: pytest ended with code {done.returncode}\n{done.stdout}{done.stderr}")
    return _outcome(result)


def _outcome(result: Path) -> Outcome:
    passed = skipped = 0
    failed: dict[str, str] = {}
    for case in ET.parse(result).getroot().iter("testcase"):
        broken = [part for part in case if part.tag in ("failure", "error")]
        if broken:
            why = (broken[0].get("message") or "").strip().splitlines() or ["no message"]
            failed[f"{case.get('classname')}::{case.get('name')}"] = why[0]
        elif any(part.tag == "skipped" for part in case):
            skipped += 1
        else:
            passed += 1
    return Outcome(passed, skipped, failed)


def _print(title: str, outcome: Outcome) -> None:
    skipped = f", {outcome.skipped} skipped" if outcome.skipped else ""
    print(f"{title}: {outcome.passed} passed, {len(outcome.failed)} failed{skipped}", flush=True)
    for name, why in outcome.failed.items():
        print(f"    {name}\n        {why}")


def _on_stage(policy: str, seed: int, timers: str = "lazy") -> list[str]:
    ignored = [part for name in MEANT for part in ("--stage-ignore", name)]
    return ["--on-stage", "--stage-policy", policy, "--stage-seed", str(seed), "--stage-timers", timers, *ignored]


def _mock(helpers: Path) -> list[str]:
    return ["-p", "pytest_mock"] if helpers.is_dir() else []


def _is_installed() -> bool:
    return any(point.value == "greenroom.pytest_plugin" for point in metadata.entry_points(group="pytest11"))


def _pip(*arguments: str) -> None:
    """Run pip, this environment's own or uv's."""
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip"]
    elif shutil.which("uv"):
        command = ["uv", "tool", "run", "pip"]
    else:
        raise Unavailable("neither pip nor uv is here; install one, or give --folder an unpacked source distribution of Pykka")
    words = [*command, "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Unavailable(f"pip {arguments[0]} failed ({last}); without a network, give --folder an unpacked source distribution of Pykka")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pykka_suite", description="Pykka's own tests on greenroom's stage.")
    parser.add_argument("--schedules", type=int, default=3, help="how many random schedules of each test, besides (default: 3)")
    parser.add_argument("--policy", default="random", help="the policy of those schedules (default: random)")
    parser.add_argument("--seed", type=int, default=1, help="the first of their seeds (default: 1)")
    parser.add_argument(
        "--timers", choices=("lazy", "explored"), default="lazy", help="explored: in those, a timeout may strike at any point"
    )
    parser.add_argument("--folder", type=Path, default=None, help="an unpacked source distribution of Pykka, in place of a download")
    return parser


if __name__ == "__main__":
    sys.exit(main())
