"""Whether a machine finds a mutant: for tests, which take a few of them by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.mutants.cell import Cell
from benchmarks.mutants.children import Budget
from benchmarks.mutants.mutant import FOLDER, read
from benchmarks.mutants.plan import Versions
from machines.__main__ import MACHINES

if TYPE_CHECKING:
    from benchmarks.mutants.children import Children


def first_example(children: Children, name: str, machine: str, *, seed: int = 0) -> int | None:
    """The number of the first example that fails, None if none of the budget does. Raises RuntimeError where that cannot be told."""
    mutant = read(FOLDER / f"{name}.patch")
    (result,) = children.run(mutant, [Cell(name, machine, "stage", seed)], Budget(), Versions([mutant], MACHINES))
    if result.verdict == "undecided":
        raise RuntimeError(f"whether {machine} finds {name} could not be told: {result.error}")
    return result.example if result.verdict == "killed" else None
