"""Whether the service has become slower: CPU of each stage of the pipeline and of each step, beside a stored baseline.

``python -m benchmarks.regression`` runs one recorded workload again and again, in turn with a loop that measures the machine, and compares.
It is a report: the exit code is 0 whatever it says, unless ``--fail`` asks for 1 where something is slower, and 2 where nothing could be
compared. ``--update`` stores what was measured as the new baseline.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from math import hypot, sqrt
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.stage_cost import Cost, measured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BASELINE: Final = Path(__file__).with_name("baseline.json")
ROUNDS: Final = 25
FLOOR: Final = 0.08
"""No change below this is told: two builds of the same Python differ by as much."""
ERRORS: Final = 4.0
"""How many standard errors the medians of two runs may lie apart."""
NORMAL: Final = 1.4826  # the standard deviation of a normal distribution, in median absolute deviations
OF_MEDIAN: Final = 1.2533  # the standard error of a median, in those of a mean

Figures = dict[str, tuple[float, float]]
"""For each name the median over the rounds, and its standard error; both in runs of the calibrating loop."""


def python() -> str:
    """Whose figures may be compared: another release of Python makes another program of the same source."""
    return f"{platform.python_implementation()} {sys.version_info.major}.{sys.version_info.minor}"


def machine() -> str:
    """The machine, as far as it tells."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor() or "unknown")
    return f"{platform.machine()}, {model}"


def figures(rounds: Sequence[Cost]) -> Figures:
    """What the rounds come to, by name."""
    columns = [each.normalised() for each in rounds]
    found: Figures = {}
    for name in columns[0]:
        values = [column[name] for column in columns]
        middle = median(values)
        spread = NORMAL * median(abs(value - middle) for value in values)
        found[name] = (middle, OF_MEDIAN * spread / sqrt(len(values)))
    return found


def tolerance(baseline: tuple[float, float], now: tuple[float, float]) -> float:
    """By which share two medians may differ, as the rounds of both runs have spread."""
    return max(FLOOR, ERRORS * hypot(baseline[1], now[1]) / baseline[0])


def verdicts(baseline: Figures, now: Figures) -> dict[str, str]:
    """Each figure is the same, slower or faster than it was; or new, or gone."""
    found = {name: "gone" for name in baseline if name not in now}
    for name, value in now.items():
        if name not in baseline:
            found[name] = "new"
            continue
        change, allowed = value[0] / baseline[name][0] - 1, tolerance(baseline[name], value)
        found[name] = "SLOWER" if change > allowed else "faster" if change < -allowed else "same"
    return found


def table(baseline: Figures, now: Figures) -> list[str]:
    """What, baseline, now, change, tolerance, verdict."""
    lines = [f"  {'':<28}{'baseline':>10}{'now':>10}{'change':>9}{'tolerance':>11}"]
    judged = verdicts(baseline, now)
    for name, verdict in sorted(judged.items(), key=lambda item: list(now).index(item[0]) if item[0] in now else len(now)):
        before, after = baseline.get(name), now.get(name)
        cells = f"{_shown(before):>10}{_shown(after):>10}"
        if before is not None and after is not None:
            cells += f"{after[0] / before[0] - 1:>+9.1%}{tolerance(before, after):>11.1%}"
        lines.append(f"  {name:<28}{cells}   {verdict}")
    return lines


def read(path: Path) -> dict[str, dict[str, object]]:
    """The stored baselines, by Python; none if there is no file."""
    found: dict[str, dict[str, object]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def stored(known: Mapping[str, object]) -> Figures:
    """The figures of a stored baseline."""
    values = known["figures"]
    assert isinstance(values, dict)
    return {name: (value["median"], value["error"]) for name, value in values.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, compare and print; the exit code is returned."""
    options = _parser().parse_args(arguments)
    rounds = measured(options.rounds)
    now = figures(rounds)
    baselines = read(options.baseline)
    known = baselines.get(python())
    print(f"{python()}, {machine()}; medians of {options.rounds} rounds of {rounds[0].requests} requests in {rounds[0].steps:,} steps")
    print("CPU in thousandths of the calibrating loop that ran beside each round\n")
    code = 0
    if known is None:
        stands = f"there are those of {', '.join(baselines)}" if baselines else "there is none at all"
        print(f"nothing is compared: {options.baseline} has no baseline of {python()} ({stands}); --update stores this run as one\n")
        print("\n".join(f"  {name:<28}{_shown(value):>10}" for name, value in now.items()))
        code = 2 if options.fail else 0
    else:
        if known["machine"] != machine():
            print(
                f"the baseline is of another machine ({known['machine']}): what the calibrating loop does not level out is in the change\n"
            )
        if known["steps"] != rounds[0].steps:
            print(f"the workload took {known['steps']:,} steps then: it is not the same work\n")
        print("\n".join(table(stored(known), now)))
        slower = [name for name, verdict in verdicts(stored(known), now).items() if verdict == "SLOWER"]
        print(f"\n{'slower: ' + ', '.join(slower) if slower else 'nothing is slower'}")
        code = 1 if slower and options.fail else 0
    if options.update:
        values = {name: {"median": round(middle, 9), "error": round(error, 9)} for name, (middle, error) in now.items()}
        baselines[python()] = {"machine": machine(), "steps": rounds[0].steps, "rounds": options.rounds, "figures": values}
        options.baseline.write_text(json.dumps(baselines, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"stored in {options.baseline}")
        code = 0
    return code


def _shown(value: tuple[float, float] | None) -> str:
    return "-" if value is None else f"{value[0] * 1000:,.3f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regression", description="Compares CPU by stage with a stored baseline.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often the workload runs (default: {ROUNDS})")
    parser.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE.json", help="compare with this file")
    parser.add_argument("--update", action="store_true", help="store what was measured as the baseline of this Python")
    parser.add_argument("--fail", action="store_true", help="exit with 1 if something is slower, with 2 if nothing could be compared")
    return parser


if __name__ == "__main__":
    sys.exit(main())
