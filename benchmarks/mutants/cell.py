"""A cell of the matrix, and what was found there; the results are kept in a file, one cell a line."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Mode = Literal["stage", "random", "threads"]
Verdict = Literal["killed", "survived", "undecided"]
MODES: Final[tuple[Mode, ...]] = ("stage", "random", "threads")


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One run: a machine over a mutant, from a seed. `mode` is how tasks are scheduled."""

    mutant: str
    machine: str
    mode: Mode
    seed: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found.

    `example` is the number of the example that killed it (of those that were tried, if none did), `error` the first line of what that
    raised (why it is undecided, if it is). `rules` and `deviations` are the size of the shrunk program, where it was shrunk. `versions`
    are the digests of what it was measured with, and `examples` the budget.
    """

    verdict: Verdict
    example: int
    error: str
    cpu_s: float
    examples: int
    versions: tuple[str, ...]
    rules: int | None = None
    deviations: int | None = None


class Results:
    """Results by cell, in a file that has grown by a line with each of them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.by_cell: dict[Cell, Result] = dict(_read(path)) if path.exists() else {}

    def add(self, cell: Cell, result: Result) -> None:
        """Keep a result, in place of an earlier one of that cell. It is in the file at once: a run may be cut short."""
        self.by_cell[cell] = result
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(cell, result))

    def tidy(self, known: Iterable[str]) -> None:
        """Write the file anew: in order, each cell once, and none of a mutant that is no more."""
        names = set(known)
        kept = sorted((cell, result) for cell, result in self.by_cell.items() if cell.mutant in names)
        self._path.write_text("".join(_line(cell, result) for cell, result in kept), encoding="utf-8")


def _line(cell: Cell, result: Result) -> str:
    fields = {name: value for name, value in {**asdict(cell), **asdict(result)}.items() if value is not None}
    return json.dumps(fields, ensure_ascii=False) + "\n"


def _read(path: Path) -> Iterable[tuple[Cell, Result]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        cell = Cell(*(fields.pop(name) for name in ("mutant", "machine", "mode", "seed")))
        yield cell, Result(**{**fields, "versions": tuple(fields["versions"])})
