"""How small failures become: deviations left, beside the fewest there are, and what finding them cost.

``python -m benchmarks.shrinking [FOLDER …]`` takes the programs in ``examples/`` (functions named ``scenario``), or those of the folders
given (``buggy`` as well). Each is made to fail by several policies from several seeds, at both granularities, and what was found is shrunk.

The fewest there are is looked for among all schedules with fewer deviations than were left: "at the least" says that none of them
fails in the same way, "cut off" that there were too many to try. The search knows deviations that take another task, and those that
hold the default task back, as the shrinker does, and shares no code with that but the replay.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import logging
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import greenroom
from greenroom.execution import MAX_STEPS, Execution, execute
from greenroom.explore import checked, explained, installed
from greenroom.failure import same_failure
from greenroom.policies.replay import Watched
from greenroom.schedule import HOLD, Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from greenroom.execution import Options
    from greenroom.failure import Failure

POLICIES = ("portfolio", "random", "pct", "pos")
NAMES = ("buggy", "scenario")
MOST_TRIED = 20_000
NEEDS_TIMERS = "timers explored"


@dataclass
class Row:
    """What was measured of one program at one granularity."""

    name: str
    found: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    executions: list[int] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    too_many: int = 0
    cut_off: int = 0

    def __str__(self) -> str:
        verdict = f"{self.too_many} NOT the fewest" if self.too_many else "cut off" if self.cut_off else "at the least"
        return (
            f"{self.name:<36}{len(self.left):>5}{statistics.median(self.found):>9,.0f}{statistics.median(self.left):>8.0f}"
            f"{max(self.left):>7}{statistics.median(self.executions):>12,.0f}{max(self.executions):>8,}"
            f"{statistics.median(self.cpu_s):>10.2f}{max(self.cpu_s):>8.2f}   {verdict}"
        )


HEAD = f"{'program':<36}{'runs':>5}{'found':>9}{'left':>8}{'worst':>7}{'executions':>12}{'worst':>8}{'CPU s':>10}{'worst':>8}   fewest"


def programs(folders: list[Path]) -> Iterator[tuple[str, Callable[[], Any], str]]:
    """The failing programs of the folders: name, scenario, and how timers go."""
    for path in (path for folder in folders for path in sorted(folder.glob("*.py"))):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        scenario = next((getattr(module, name) for name in NAMES if hasattr(module, name)), None)
        if scenario is not None:
            yield path.stem, scenario, "explored" if NEEDS_TIMERS in (module.__doc__ or "") else "lazy"


def measure(name: str, scenario: Callable[[], Any], timers: str, granularity: str, seeds: int) -> Row:
    """One program at one granularity: found, shrunk, and compared with the fewest there are."""
    row = Row(f"{name}, {granularity}")
    options = checked(scenario, 1, MAX_STEPS, timers, (), granularity)
    fewest: dict[str, int | None] = {}
    for policy, seed in itertools.product(POLICIES, range(seeds)):
        report = greenroom.explore(
            scenario, executions=3000, policy=policy, seed=seed, timers=timers, granularity=granularity, shrink=False, max_seconds=20
        )
        if report.failure is None:
            continue
        found = Execution(report.failure.schedule, 0, 0, 0.0, report.failure, report.failure.history)
        started = time.process_time()
        counted = Counted(scenario)
        with installed(scenario, options):
            failure = explained(counted, found, options, shrink=True)
            row.cpu_s.append(time.process_time() - started)
            row.executions.append(counted.calls)
            row.found.append(len(report.failure.schedule))
            row.left.append(len(failure.schedule))
            kind = repr((type(failure.error), failure.claim.rpartition("(")[2]))
            if kind not in fewest or (fewest[kind] or 0) > len(failure.schedule):
                fewest[kind] = fewer_than(scenario, failure, options)
        row.cut_off += fewest[kind] is None
        row.too_many += (least := fewest[kind]) is not None and least < len(failure.schedule)
    return row


class Counted:
    """The scenario, and how often it was run."""

    def __init__(self, scenario: Callable[[], Any]) -> None:
        self.calls = 0
        self._scenario = scenario
        self.__qualname__ = scenario.__qualname__

    def __call__(self) -> Any:
        self.calls += 1
        return self._scenario()


def fewer_than(scenario: Callable[[], Any], failure: Failure, options: Options) -> int | None:
    """The fewest deviations that show the failure, if fewer than it has; else how many it has; None if that was not to be found out."""
    tried = 0
    level: list[tuple[tuple[int, str], ...]] = [()]
    for count in range(min(len(failure.schedule), 3)):
        following = []
        for deviations in level:
            tried += 1
            if tried > MOST_TRIED:
                return None
            policy = Watched(Schedule(deviations))
            again = execute(scenario, policy, None, options)
            if again.failure is not None and same_failure(again.failure, failure):
                return count
            if count + 1 < len(failure.schedule):
                following += [(*deviations, more) for more in _more(policy, deviations)]
        level = following
    return len(failure.schedule) if len(failure.schedule) <= 3 else None


def _more(policy: Watched, deviations: tuple[tuple[int, str], ...]) -> Iterator[tuple[int, str]]:
    first = deviations[-1][0] + 1 if deviations else 0
    for decision, (default, *others) in enumerate(policy.options):
        if decision >= first:
            yield from ((decision, other) for other in (*others, f"{HOLD}{default}") if not other.startswith(f"{HOLD}#"))


def main() -> int:
    """Print the table; the exit code is 1 where something was left with more than the fewest deviations."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shrinking", description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="*", type=Path, default=[Path("examples")], metavar="FOLDER")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(HEAD)
    rows = []
    for name, scenario, timers in programs(options.folders):
        for granularity in ("message", "line"):
            row = measure(name, scenario, timers, granularity, options.seeds)
            if row.left:
                rows.append(row)
                print(row, flush=True)
    left = [count for row in rows for count in row.left]
    if left:
        cpu_s = [seconds for row in rows for seconds in row.cpu_s]
        print(f"\n{len(left)} failures: deviations left, median {statistics.median(left):g}, worst {max(left)}; ", end="")
        print(f"CPU seconds, median {statistics.median(cpu_s):.2f}, worst {max(cpu_s):.2f}; ", end="")
        print(f"{sum(row.too_many for row in rows)} with more than the fewest")
    return int(any(row.too_many for row in rows))


if __name__ == "__main__":
    sys.exit(main())
