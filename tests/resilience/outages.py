"""What became of the service in each outage that a test made: measured, told at the end of a run, and written to RESILIENCE_REPORT.

Nothing is asserted here: the tests say what must hold, this says by how much it does.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tests.variables import resilience_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import pytest

RECOVERY_S, AVAILABILITY = 30.0, 0.999
"""The bars of the test strategy."""
PROPERTY = "outage"
_COLUMNS = ("outage", "away, s", "recovery, s", "requests", "availability, %", "lost", "twice", "bars")


@dataclass(frozen=True, slots=True)
class Outage:
    """One outage: how long something was away, and after how many seconds all was well again (None: nobody could tell).

    Of so many requests so many failed. `lost` are memes that were accepted and are not stored in the end, `twice` those that are stored
    more than once.
    """

    what: str
    away_s: float | None
    recovery_s: float | None
    requests: int
    failed: int
    lost: int
    twice: int

    @property
    def availability(self) -> float:
        return 1 - self.failed / self.requests if self.requests else 1.0

    @property
    def met(self) -> bool:
        soon = self.recovery_s is None or self.recovery_s < RECOVERY_S
        return soon and self.availability > AVAILABILITY and not self.lost and not self.twice


class Watch:
    """Takes the times of one outage; `tell` hands on what came of it."""

    def __init__(self, tell: Callable[[str, dict[str, Any]], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._tell, self._clock = tell, clock
        self._struck_s = self._restored_s = self._recovered_s = None

    def struck(self) -> None:
        """Something is away from now on."""
        self._struck_s = self._clock()

    def restored(self) -> None:
        """It is back: whatever takes longer is ours. Where several things were away, the last of them."""
        self._restored_s = self._clock()

    def recovered(self) -> None:
        """The service says that all is well."""
        self._recovered_s = self._clock()

    def report(self, what: str, *, requests: int, failed: int, made: Iterable[str], stored: Sequence[str]) -> Outage:
        """What came of it, from the ids of all memes that were accepted and of all that are stored."""
        outage = Outage(
            what=what,
            away_s=_between(self._struck_s, self._restored_s),
            recovery_s=_between(self._restored_s, self._recovered_s),
            requests=requests,
            failed=failed,
            lost=len(set(made) - set(stored)),
            twice=len(stored) - len(set(stored)),
        )
        self._tell(PROPERTY, asdict(outage))
        return outage


class OutageSummary:
    """A pytest plugin: a section at the end of the run, also where pytest-xdist ran the tests in other processes."""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        reports = [report for reports in terminalreporter.stats.values() for report in reports]
        outages = told(report for report in reports if getattr(report, "when", None) == "call")
        if not outages:
            return
        terminalreporter.section("outages")
        terminalreporter.write_line(as_text(outages))
        path = resilience_report()
        if path is not None:
            write(path, outages)
            terminalreporter.write_line(f"written to {os.path.relpath(path)}")


def told(reports: Iterable[pytest.TestReport]) -> list[Outage]:
    """The outages of these tests, by name."""
    found = [Outage(**value) for report in reports for name, value in report.user_properties if name == PROPERTY]
    return sorted(found, key=lambda outage: outage.what)


def as_text(outages: Sequence[Outage]) -> str:
    rows = [list(_COLUMNS), *map(_cells, outages)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        f"{row[0]:<{widths[0]}}  {'  '.join(f'{cell:>{width}}' for cell, width in zip(row[1:], widths[1:], strict=True))}" for row in rows
    ]
    return "\n".join([*lines, _bars()])


def as_markdown(outages: Sequence[Outage]) -> str:
    rows = [list(_COLUMNS), ["---"] + ["---:"] * (len(_COLUMNS) - 1), *map(_cells, outages)]
    return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), "", _bars()]) + "\n"


def as_json(outages: Sequence[Outage]) -> str:
    every = [{**asdict(outage), "availability": outage.availability, "met": outage.met} for outage in outages]
    return json.dumps({"bars": {"recovery_s": RECOVERY_S, "availability": AVAILABILITY}, "outages": every}, indent=1) + "\n"


def write(path: Path, outages: Sequence[Outage]) -> None:
    path.write_text(as_json(outages) if path.suffix == ".json" else as_markdown(outages), encoding="utf-8")


def _bars() -> str:
    return f"bars: recovery under {RECOVERY_S:g} s, availability over {AVAILABILITY:.1%}, nothing lost, nothing twice"


def _cells(outage: Outage) -> list[str]:
    times = ("-" if seconds is None else f"{seconds:.2f}" for seconds in (outage.away_s, outage.recovery_s))
    counts = (str(outage.requests), f"{100 * outage.availability:.3f}", str(outage.lost), str(outage.twice))
    return [outage.what, *times, *counts, "met" if outage.met else "NOT MET"]


def _between(began_s: float | None, ended_s: float | None) -> float | None:
    return None if began_s is None or ended_s is None else round(ended_s - began_s, 3)
