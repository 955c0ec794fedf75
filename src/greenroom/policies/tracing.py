"""What the policies share that want to know what each step depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.memory import SharedMemory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.dependence import Step, Trace
    from greenroom.task import Task


class Tracing:
    """Tells ``trace`` where steps begin and end; when one ends, it is looked at which shared objects it had at hand."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._memory = SharedMemory(trace)
        self._running: Task | None = None

    def begin_step(self, options: Sequence[Task], index: int, decision: int) -> Step:
        """The step of the chosen task; ``decision`` is -1 where there was no choice."""
        self._running = options[index]
        return self.trace.begin(options[index], options, decision)

    def end_step(self) -> None:
        """The running task has come to its next scheduling point, or to its end."""
        if self._running is not None:
            self._memory.after(self._running)

    def finish(self) -> None:
        """The execution has come to rest."""
        self.end_step()
        self.trace.finish()
