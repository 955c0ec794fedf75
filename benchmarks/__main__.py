"""greenroom beside Pykka's own threads and its peers, in one run: CPU seconds, medians of interleaved rounds, each figure with its bar.

``python -m benchmarks`` takes a few minutes; ``--quick`` runs fewer rounds, and a tenth of the executions for memory.
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import platform
import statistics
import sys
import time
from importlib import metadata
from typing import TYPE_CHECKING

import greenroom
from benchmarks import memory, messages, peers
from benchmarks.programs import pairs, senders, two_clients, two_clients_with_queues
from greenroom.execution import MAX_STEPS, Options, execute
from greenroom.explore import installed
from greenroom.policies import policy_named

if TYPE_CHECKING:
    from collections.abc import Callable

THREAD_RUNS = 150
STAGE_RUNS = 600
PEER_RUNS = 20
PEERS = ("interleave-test", "frontrun")
Rounds = dict[str, list[float]]


def on_threads() -> float:
    """Executions of the program per CPU second on Pykka's own threads."""
    started = time.process_time()
    for _ in range(THREAD_RUNS):
        two_clients()
    return THREAD_RUNS / (time.process_time() - started)


def on_stage(policy: str, program: Callable[[], None] = two_clients) -> float:
    """Executions of the program per CPU second under greenroom."""
    report = greenroom.explore(program, executions=STAGE_RUNS, policy=policy)
    report.raise_failure()
    return report.executions / report.cpu_s


def recording(*, history: bool) -> float:
    """CPU microseconds of one execution of the program under the default policy, with a history or without."""
    policy, options = policy_named("portfolio", 0), Options(MAX_STEPS, "lazy", ())
    started = time.process_time()
    with installed(two_clients) as shims:
        for number in range(STAGE_RUNS):
            policy.begin(number)
            execute(two_clients, policy, greenroom.History() if history else None, options)
        shims.collect()
    return (time.process_time() - started) / STAGE_RUNS * 1e6


def columns() -> dict[str, Callable[[], float]]:
    """What every round measures, by name."""
    measured: dict[str, Callable[[], float]] = {
        "threads": on_threads,
        "greenroom": lambda: on_stage("portfolio"),
        "greenroom random": lambda: on_stage("random"),
        "greenroom fifo": lambda: on_stage("fifo"),
        "greenroom queues": lambda: on_stage("portfolio", two_clients_with_queues),
        "history off": lambda: recording(history=False),
        "history on": lambda: recording(history=True),
    }
    for how in ("ask", "tell"):
        measured[f"{how} in line"] = lambda how=how: messages.in_line(how)
        measured[f"{how} fifo"] = lambda how=how: messages.on_stage(how, "fifo")
        measured[f"{how} random"] = lambda how=how: messages.on_stage(how, "random")
    for peer in PEERS:
        if not peers.missing(peer):
            measured[peer] = lambda peer=peer: peers.rate(peer, PEER_RUNS)
    return measured


def ratio(rounds: Rounds, one: str, other: str) -> float:
    """The median over the rounds of one figure divided by another of the same round."""
    return statistics.median(a / b for a, b in zip(rounds[one], rounds[other], strict=True))


def verdict(value: float, bar: float, *, least: bool) -> str:
    """A ratio beside its bar, and whether it is met."""
    met = value >= bar if least else value <= bar
    return f"x {value:.2f}   bar {'>=' if least else '<='} {bar:g}   {'met' if met else 'NOT MET'}"


