"""Runs cells: a copy of the service for each mutant, and a child process over it that does one cell after another."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from benchmarks.mutants.cell import Cell, Result
from benchmarks.mutants.mutant import ROOT, Mutant, copy_service, plant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.mutants.plan import Versions

STARTING_S: Final = 120.0  # what a child may take to import everything, beside the limit of a cell


@dataclass(frozen=True, slots=True)
class Budget:
    """`examples` for each cell, and `limit_s` real seconds, after which it is undecided; `shrink` what is found on the stage or not."""

    examples: int = 150
    limit_s: float = 900.0
    shrink: bool = False


class Children:
    """The children that run now, so that all of them can be ended at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: set[subprocess.Popen[str]] = set()
        self.stopped = False

    def stop(self) -> None:
        """End all of them, and start no more."""
        with self._lock:
            self.stopped = True
            for child in self._live:
                child.kill()

    def run(self, mutant: Mutant | None, cells: Sequence[Cell], budget: Budget, versions: Versions) -> Iterator[Result]:
        """A result for each cell of one mutant (None: of the service as it is), in their order; fewer if stopped."""
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            first_on_path = copy_service(Path(folder))
            if mutant is not None:
                plant(mutant, Path(folder))
            left = list(cells)
            while left and not self.stopped:
                for found in self._one_child(first_on_path, list(left), budget):
                    if self.stopped:
                        return
                    yield Result(**found, examples=budget.examples, versions=versions.of(left.pop(0)))

    def _one_child(self, first_on_path: Path, cells: Sequence[Cell], budget: Budget) -> Iterator[dict[str, object]]:
        """What a child finds in the cells, until one of them is undecided because it took too long or ended the child."""
        jobs = [f"{cell.machine}:{cell.mode}:{cell.seed}:{budget.examples}" for cell in cells]
        shrink = ["--shrink"] if budget.shrink else []
        path = os.pathsep.join(filter(None, (str(first_on_path), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
        with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
            child = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.mutants.child", str(first_on_path.parent), *shrink, *jobs],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C is for the parent, which ends its children itself
            )
            with self._lock:
                self._live.add(child)
                if self.stopped:
                    child.kill()
            try:
                lines = _Lines(child.stdout)
                for number in range(len(cells)):
                    line = lines.next(budget.limit_s + STARTING_S * (number == 0))
                    if not line:
                        child.kill()
                        yield {"verdict": "undecided", "example": 0, "error": _why(child, line, said, budget), "cpu_s": 0.0}
                        return
                    yield json.loads(line)
            finally:
                child.kill()
                child.wait()
                with self._lock:
                    self._live.discard(child)


def _why(child: subprocess.Popen[str], line: str | None, said: IO[str], budget: Budget) -> str:
    if line is None:
        return f"no end after {budget.limit_s:g} real seconds"
    code = child.wait()
    said.seek(0)
    last = said.read().strip().splitlines()[-1:] or ["it said nothing"]
    return f"the child ended with code {code}: {last[0][:160]}"


class _Lines:
    """A stream's lines, each waited for no longer than one says."""

    def __init__(self, stream: IO[str] | None) -> None:
        assert stream is not None, "the child's output is a pipe"
        self._queue: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def next(self, timeout_s: float) -> str | None:
        """The next line, "" after the last, None if none came in time."""
        with suppress(queue.Empty):
            return self._queue.get(timeout=timeout_s)
        return None

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._queue.put(line)
        self._queue.put("")
