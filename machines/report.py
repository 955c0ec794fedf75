"""What a person reads at the end: a summary for each machine, one line for all, and each failure with the command that replays it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machines.coverage import accounts, document, rules_of
from model.values import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from machines.coverage import Account
    from machines.session import Run

_BLOB = re.compile(r"@reproduce_failure\('[^']+', b'([^']+)'\)")
_SENTENCE = re.compile(r"\n*You can reproduce this (?:example|test case) by temporarily adding @reproduce_failure.*")


def print_failure(run: Run) -> None:
    """The broken claim, the shortest program that breaks it, the lanes picture, and the replay command."""
    assert run.error is not None
    for error in _leaves(run.error):
        notes = "\n".join(getattr(error, "__notes__", []))
        shared = "\n".join(getattr(run.error, "__notes__", []))
        print(f"\n✗ {run.name}: {type(error).__name__}: {error}")
        print(_SENTENCE.sub("", notes))
        blob = _BLOB.search(notes) or _BLOB.search(shared)
        if blob:
            print(f"replay: {_python()} -m machines {run.name} --replay '{blob[1]}'")
    print()


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _python() -> str:
    try:
        return str(Path(sys.executable).relative_to(Path.cwd()))
    except ValueError:
        return "python"


def print_summary(run: Run, *, interrupted: bool = False) -> None:
    """What a machine has done, and whether it held."""
    statistics = run.statistics
    held = "FAILED" if run.error is not None else "interrupted, no failure so far" if interrupted else "held"
    outcomes = "  ".join(f"{name} {count:,}" for name, count in statistics.outcomes.most_common())
    inbox = f"{statistics.deepest_inbox} messages ({statistics.deepest_inbox_of})" if statistics.deepest_inbox else "not measured"
    rows = [
        ("examples", f"{statistics.examples:,}"),
        ("steps", f"{statistics.steps:,}"),
        ("distinct schedules", f"{len(statistics.schedules):,}"),
        ("operations checked", f"{statistics.operations:,} client calls, {statistics.observations:,} observations against the model"),
        ("invariants held", f"{statistics.invariants:,} checks after steps, {statistics.memory_checks:,} memory checks at rest"),
        ("outcomes", outcomes or "none"),
        *((account.name, str(account)) for account in covered(run)),
        ("deepest inbox", inbox),
        ("worst latency", f"{statistics.worst_latency_s:g} virtual seconds, {statistics.worst_latency_steps:,} steps"),
        ("peak memory", f"{run.peak_memory / 1e6:,.0f} MB resident"),
        ("time", f"{run.wall_s:.1f} s ({run.cpu_s:.1f} s of CPU)"),
    ]
    print(f"\n{run.name}: {held}")
    for name, value in rows:
        print(f"  {name:<20}{value}")


def print_verdict(names: Sequence[str], failed: Sequence[str], *, interrupted: bool) -> None:
    """One line for all machines that ran."""
    checked = f"{len(names)} machine{'s' if len(names) != 1 else ''} checked"
    print(f"\n{checked}: {'failures in ' + ', '.join(failed) if failed else 'interrupted' if interrupted else 'no failure'}")


def covered(run: Run) -> tuple[Account, ...]:
    """What of its model, its rules and the outcomes a machine has visited, and what never."""
    places = getattr(run.machine, "places", None)
    outcomes = [outcome.__name__ for outcome in TERMINAL]
    return accounts(run.statistics.coverage, places() if places is not None else None, rules_of(run.machine), outcomes)


def coverage_document(runs: list[Run]) -> dict[str, Any]:
    """The coverage of all machines, whole, for a file."""
    return {run.name: {"examples": run.statistics.examples, **document(covered(run))} for run in runs}


def write_coverage(path: Path, document: dict[str, Any]) -> None:
    """Write what was visited, as JSON that a person can read."""
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
