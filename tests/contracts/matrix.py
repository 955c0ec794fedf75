"""Which consumers each version of the service can serve: ``python -m tests.contracts.matrix``.

Consumers are those with a pact, and whoever was written against a published version (``published/VERSION.json``). The exit status is 1 if
the service as it is now breaks one that it must serve: every pact, and every published version with the same first number.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from machines import contract
from tests.contracts.compatibility import breaks
from tests.contracts.consumers import unmet

if TYPE_CHECKING:
    from collections.abc import Sequence

Schema = dict[str, Any]
HERE = Path(__file__).parent
PUBLISHED, PACTS = HERE / "published", HERE / "pacts"


@dataclass(frozen=True, slots=True)
class Cell:
    """What a provider lacks for a consumer; `must` if it may lack nothing."""

    consumer: str
    provider: str
    problems: tuple[str, ...]
    must: bool

    @property
    def text(self) -> str:
        return "ok" if not self.problems else f"{'BREAKS' if self.must else 'breaks'} ({len(self.problems)})"


def matrix(published: Sequence[Schema], pacts: Sequence[Schema], served: Schema) -> list[Cell]:
    """Every consumer with every provider. Whoever was written against a version is asked of it and of later ones only."""
    now = f"now ({served['info']['version']})"
    providers = [(each["info"]["version"], each) for each in published] + [(now, served)]
    cells = []
    for name, provider in providers:
        cells += [Cell(pact["consumer"]["name"], name, tuple(unmet(pact, provider)), must=provider is served) for pact in pacts]
        for old in published:
            if _order(old) <= _order(provider):
                must = provider is served and _order(old)[0] == _order(served)[0]
                cells.append(Cell(f"clients of {old['info']['version']}", name, tuple(breaks(old, provider)), must=must))
    return cells


def broken(cells: Sequence[Cell]) -> list[Cell]:
    """Where a consumer is broken that must not be."""
    return [cell for cell in cells if cell.must and cell.problems]


def as_table(cells: Sequence[Cell], *, markdown: bool = False) -> str:
    """Consumers from above to below, providers from left to right; under it why a cell is not ok."""
    providers, consumers = (list(dict.fromkeys(getattr(cell, name) for cell in cells)) for name in ("provider", "consumer"))
    found = {(cell.consumer, cell.provider): cell.text for cell in cells}
    rows = [["consumer", *providers], *([each, *(found.get((each, name), "-") for name in providers)] for each in consumers)]
    reasons = [f"{cell.consumer} with {cell.provider}: {problem}" for cell in cells for problem in cell.problems]
    if markdown:
        rows.insert(1, ["---"] * len(rows[0]))
        return "\n".join([*(f"| {' | '.join(row)} |" for row in rows), *([""] if reasons else []), *(f"- {each}" for each in reasons)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *([""] if reasons else []), *reasons])


def as_json(cells: Sequence[Cell]) -> str:
    """The same for programs."""
    told = [{"consumer": cell.consumer, "provider": cell.provider, "must": cell.must, "problems": list(cell.problems)} for cell in cells]
    return json.dumps({"cells": told, "ok": not broken(cells)}, indent=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the matrix; the exit status: 0, 1 for a consumer that is broken, 2 for files that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m tests.contracts.matrix", description=__doc__.partition("\n\n")[0])
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="for programs")
    form.add_argument("--markdown", action="store_true", help="a table for a page")
    parser.add_argument("--published", type=Path, default=PUBLISHED, help="the folder of published versions (default: %(default)s)")
    parser.add_argument("--pacts", type=Path, default=PACTS, help="the folder of pacts (default: %(default)s)")
    parser.add_argument("--now", type=Path, help="an OpenAPI document that is asked instead of the application's own")
    options = parser.parse_args(arguments)
    try:
        served = contract.published() if options.now is None else _document(options.now, "paths")
        cells = matrix(sorted(_folder(options.published, "paths"), key=_order), _folder(options.pacts, "interactions"), served)
    except (OSError, ValueError) as error:
        parser.error(f"{error}; expected OpenAPI documents and pacts, each a JSON file")
    sys.stdout.write((as_json(cells) if options.json else as_table(cells, markdown=options.markdown)) + "\n")
    return 1 if broken(cells) else 0


def _order(document: Schema) -> tuple[int, ...]:
    return tuple(int(part) for part in document["info"]["version"].split(".")[:3])


def _document(path: Path, needed: str) -> Schema:
    try:
        document: Schema = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} cannot be read ({error})") from error
    if needed not in document:
        raise ValueError(f"{path} has no {needed!r}")
    return document


def _folder(folder: Path, needed: str) -> list[Schema]:
    files = sorted(folder.glob("*.json"))
    if not files:
        raise FileNotFoundError(f"{folder} has no file that ends in .json")
    return [_document(path, needed) for path in files]


if __name__ == "__main__":
    sys.exit(main())
