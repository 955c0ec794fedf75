"""``python -m benchmarks.mutants``: plants each fault in a copy of the service, and shows which machine finds it, after how many examples.

It goes on where it was: what is in the results file, and was measured with the same patch, machine and budget, is not run again.
Ctrl-C ends at once, with the table so far. Exit codes: 0 every mutant that was run is killed, 1 one survives all, or a machine finds
something in the service as it is, 2 the command made no sense, 130 interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.mutants import plan, table
from benchmarks.mutants.cell import MODES, Cell, Result, Results
from benchmarks.mutants.children import Budget, Children
from benchmarks.mutants.mutant import FOLDER, ROOT, UNCHANGED, Mutant, MutantInvalid, mutants
from machines.__main__ import MACHINES

if TYPE_CHECKING:
    from collections.abc import Sequence

RESULTS = FOLDER / "results.jsonl"
PAGE = ROOT / "docs" / "mutants.md"


class Matrix:
    """Fills in the results, cell by cell."""

    def __init__(self, known: Sequence[Mutant], results: Results, budget: Budget, workers: int) -> None:
        self._versions = plan.Versions(known, MACHINES)
        self._results = results
        self._budget = budget
        self._workers = workers
        self._children = Children()
        self._lock = threading.Lock()

    def fill(self, phases: Sequence[list[tuple[Mutant, list[Cell]]]]) -> None:
        """Run what is missing; the service as it is comes first, for otherwise a kill says nothing."""
        with ThreadPoolExecutor(self._workers) as pool, self._children:
            try:
                for phase in phases:
                    todo = [(mutant, self._missing(cells)) for mutant, cells in phase]
                    todo = [(mutant, cells) for mutant, cells in todo if cells]
                    unchanged = self._missing(plan.baseline([cell for _, cells in todo for cell in cells]))
                    for batch in ([(None, [cell]) for cell in unchanged], todo):
                        for done in as_completed([pool.submit(self._run, mutant, cells) for mutant, cells in batch]):
                            done.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _missing(self, cells: Sequence[Cell]) -> list[Cell]:
        return plan.missing(cells, self._results, self._versions, self._budget)

    def _run(self, mutant: Mutant | None, cells: list[Cell]) -> None:
        # The results first: zip ends at the first that ends, and only a run that is taken to its end gives its nursery back.
        for result, cell in zip(self._children.run(mutant, cells, self._budget, self._versions), cells, strict=False):
            with self._lock:
                self._results.add(cell, result)
                print(_line(cell, result), file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the matrix, or only show it; the exit code is returned."""
    options = _parser().parse_args(arguments)
    wrong = [name for name in options.machines or () if name not in MACHINES]
    if wrong:
        print(f"mutants: there is no machine {wrong[0]!r}; choose among {', '.join(MACHINES)}", file=sys.stderr)
        return 2
    try:
        every = mutants()
    except MutantInvalid as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    known = [mutant for mutant in every if Path(mutant.name).match(options.mutants)]
    if not known:
        print(f"mutants: no mutant is named like {options.mutants!r}; there are {len(every)}, in {FOLDER}", file=sys.stderr)
        return 2
    results = Results(options.results)
    code = 0
    if not options.report:
        code = _fill(options, known, results)
        results.tidy([UNCHANGED, *(mutant.name for mutant in every)])
    versions = plan.Versions(every, MACHINES)
    print(table.text(known, results, list(MACHINES), versions))
    if options.write:
        table.write(PAGE, every, results, list(MACHINES), versions)
    return code or int(bool(table.complaints(known, results)))


def _fill(options: argparse.Namespace, known: Sequence[Mutant], results: Results) -> int:
    budget = Budget(options.examples, options.limit, shrink=options.shrink == "greenroom")
    machines, modes, seeds = options.machines or list(MACHINES), options.mode or list(MODES), options.seeds or list(plan.SEEDS)
    if options.machines and not options.expected:
        phases = list(plan.chosen(known, machines, modes, seeds))
    else:
        phases = list(plan.phases(known, machines))[: 2 if options.expected else None]
    wanted = [
        [(mutant, [cell for cell in cells if cell.mode in modes and cell.seed in seeds]) for mutant, cells in part] for part in phases
    ]
    try:
        Matrix(known, results, budget, options.workers).fill(wanted)
    except KeyboardInterrupt:
        print("interrupted; what is done is kept, and is not run again", file=sys.stderr)
        return 130
    except MutantInvalid as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    return 0


def _line(cell: Cell, result: Result) -> str:
    where = f"{cell.mutant}: {cell.machine}, {cell.mode}, seed {cell.seed}"
    if result.verdict == "killed":
        size = "" if result.rules is None else f", shrunk to {result.rules} rules with {result.deviations} deviations"
        return f"{where}: killed by example {result.example}{size} ({result.cpu_s:g} s of CPU): {result.error}"
    return f"{where}: {result.verdict.upper()} after {result.example} examples ({result.cpu_s:g} s of CPU) {result.error}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mutants", description="Which machine finds which planted fault, after how many examples."
    )
    parser.add_argument("--mutants", metavar="GLOB", default="*", help="only mutants with such a name")
    parser.add_argument("--machines", metavar="NAMES", type=_names, default=None, help="only these machines, over every mutant: cache,flow")
    parser.add_argument("--mode", type=_modes, default=None, help="stage, random (walk) or threads; several with commas (default: all)")
    parser.add_argument("--seeds", type=_seeds, default=None, help="default: 0,1,2")
    parser.add_argument("--expected", action="store_true", help="each mutant only against its own machine")
    parser.add_argument("--examples", type=int, default=150, help="the budget of a run (default: 150, as in CI)")
    parser.add_argument(
        "--limit", type=float, default=900.0, metavar="SECONDS", help="real time after which a run is undecided (default: 900)"
    )
    parser.add_argument(
        "--shrink", choices=("greenroom", "none"), default="none", help="make what is found on the stage small, and note the size"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes at a time (default: 1)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help=f"default: {RESULTS.relative_to(ROOT)}")
    parser.add_argument("--report", action="store_true", help="run nothing, only show what is known")
    parser.add_argument("--write", action="store_true", help="write the table into docs/mutants.md too")
    return parser


def _names(text: str) -> list[str]:
    return text.split(",")


def _modes(text: str) -> list[str]:
    wrong = [mode for mode in text.split(",") if mode not in MODES]
    if wrong:
        raise argparse.ArgumentTypeError(f"{wrong[0]!r} is no mode; choose among {', '.join(MODES)}")
    return text.split(",")


def _seeds(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends this ends its children
    sys.exit(main())
