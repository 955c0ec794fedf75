"""Hypothesis hears of schedules: as events in its statistics, and with every observation where those are asked for."""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import TYPE_CHECKING, Any, Final

from greenroom import told

if TYPE_CHECKING:
    from pathlib import Path

    from greenroom.told import Ran

_STEPS: Final = (0, 1, 3, 7, 15)


def say(ran: Ran) -> None:
    """Count an execution in the statistics of the running Hypothesis test, if there is one."""
    if ran.schedule is None or "hypothesis" not in sys.modules:
        return
    from hypothesis import currently_in_test_context, event  # noqa: PLC0415 - only where the program has loaded it

    if not currently_in_test_context():
        return
    event(f"greenroom: {_bucket(len(ran.schedule))} from the default order")
    for outcome in ran.outcomes:
        event(f"greenroom: an operation {outcome}")


def _bucket(deviations: int) -> str:
    before = -1
    for most in _STEPS:
        if deviations <= most:
            low = before + 1
            return f"{most if low == most else f'{low} to {most}'} deviation{'' if most == 1 else 's'}"
        before = most
    return f"more than {before} deviations"


class Observations:
    """Writes each observation of Hypothesis as a line of JSON into a file, with the executions of that example among its features.

    See "Observability" in the documentation of Hypothesis for what a line holds.
    """

    def __init__(self, folder: Path, process: str) -> None:
        from hypothesis.internal.observability import add_observability_callback  # noqa: PLC0415 - as above

        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        today = dt.datetime.now(tz=dt.UTC).date()
        self.path = folder / f"{today.isoformat()}-{process}.jsonl"
        self._ran: list[Ran] = []
        told.listeners.append(self._ran.append)
        add_observability_callback(self._write, all_threads=True)

    def close(self) -> None:
        """Observe no longer."""
        from hypothesis.internal.observability import remove_observability_callback  # noqa: PLC0415 - as above

        remove_observability_callback(self._write)
        told.listeners.remove(self._ran.append)

    def _write(self, observation: Any, thread: int) -> None:
        from hypothesis.strategies._internal.utils import to_jsonable  # noqa: PLC0415 - as above

        line: Any = to_jsonable(observation, avoid_realization=False)
        if observation.type == "test_case":
            line["features"] = {**line["features"], "greenroom": [_features(ran) for ran in self._ran]}
            self._ran.clear()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**line, "thread": thread}, ensure_ascii=False) + "\n")


def _features(ran: Ran) -> dict[str, Any]:
    failed = None if ran.failure is None else ran.failure.headline
    schedule = None if ran.schedule is None else str(ran.schedule)
    return {"scenario": ran.scenario, "schedule": schedule, "steps": ran.steps, "tasks": list(ran.tasks), "failed": failed}
