"""Runs a machine as Hypothesis does, and watches it."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import hypothesis
import psutil
from hypothesis import Phase, reproduce_failure, seed

import greenroom
from greenroom.failures import Replayed
from greenroom.hypothesis_tests import watched_replay
from machines.statistics import Statistics

if TYPE_CHECKING:
    from hypothesis import settings as Settings  # noqa: N812 - a class in all but its name

    from greenroom import ActorMachine

Shrink = Literal["both", "greenroom", "hypothesis"]
_LINE_EVERY_S = 10.0


@dataclass(slots=True)
class Run:
    """One machine's run: what it counted, what it cost, and what it found. Memory in bytes, times in seconds."""

    name: str
    machine: type[ActorMachine]
    statistics: Statistics = field(default_factory=Statistics)
    replayed: Replayed = field(default_factory=Replayed)
    error: BaseException | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    peak_memory: int = 0


class Session:
    """How machines are run: with which settings, from which seed, or one single example again.

    With `lines` progress is told in lines of its own also on a terminal: others write there, too.
    """

    def __init__(self, settings: Settings, *, seed: int | None, blob: str | None, shrink: Shrink = "both", lines: bool = False) -> None:
        self.settings = settings
        self.shrink: Shrink = shrink
        self.seed = seed
        self.blob = blob
        self._lines = lines

    def start(self, name: str, machine: type[ActorMachine]) -> Run:
        """A run that has not begun, with statistics of its own."""
        run = Run(name, machine)
        machine.statistics = run.statistics  # type: ignore[attr-defined]
        return run

    def drive(self, run: Run) -> None:
        """Run the machine; what it finds is kept in ``run.error``.

        Raises:
            KeyboardInterrupt: Ctrl-C; what was counted so far is in the run.
        """
        counted = Phase.generate in self.settings.phases
        progress = _Progress(run, self.settings.max_examples if counted else None, lines=self._lines)
        started, cpu_started = time.perf_counter(), time.process_time()
        run.statistics.listener = progress.example_ended
        try:
            with watched_replay(run.machine, self.settings.database) as view:
                try:
                    self._examples(run)
                finally:
                    run.replayed = Replayed() if view is None else Replayed.of(view.take().values())
        except KeyboardInterrupt:
            raise
        except Exception as error:
            if isinstance(error, hypothesis.errors.InvalidArgument | hypothesis.errors.DidNotReproduce):
                raise
            run.error = error
        finally:
            run.statistics.listener = None
            run.wall_s, run.cpu_s = time.perf_counter() - started, time.process_time() - cpu_started
            progress.close()

    def _examples(self, run: Run) -> None:
        if self.blob is not None:
            again: Any = reproduce_failure(hypothesis.__version__, self.blob.encode())
            self._run(again(type(run.machine.__name__, (run.machine,), {})), self.settings)
        else:
            self._run(self._seeded(run.machine, self.seed), self.settings)

    def _run(self, machine: Any, settings: Settings) -> None:
        greenroom.run_machine(machine, settings=settings, shrink=self.shrink)

    @staticmethod
    def _seeded(machine: type[ActorMachine], number: int | None) -> Any:
        return machine if number is None else seed(number)(machine)


class _Progress:
    """One line that grows on a terminal, and a line now and then elsewhere."""

    def __init__(self, run: Run, total: int | None, *, lines: bool) -> None:
        self._run = run
        self._total = f"/{total:,}" if total is not None else ""
        self._terminal = sys.stderr.isatty() and not lines
        self._process = psutil.Process()
        self._next = 0.0

    def example_ended(self) -> None:
        """Called after each example."""
        self._run.peak_memory = max(self._run.peak_memory, self._process.memory_info().rss)
        now = time.perf_counter()
        if now < self._next:
            return
        self._next = now + (0.1 if self._terminal else _LINE_EVERY_S)
        statistics = self._run.statistics
        line = (
            f"{self._run.name}: {statistics.examples:,}{self._total} examples, {statistics.steps:,} steps, "
            f"{len(statistics.schedules):,} distinct schedules, {statistics.operations:,} operations"
        )
        if self._terminal:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Clear the line."""
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