def _throughput(rounds: Rounds) -> list[str]:
    lines = ["two clients, each a read and a write through asks: executions per CPU second"]

    def row(label: str, name: str, claim: str = "") -> None:
        lines.append(f"  {label:<44}{statistics.median(rounds[name]):>9,.0f}   {claim}".rstrip())

    row("greenroom, default policy", "greenroom")
    row("greenroom, random walk", "greenroom random")
    row("greenroom, default order", "greenroom fifo")
    row("Pykka's own threads", "threads", "greenroom is " + verdict(ratio(rounds, "greenroom", "threads"), 3, least=True))
    lines.append("the same messages with threads and queues")
    row("greenroom, default policy", "greenroom queues")
    for peer, bar in zip(PEERS, (10, 50), strict=True):
        version = "" if peers.missing(peer) else f" {metadata.version(peer)}, random"
        if peer not in rounds:
            lines.append(f"  {peer:<44}{'-':>9}   {peers.missing(peer)}; bar >= {bar}")
            continue
        row(peer + version, peer, "greenroom with actors is " + verdict(ratio(rounds, "greenroom", peer), bar, least=True))
        lines.append(f"  {'':<56}greenroom with queues is x {ratio(rounds, 'greenroom queues', peer):.2f}")
    return lines


def _messages(rounds: Rounds) -> list[str]:
    lines = ["one delivered message: CPU microseconds, two clients and one register"]
    for how in ("ask", "tell"):
        lines.append(f"  {how + ', Pykka in line, no scheduler':<44}{statistics.median(rounds[f'{how} in line']):>9.2f}")
        for policy, name in (("fifo", "default order"), ("random", "random walk")):
            value = verdict(ratio(rounds, f"{how} {policy}", f"{how} in line"), 2.5, least=False)
            lines.append(f"  {f'{how}, greenroom, {name}':<44}{statistics.median(rounds[f'{how} {policy}']):>9.2f}   {value}")
    return lines


def _history(rounds: Rounds) -> list[str]:
    value = verdict(ratio(rounds, "history on", "history off"), 1.3, least=False)
    return [
        "recording a history: CPU microseconds of one execution",
        f"  {'off':<44}{statistics.median(rounds['history off']):>9.0f}",
        f"  {'on':<44}{statistics.median(rounds['history on']):>9.0f}   {value}",
    ]


def _exhaustion() -> list[str]:
    lines = ["exhaust: executions until every inequivalent schedule was run"]
    programs = [("two clients, two asks each", two_clients, 6), ("three independent pairs", pairs(3), 1)]
    programs += [(f"{count} senders to one inbox", senders(count), math.factorial(count)) for count in (3, 4, 5, 6)]
    executions, cpu_s = 0, 0.0
    for name, scenario, expected in programs:
        report = greenroom.exhaust(scenario)
        report.raise_failure()
        executions, cpu_s = executions + report.executions, cpu_s + report.cpu_s
        met = "met" if report.exhausted and (report.executions, report.redundant) == (expected, 0) else "NOT MET"
        lines.append(f"  {name:<44}{report.executions:>9,}   bar {expected:,}   {met}")
    lines.append(f"  {'executions per CPU second, all of these':<44}{executions / cpu_s:>9,.0f}")
    return lines


def _memory(executions: int) -> list[str]:
    after = memory.after_slices(executions)
    lines = ["memory after so many executions: blocks allocated by Python, resident MiB"]
    lines += [f"  {executions * (number + 1):<44,}{blocks:>9,}   {mib:.1f}" for number, (blocks, mib) in enumerate(after)]
    growth = after[-1][0] / after[0][0]
    lines.append(f"  {'last compared with first':<53}   {verdict(growth, 1.01, least=False)}")
    return lines


def main() -> int:
    """Print the table; the exit code is 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and a tenth of the executions for memory")
    quick = parser.parse_args().quick
    measured = columns()
    rounds: Rounds = {name: [] for name in measured}
    for _ in range(3 if quick else 9):
        for name, measure in measured.items():
            rounds[name].append(measure())
    today = dt.datetime.now(tz=dt.UTC).date()
    print(f"{today}, Python {platform.python_version()}, {platform.machine()}; medians of {len(rounds['threads'])} interleaved rounds")
    for lines in (
        _throughput(rounds),
        _messages(rounds),
        _history(rounds),
        _exhaustion(),
        _memory(memory.SLICE // 10 if quick else memory.SLICE),
    ):
        print("\n" + "\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
