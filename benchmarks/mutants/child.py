"""What a child does: runs machines over the copy of the service that it has imported, and says what each found."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
from hypothesis.stateful import run_state_machine_as_test

import dspy_meme_gen
from greenroom import run_machine
from greenroom.machine import ACTORS_VARIABLE
from greenroom.machine_run import program_of
from greenroom.policies.drawn import Drawn
from greenroom.shrink_programs import deviations_of
from machines.__main__ import MACHINES
from machines.finding import Watch, finding, watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenroom import ActorMachine
    from greenroom.policy import Policy
    from greenroom.steps import Program

RUNS = 250  # of a candidate while a failure is made smaller


class Walking:
    """Mixed into a machine: whatever schedule is drawn, every choice is a fair one among all tasks that can run."""

    def policy_for(self: Any, schedule: bytes) -> Policy:
        """A plain random walk; the same for the same program so far, so that an example can be run again."""
        steps = [(step.rule, repr(step.arguments)) for step in self.program.steps]
        chance = random.Random(f"{schedule!r} {self.steps} {steps}")
        return Drawn(chance.randrange, most=sys.maxsize)


def run_jobs(path: str, jobs: Sequence[str], *, shrink: bool) -> Iterator[dict[str, Any]]:
    """Run the jobs, one after another: "machine:mode:seed:examples" each. `path` is where the service must have been imported from."""
    imported = Path(dspy_meme_gen.__file__).resolve()
    assert imported.is_relative_to(Path(path).resolve()), f"dspy_meme_gen is imported from {imported}, and not from the copy in {path}"
    for job in jobs:
        machine, mode, seed, examples = job.split(":")
        yield run(MACHINES[machine], mode, int(seed), int(examples), shrink=shrink)


def run(machine: type[ActorMachine], mode: str, seed: int, examples: int, *, shrink: bool) -> dict[str, Any]:
    """The fields of a Result, without the budget and the versions."""
    os.environ[ACTORS_VARIABLE] = "threads" if mode == "threads" else "stage"
    if mode == "random":
        machine = type(machine.__name__, (Walking, machine), {})
    kind, watch = watched(machine)
    chosen = finding(examples)
    started = time.process_time()
    complaint = ""
    size: dict[str, int] = {}
    seeded: Any = hypothesis.seed(seed)(kind)
    try:
        if shrink and mode == "stage":
            run_machine(seeded, settings=chosen, shrink="greenroom", runs=RUNS)
        else:
            run_state_machine_as_test(seeded, settings=chosen)
    except Exception as error:  # noqa: BLE001 - the machine's claim, or Hypothesis's own complaint
        complaint = _first_line(error)
        if shrink and mode == "stage":
            size = _size(getattr(error, "greenroom_program", None) or program_of(error))
    return _found(watch, complaint) | {"cpu_s": round(time.process_time() - started, 1)} | size


def _found(watch: Watch, complaint: str) -> dict[str, Any]:
    if watch.error is not None:
        return {"verdict": "killed", "example": watch.examples, "error": _first_line(watch.error)}
    return {"verdict": "undecided" if complaint else "survived", "example": watch.examples, "error": complaint}


def _size(program: Program | None) -> dict[str, int]:
    if program is None:
        return {}
    steps = [step for step in program.steps if step.rule != "choose_ending"]
    return {"rules": len(steps), "deviations": deviations_of(program)}


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:160]
