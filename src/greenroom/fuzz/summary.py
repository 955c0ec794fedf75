"""What a long run amounted to, as JSON and in a few lines of text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from greenroom.fuzz.dashboard import duration

if TYPE_CHECKING:
    from pathlib import Path

    from greenroom.fuzz.coordinator import Coordinator, Limits
    from greenroom.fuzz.state import State, TestRecord


def as_json(state: State, limits: Limits, left_out: dict[str, str], *, ended: str) -> str:
    """Everything but the machinery: totals, tests, failures, what went wrong, and how it all grew.

    Times are seconds of the whole run, earlier sessions included; memory is megabytes (10⁶ bytes) of one worker.
    """
    value = {
        "arguments": state.arguments,
        "seed": state.seed,
        "started": state.started,
        "sessions": state.session,
        "ended": ended or "still running",
        "elapsed_s": round(state.elapsed_s, 1),
        "workers": limits.workers,
        "memory_mb_max": limits.memory_mb,
        "peak_worker_mb": round(state.peak_mb, 1),
        "examples": state.examples,
        "examples_per_s": round(state.examples / state.elapsed_s, 1) if state.elapsed_s else 0.0,
        "distinct_schedules": state.schedules,
        "behaviours": state.behaviours,
        "counts_are_exact": state.exact,
        "failures": [failure.to_json() for failure in state.failures.values()],
        "tests": [test_as_json(test, state) for test in state.tests.values()],
        "left_out": left_out,
        "incidents": state.incidents,
        "over_time": [{name: getattr(sample, name) for name in type(sample).__slots__} for sample in state.samples],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def test_as_json(test: TestRecord, state: State) -> dict[str, Any]:
    """One test's row of the table."""
    return {
        "test": test.id,
        "batches": test.batches,
        "examples": test.examples,
        "seconds": round(test.seconds, 1),
        "distinct_schedules": len(test.schedules),
        "behaviours": len(test.behaviours),
        "failures": sum(failure.test == test.id for failure in state.failures.values()),
    }


def as_text(run: Coordinator, html: Path) -> str:
    """The last lines that the command prints."""
    state = run.state
    about = "" if state.exact else "about "
    new = len(run.found_now)
    still = sum(failure.still for failure in state.failures.values()) - sum(state.failures[name].still for name in run.found_now)
    gone = len(state.failures) - new - still
    parts = [f"{new} new failure{'s' if new != 1 else ''}"]
    parts += [f"{still} of earlier sessions still fail{'s' if still == 1 else ''}"] if still else []
    parts += [f"{gone} of earlier sessions did not fail again"] if gone else []
    unfinished = sum(not failure.shrunk for failure in state.failures.values())
    parts += [f"{unfinished} not yet shrunk (the next session goes on with it)"] if unfinished else []
    rate = run.session_examples / run.session_s if run.session_s else 0.0
    counts = (
        f"{duration(run.session_s)}: {run.session_examples:,} examples ({rate:,.0f}/s); in all {state.examples:,} examples, "
        f"{about}{state.schedules:,} distinct schedules, {state.behaviours:,} behaviours; at most {state.peak_mb:,.0f} MB in a worker"
    )
    lines = [counts, "failures: " + ", ".join(parts) if state.failures else "no failure"]
    if state.incidents and any(incident["session"] == state.session for incident in state.incidents):
        lines.append("something went wrong besides: see the summary")
    return "\n".join([*lines, f"summary: {html}"])
