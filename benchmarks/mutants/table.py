"""The matrix as text and as a page's table: mutant by machine, examples to the kill, and the same with other schedules or with none."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

from benchmarks.mutants.mutant import UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from benchmarks.mutants.cell import Mode, Result, Results
    from benchmarks.mutants.mutant import Mutant
    from benchmarks.mutants.plan import Versions

BEGINS: Final = "<!-- the matrix begins: written by python -m benchmarks.mutants --report --write -->"
ENDS: Final = "<!-- the matrix ends -->"


def text(known: Sequence[Mutant], results: Results, machines: Sequence[str], versions: Versions) -> str:
    """The matrix for a terminal, what it comes to, and what is wrong."""
    rows = [["mutant", *machines, "size", "random walk", "threads"]]
    rows += [[mutant.name, *_row(mutant, results, machines)] for mutant in known]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += ["", *_sums(known, results, machines), *complaints(known, results), *doubts(known, results, versions)]
    return "\n".join(lines)


def write(page: Path, known: Sequence[Mutant], results: Results, machines: Sequence[str], versions: Versions) -> None:
    """Put the table between its two marks in a page. Raises ValueError if they are not there."""
    before, begins, rest = page.read_text(encoding="utf-8").partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ValueError(f"{page} lacks the lines between which the table stands: {BEGINS!r} and {ENDS!r}")
    heads = ["mutant", "class", *machines, "size", "random walk", "threads"]
    lines = [_bar(heads), _bar(["---"] * len(heads))]
    for mutant in known:
        link = f"[{mutant.name.replace('-', ' ')}](../benchmarks/mutants/{mutant.name}.patch)"
        lines.append(_bar([link, mutant.bug_class, *_row(mutant, results, machines, own="**{}**")]))
    below = [*_sums(known, results, machines), *complaints(known, results), *doubts(known, results, versions)]
    lines += ["", *(f"- {line}" for line in below)]
    page.write_text(before + BEGINS + "\n\n" + "\n".join(lines) + "\n\n" + ENDS + after, encoding="utf-8")


def complaints(known: Sequence[Mutant], results: Results) -> list[str]:
    """What must not be: a mutant that no run on the stage kills, and a machine that finds fault with the service as it is."""
    found = []
    for mutant in known:
        verdicts = [result.verdict for cell, result in results.by_cell.items() if cell.mutant == mutant.name and cell.mode == "stage"]
        if verdicts and "killed" not in verdicts:
            found.append(f"{mutant.name} survives: no machine kills it")
    for cell, result in sorted(results.by_cell.items()):
        if cell.mutant == UNCHANGED and result.verdict != "survived":
            found.append(f"the unchanged service: {cell.machine}, {cell.mode}, seed {cell.seed}: {result.verdict}: {result.error}")
    return found


def doubts(known: Sequence[Mutant], results: Results, versions: Versions) -> list[str]:
    """Why not to rely on them: runs of another version, and kills by what was never run over the service as it is."""
    names = {mutant.name for mutant in known}
    shown = {cell: result for cell, result in results.by_cell.items() if cell.mutant in names}
    stale = sum(result.versions != versions.of(cell) for cell, result in shown.items())
    found = (
        [f"{stale} of {len(shown)} runs are of an earlier version of the patch or of the machine; a run makes them anew"] if stale else []
    )
    sound = {(cell.machine, cell.mode, cell.seed) for cell, result in results.by_cell.items() if cell.mutant == UNCHANGED}
    bare = {(cell.machine, cell.mode, cell.seed) for cell in shown} - sound
    found += [f"{machine}, {mode}, seed {seed} has not been run over the service as it is" for machine, mode, seed in sorted(bare)]
    return found


def _row(mutant: Mutant, results: Results, machines: Sequence[str], *, own: str = "{}*") -> list[str]:
    cells = []
    for machine in machines:
        word = _examples(_results(results, mutant, machine, "stage"))
        cells.append(own.format(word) if machine == mutant.machine and word else word)
    sizes = [found for found in _results(results, mutant, mutant.machine, "stage") if found.rules is not None]
    size = f"{sizes[0].rules} + {sizes[0].deviations}" if sizes else ""
    return [*cells, size, *(_examples(_results(results, mutant, mutant.machine, mode)) for mode in ("random", "threads"))]  # type: ignore[arg-type]


def _examples(found: Sequence[Result]) -> str:
    """The median over seeds of the examples to the kill, and in how many of the seeds there was one, unless in all."""
    if not found:
        return ""
    killed = [result.example for result in found if result.verdict == "killed"]
    if not killed:
        return "?" if any(result.verdict == "undecided" for result in found) else "-"
    share = "" if len(killed) == len(found) else f" ({len(killed)}/{len(found)})"
    return f"{statistics.median_low(killed)}{share}"


def _results(results: Results, mutant: Mutant, machine: str, mode: Mode) -> list[Result]:
    return [
        result for cell, result in sorted(results.by_cell.items()) if (cell.mutant, cell.machine, cell.mode) == (mutant.name, machine, mode)
    ]


def _sums(known: Sequence[Mutant], results: Results, machines: Sequence[str]) -> list[str]:
    staged = {cell.mutant for cell in results.by_cell if cell.mode == "stage"}
    dead = {cell.mutant for cell, result in results.by_cell.items() if cell.mode == "stage" and result.verdict == "killed"}
    run, killed = [mutant for mutant in known if mutant.name in staged], [mutant for mutant in known if mutant.name in dead]
    lines = [f"{len(killed)} of {len(run)} mutants are killed on the stage ({len(known)} there are)"]
    for mode, name in (("stage", "on the stage"), ("random", "by plain random walk"), ("threads", "on Pykka's own threads")):
        mine = [result for mutant in known for result in _results(results, mutant, mutant.machine, mode)]  # type: ignore[arg-type]
        lines += _sum(f"each by its own machine, {name}", mine)
    for machine in machines:
        lines += _sum(f"{machine}, on the stage", [result for mutant in known for result in _results(results, mutant, machine, "stage")])
    return lines


def _sum(what: str, found: Sequence[Result]) -> Iterable[str]:
    if not found:
        return
    killed = [result.example for result in found if result.verdict == "killed"]
    undecided = sum(result.verdict == "undecided" for result in found)
    median = f", after {statistics.median_low(killed)} examples (median)" if killed else ""
    yield f"{what}: {len(killed)} of {len(found)} runs kill{median}" + (f"; {undecided} are undecided" if undecided else "")


def _bar(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
