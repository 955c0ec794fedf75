"""Which cells there are to be, and in which order: what is most worth knowing first."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.mutants.cell import MODES, Cell, Mode
from benchmarks.mutants.mutant import ROOT, SERVICE, UNCHANGED, Mutant

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.mutants.cell import Result, Results
    from benchmarks.mutants.children import Budget

SEEDS: Final = (0, 1, 2)
SHRUNK: Final = 0
"""The one seed whose failures are made small."""


class Versions:
    """What a result was measured with: a digest of the patch (of the whole service, where there is none), and one of the machine.

    A machine is the modules of its class and of those that it is made from; models and helpers are left out, or nearly every change of the
    suite would void the whole matrix.
    """

    def __init__(self, known: Sequence[Mutant], machines: Mapping[str, type]) -> None:
        self._mutants = {mutant.name: mutant.digest for mutant in known} | {UNCHANGED: _digest(*sorted((ROOT / SERVICE).rglob("*.py")))}
        self._machines = {name: _digest(*_modules(machine)) for name, machine in machines.items()}

    def of(self, cell: Cell) -> tuple[str, ...]:
        """The digests that go with a cell; "none" for what is no more."""
        return self._mutants.get(cell.mutant, "none"), self._machines.get(cell.machine, "none")


def phases(known: Sequence[Mutant], machines: Sequence[str]) -> Iterator[list[tuple[Mutant, list[Cell]]]]:
    """The whole matrix, in three parts, each with all of its mutants.

    First each mutant's own machine on the stage, from one seed. Then the same machine's other seeds, and the two other modes beside it.
    Then all the other machines, on the stage, from one seed.
    """
    mine = [(mutant, mutant.machine) for mutant in known if mutant.machine in machines]
    yield [(mutant, [Cell(mutant.name, machine, "stage", SHRUNK)]) for mutant, machine in mine]
    beside = [(mode, seed) for mode in MODES for seed in SEEDS if (mode, seed) != ("stage", SHRUNK)]
    yield [(mutant, [Cell(mutant.name, machine, mode, seed) for mode, seed in beside]) for mutant, machine in mine]
    yield [(mutant, [Cell(mutant.name, each, "stage", SHRUNK) for each in machines if each != mutant.machine]) for mutant in known]


def chosen(
    known: Sequence[Mutant], machines: Sequence[str], modes: Sequence[Mode], seeds: Sequence[int]
) -> Iterator[list[tuple[Mutant, list[Cell]]]]:
    """Every combination."""
    yield [
        (mutant, [Cell(mutant.name, machine, mode, seed) for machine in machines for mode in modes for seed in seeds]) for mutant in known
    ]


def baseline(cells: Sequence[Cell]) -> list[Cell]:
    """The runs over the service as it is that must find nothing, for those of these cells to mean anything."""
    return list(dict.fromkeys(Cell(UNCHANGED, cell.machine, cell.mode, cell.seed) for cell in cells))


def missing(cells: Sequence[Cell], results: Results, versions: Versions, budget: Budget) -> list[Cell]:
    """Those without a result, or with one that was measured with other versions or another budget, or whose size is wanted."""
    return [cell for cell in cells if not _stands(cell, results.by_cell.get(cell), versions, budget)]


def _stands(cell: Cell, result: Result | None, versions: Versions, budget: Budget) -> bool:
    if result is None or (result.versions, result.examples) != (versions.of(cell), budget.examples):
        return False
    wanted = budget.shrink and cell.mode == "stage" and cell.seed == SHRUNK and result.verdict == "killed"
    return not wanted or result.rules is not None


def _modules(machine: type) -> list[Path]:
    ours = machine.__module__.partition(".")[0]
    names = dict.fromkeys(each.__module__ for each in machine.__mro__ if each.__module__.partition(".")[0] == ours)
    return [Path(sys.modules[name].__file__ or "") for name in names]


def _digest(*paths: Path) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(path.read_bytes())
    return whole.hexdigest()[:8]
