"""Runs cells: a copy of the service for each mutant, and a process over it that does one cell after another."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from benchmarks.mutants.cell import Cell, Result
from benchmarks.mutants.mutant import ROOT, Mutant, copy_service, plant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.mutants.plan import Versions


@dataclass(frozen=True, slots=True)
class Budget:
    """`examples` for each cell, and `limit_s` real seconds, after which it is undecided; `shrink` what is found on the stage or not."""

    examples: int = 150
    limit_s: float = 900.0
    shrink: bool = False


class Children:
    """Runs cells. Each mutant has a child, forked by a nursery: one that is idle, or a new one. All can be ended at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._nurseries: list[_Nursery] = []
        self._idle: list[_Nursery] = []
        self.stopped = False

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """As `stop`."""
        self.stop()

    def stop(self) -> None:
        """End all of them, and start no more."""
        with self._lock:
            self.stopped = True
            for nursery in self._nurseries:
                nursery.end()

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

    def _one_child(self, first_on_path: Path, cells: Sequence[Cell], budget: Budget) -> Iterator[dict[str, Any]]:
        """What a child finds in the cells, until one of them is undecided because it took too long or ended the child."""
        nursery = self._nursery()
        nursery.ask(first_on_path, [f"{cell.machine}:{cell.mode}:{cell.seed}:{budget.examples}" for cell in cells], shrink=budget.shrink)
        for _ in cells:
            line = nursery.next_line(budget.limit_s)
            found = json.loads(line or "{}")
            if "verdict" not in found:
                reason = f"no end after {budget.limit_s:g} real seconds" if line is None else nursery.last_words()
                nursery.end()
                yield {"verdict": "undecided", "example": 0, "error": reason, "cpu_s": 0.0}
                return
            yield found
        if nursery.next_line(budget.limit_s):  # the child's exit code
            with self._lock:
                self._idle.append(nursery)

    def _nursery(self) -> _Nursery:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            nursery = _Nursery()
            self._nurseries.append(nursery)
            if self.stopped:
                nursery.end()
            return nursery


class _Nursery:
    """A nursery's process. Its output is read on a thread, so that a line can be waited for no longer than wanted."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"}
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.mutants.nursery"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the parent, which ends its children itself
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._input, output = self._process.stdin, self._process.stdout
        assert self._input is not None, "its input is a pipe"
        assert output is not None, "its output is a pipe"
        self._reader = threading.Thread(target=self._read, args=(output,), daemon=True)
        self._reader.start()

    def ask(self, first_on_path: Path, jobs: list[str], *, shrink: bool) -> None:
        """Have a child do the jobs."""
        with suppress(BrokenPipeError, ValueError):  # it was ended: that nothing comes of it says so
            self._input.write(json.dumps({"path": str(first_on_path), "jobs": jobs, "shrink": shrink}) + "\n")
            self._input.flush()

    def next_line(self, timeout_s: float) -> str | None:
        """The next line, "" after the last, None if none came in time."""
        with suppress(queue.Empty):
            return self._lines.get(timeout=timeout_s)
        return None

    def last_words(self) -> str:
        """Why a child has ended, as far as it has said so."""
        self._said.seek(0)
        last = self._said.read().strip().splitlines()[-1:] or ["it said nothing"]
        return f"the child has ended: {last[0][:160]}"

    def end(self) -> None:
        """End it, and the child that it may have."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        with suppress(BrokenPipeError):
            self._input.close()
        self._said.close()

    def _read(self, output: IO[str]) -> None:
        with output:
            for line in output:
                self._lines.put(line)
        self._lines.put("")
