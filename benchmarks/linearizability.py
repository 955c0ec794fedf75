"""The linearizability checker on large histories: CPU milliseconds to accept and to reject, and what a check costs a search.

``python -m benchmarks.linearizability`` takes a quarter of a minute. The first four histories have the sizes of those that detangle (a peer
for asyncio) was measured with: 1,000 operations of 8 clients on 1 key, 205 ms to accept and 4.1 s to reject; 4,000 on 5 keys, 70 ms and
110 ms. Those were other histories, on another day: they tell the order of magnitude and no more.
"""

from __future__ import annotations

import datetime as dt
import platform
import random
import statistics
import time
from typing import Any

import pykka

import greenroom

ROUNDS = 9
EXECUTIONS = 300


class Cells:
    """Cells by their names, 0 at first, judged apart."""

    def init(self) -> int:
        """Nothing was written."""
        return 0

    def step(self, state: Any, call: Any) -> list[tuple[Any, Any]]:
        """``("read", cell)`` or ``("write", cell, value)``."""
        return [(None, call[2])] if call[0] == "write" else [(state, state)]

    def partition(self, call: Any) -> Any:
        """The cell."""
        return call[1]


class OneCell(Cells):
    """As ``Cells``, but all operations are judged together."""

    partition = None  # type: ignore[assignment]


def simulated(operations: int, clients: int, cells: int, *, wrong: bool, values: int = 1 << 30) -> greenroom.History:
    """What correct cells answer to clients that call at random moments; with ``wrong``, one late read gives what nobody wrote.

    Args:
        operations: how many, half of them writes.
        clients: each has one call at a time.
        cells: each call is about one of them.
        wrong: whether it is to be rejected.
        values: how many values are written; few of them leave many orders open.
    """
    generator = random.Random(0)
    kept: dict[int, int] = {}
    under_way: dict[int, tuple[greenroom.Operation, bool]] = {}
    made: list[greenroom.Operation] = []
    stamp = 0
    while len(made) < operations or under_way:
        stamp += 1
        client = generator.randrange(clients)
        if client not in under_way:
            if len(made) < operations:
                cell = generator.randrange(cells)
                name, arguments = ("read", (cell,)) if generator.random() < 0.5 else ("write", (cell, 1 + len(made) % values))
                call = greenroom.Operation(f"c{client}", name, arguments, len(made) + 1, invoked=stamp, invoked_ns=stamp)
                made.append(call)
                under_way[client] = call, False
            continue
        call, effective = under_way[client]
        if effective:
            call.answered = call.answered_ns = stamp
            del under_way[client]
        else:
            cell = call.arguments[0]
            if call.name == "read":
                call.result = kept.get(cell, 0)
            else:
                kept[cell] = call.arguments[1]
            under_way[client] = call, True
    if wrong:
        reads = [call for call in made if call.name == "read"]
        reads[len(reads) * 9 // 10].result = -1
    return greenroom.History(operations=made)


def judged_ms(history: greenroom.History, spec: greenroom.Spec, *, accepts: bool) -> tuple[float, int]:
    """CPU milliseconds of one judgement, and the configurations that it took."""
    checker = greenroom.linearizable(spec)
    started = time.process_time()
    judgement = checker.check(history)
    spent = time.process_time() - started
    assert judgement.verdict is (greenroom.Verdict.OK if accepts else greenroom.Verdict.VIOLATED)
    return spent * 1e3, judgement.explored


class _Cell(pykka.ThreadingActor):
    def __init__(self) -> None:
        super().__init__()
        self.value = 0

    def on_receive(self, message: Any) -> Any:
        if message[0] == "read":
            return self.value
        self.value = message[2]
        return None


class _Caller(pykka.ThreadingActor):
    def __init__(self, cell: Any, name: str) -> None:
        super().__init__()
        self.cell = cell
        self.client = greenroom.client(name)

    def on_receive(self, message: Any) -> None:
        for number in range(3):
            self.client.ask(self.cell, ("write", 0, message + number))
            self.client.ask(self.cell, ("read", 0))


def two_callers() -> None:
    """Two actors, each a client of one cell with six calls."""
    cell = _Cell.start()
    pykka.get_all([_Caller.start(cell, name).ask(10 * (place + 1), block=False) for place, name in enumerate("ab")])
    pykka.ActorRegistry.stop_all()


def executions_per_cpu_s(checks: Any) -> float:
    """Of an exploration with these checks."""
    report = greenroom.explore(two_callers, executions=EXECUTIONS, checks=checks)
    report.raise_failure()
    return report.executions / report.cpu_s


def main() -> int:
    """Print the table; the exit code is 0."""
    print(f"{dt.datetime.now(tz=dt.UTC).date()}, Python {platform.python_version()}, {platform.machine()}; medians of {ROUNDS} rounds")
    print("operations x clients x cells                CPU ms to accept, to reject   configurations")
    sizes: list[tuple[int, int, int, int, greenroom.Spec]] = [
        (1000, 8, 1, 1 << 30, Cells()),
        (4000, 8, 5, 1 << 30, Cells()),
        (1000, 8, 1, 5, Cells()),
        (4000, 8, 1, 1 << 30, OneCell()),
        (1000, 12, 1, 5, OneCell()),
    ]
    for operations, clients, cells, values, spec in sizes:
        spent, explored = [], []
        for wrong in (False, True):
            history = simulated(operations, clients, cells, wrong=wrong, values=values)
            rounds = [judged_ms(history, spec, accepts=not wrong) for _ in range(ROUNDS)]
            spent.append(statistics.median(each for each, _ in rounds))
            explored.append(rounds[0][1])
        few = "" if values == 1 << 30 else f", {values} values"
        name = f"{operations:,} x {clients} x {cells}{few}"
        print(f"  {name:<42}{spent[0]:>10.0f} {spent[1]:>14.0f}   {explored[0]:,}, {explored[1]:,}")
    print("explore, two clients with six calls each: executions per CPU second")
    kinds = {"without a check": None, "linearizable": greenroom.linearizable(Cells()), "linearizable, no_leak": None}
    kinds["linearizable, no_leak"] = [greenroom.linearizable(Cells()), greenroom.no_leak()]  # type: ignore[assignment]
    rates: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(3):
        for name, checks in kinds.items():
            rates[name].append(executions_per_cpu_s(checks))
    for name, found in rates.items():
        print(f"  {name:<42}{statistics.median(found):>10,.0f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
