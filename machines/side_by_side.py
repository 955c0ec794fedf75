"""Several machines at once, each in a process of its own; what is printed is what they print one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from machines.report import write_coverage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHILD: Final = "--child"
"""The option of such a process: no first line, no last line, and its progress in lines of their own."""
NO_SENSE: Final = 2
INTERRUPTED: Final = 130


def verdict(codes: Mapping[str, int]) -> int:
    """One exit code for all: interrupted, no sense, a failure (a process that was killed is one, too), or 0."""
    known = [code if code in {0, NO_SENSE, INTERRUPTED} else 1 for code in codes.values()]
    return max(known, default=INTERRUPTED)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run(names: Sequence[str], options: Sequence[str], workers: int, coverage: Path | None) -> dict[str, int]:
    """Run each machine with these options, `workers` at a time, and print what each says, in the order of `names`.

    After Ctrl-C, which reaches every process, those that have not begun never do. What all have visited is written to `coverage`.

    Returns:
        The exit code of each machine that was begun.
    """
    with tempfile.TemporaryDirectory(prefix="machines-") as folder:
        crew = _Crew(Path(folder), options, covered=coverage is not None)
        with ThreadPoolExecutor(workers) as pool:
            # The later ones take longest: begun first, they are not what is waited for at the end.
            futures = [pool.submit(crew.run, name) for name in reversed(names)]
            try:
                for future in futures:
                    future.result()
            except KeyboardInterrupt:
                crew.over.set()
        begun = [name for name in names if name in crew.codes]
        for name in begun:
            print(crew.output(name).read_text(encoding="utf-8"), end="")
        if coverage is not None:
            documents = [json.loads(path.read_text(encoding="utf-8")) for name in begun if (path := crew.coverage(name)).exists()]
            whole: dict[str, Any] = {name: value for document in documents for name, value in document.items()}
            write_coverage(coverage, whole)
        return {name: crew.codes[name] for name in begun}


class _Crew:
    """The processes, and the files that they write."""

    def __init__(self, folder: Path, options: Sequence[str], *, covered: bool) -> None:
        self.codes: dict[str, int] = {}
        self.over = threading.Event()
        self._folder = folder
        self._options = options
        self._covered = covered

    def output(self, name: str) -> Path:
        return self._folder / f"{name}.txt"

    def coverage(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def run(self, name: str) -> None:
        """Inside a thread: one machine, from its beginning to its end."""
        if self.over.is_set():
            return
        covered = ["--coverage", str(self.coverage(name))] if self._covered else []
        with self.output(name).open("wb") as output:
            command = [sys.executable, "-m", "machines", name, CHILD, *self._options, *covered]
            self.codes[name] = subprocess.run(command, stdout=output, stdin=subprocess.DEVNULL, check=False).returncode
