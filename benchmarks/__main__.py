"""Engine throughput, side by side with Pykka's own threads, in one run. CPU seconds, medians of interleaved rounds."""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING

import greenroom
from benchmarks.programs import two_clients

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 7
THREAD_RUNS = 300
STAGE_RUNS = 1_500


def on_threads() -> float:
    """Executions of the program per CPU second on Pykka's own threads."""
    started = time.process_time()
    for _ in range(THREAD_RUNS):
        two_clients()
    return THREAD_RUNS / (time.process_time() - started)


def on_stage(policy: str) -> float:
    """Executions of the program per CPU second under greenroom."""
    report = greenroom.explore(two_clients, executions=STAGE_RUNS, policy=policy)
    report.raise_failure()
    return report.executions / report.cpu_s


def recorded(executions: int = 500) -> tuple[float, float]:
    """CPU seconds for the default order without a history, and with one."""
    started = time.process_time()
    greenroom.explore(two_clients, executions=executions, policy="fifo")
    middle = time.process_time()
    for _ in range(executions):
        greenroom.run(two_clients)
    return middle - started, time.process_time() - middle


def main() -> int:
    """Print the table; the exit code is 0."""
    columns: dict[str, Callable[[], float]] = {
        "pykka's own threads": on_threads,
        "greenroom, default order": lambda: on_stage("fifo"),
        "greenroom, random walk": lambda: on_stage("random"),
        "greenroom, portfolio": lambda: on_stage("portfolio"),
    }
    rounds: dict[str, list[float]] = {name: [] for name in columns}
    for _ in range(ROUNDS):
        for name, measure in columns.items():
            rounds[name].append(measure())
    print("two clients, each a read and a write through asks: executions per CPU second, median of", ROUNDS, "interleaved rounds")
    base = rounds["pykka's own threads"]
    for name, values in rounds.items():
        ratio = statistics.median(value / other for value, other in zip(values, base, strict=True))
        print(f"  {name:<26}{statistics.median(values):>8,.0f}   x {ratio:.2f}   ({min(values):,.0f} to {max(values):,.0f})")
    without, with_history = recorded()
    print(f"  one recorded run() costs {with_history / without:.2f} x one unrecorded execution of explore()")
    return 0


if __name__ == "__main__":
    sys.exit(main())
