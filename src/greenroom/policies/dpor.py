"""Source-DPOR: one execution of a search that takes each inequivalent schedule once.

Abdulla, Aronis, Jonsson, Sagonas, "Optimal Dynamic Partial Order Reduction", POPL 2014, algorithm 1, with the sleep sets of Godefroid,
"Partial-Order Methods for the Verification of Concurrent Systems", LNCS 1032, 1996, section 5. Departures: dependence is that of
actors (``greenroom.dependence``); the program is run again from its start for each execution, as in Verisoft; the choices of
``greenroom.choose`` are branches of the same tree; and the tree (``greenroom.tree``) may be searched by several processes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenroom.dependence import Footprint, Path, Step, Trace, independent
from greenroom.errors import NondeterminismEscaped
from greenroom.policies.tracing import Tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenroom.task import Task

Move = Path | int  # who was chosen, or which value
Sleep = dict[Path, Footprint]


class AllAsleep(Exception):
    """Whatever could run now leads to a schedule that was taken before."""


class Decision:
    """A choice of one execution: among tasks, or of a value (``count``). ``sleep`` holds those that need not be tried here."""

    __slots__ = ("count", "move", "options", "sleep", "step")

    def __init__(self, step: Step, options: tuple[Path, ...], count: int, move: Move, sleep: Sleep) -> None:
        self.step = step
        self.options = options
        self.count = count
        self.move = move
        self.sleep = sleep

    @property
    def footprint(self) -> Footprint:
        """What the chosen step touched."""
        return self.step.footprint


class Dpor(Tracing):
    """Follows ``prefix``, then the default order among those that are not asleep; ``trace`` says afterwards what raced.

    Args:
        prefix: the moves to repeat, one for each decision.
        options: what could be chosen at each of them when they were made first.
        sleep: who is asleep after the last of them.
        label: see ``Trace``.
        elsewhere: see ``Trace``.
    """

    def __init__(
        self,
        prefix: Sequence[Move],
        options: Sequence[tuple[Path, ...] | int],
        sleep: Sleep,
        *,
        label: Callable[[Any], str | None] | None = None,
        elsewhere: dict[int, str] | None = None,
    ) -> None:
        super().__init__(Trace(label=label, elsewhere=elsewhere))
        self.prefix = prefix
        self.trace.looking = not prefix
        self.decisions: list[Decision] = []
        self.repeated: list[Step] = []
        self._options = options
        self._made = 0
        self._sleep: Sleep | None = sleep if not prefix else None
        self._wake_up = sleep
        self._last: Step | None = None

    def begin(self, execution: int) -> None:
        """One object is one execution; there is nothing to prepare."""

    def choose(self, options: Sequence[Task]) -> int:
        """The next move of the prefix, or the first option that is not asleep."""
        made = self._made
        self.end_step()
        paths = tuple(task.path for task in options)
        if made < len(self.prefix):
            wanted = self.prefix[made]
            if paths != self._options[made]:
                raise self._other_program(paths)
            index = paths.index(wanted)
            step = self._begin(options, index, made)
            self.repeated.append(step)
        else:
            sleep = self._asleep()
            index = next((index for index, path in enumerate(paths) if path not in sleep), -1)
            if index < 0:
                raise AllAsleep
            step = self._begin(options, index, made)
            self.decisions.append(Decision(step, paths, 0, paths[index], sleep))
            self._sleep = {path: footprint for path, footprint in sleep.items() if path != paths[index]}
        return index

    def _begin(self, options: Sequence[Task], index: int, decision: int) -> Step:
        """The step of the chosen task; its races are looked for unless an earlier execution did."""
        self._made = decision + 1
        if self._made == len(self.prefix):
            self.trace.looking = True
            self._sleep = self._wake_up
        step = self._last = self.begin_step(options, index, decision)
        return step

    def only(self, task: Task) -> None:
        """Nobody else can run: that is no decision."""
        self.end_step()
        sleep = self._asleep() if self._sleep is not None else {}
        if task.path in sleep:
            raise AllAsleep
        self._last = self.begin_step((task,), 0, -1)

    def _asleep(self) -> Sleep:
        """Who is asleep before the next step: those that the last one has not woken."""
        assert self._sleep is not None
        if self._sleep and self._last is not None:
            footprint = self._last.footprint
            self._sleep = {path: asleep for path, asleep in self._sleep.items() if independent(asleep, footprint)}
        return self._sleep

    def choose_value(self, count: int) -> int:
        """The next move of the prefix, or the first value."""
        made = self._made
        self._made = made + 1
        step = self._last
        assert step is not None
        if made < len(self.prefix):
            value = self.prefix[made]
            if count != self._options[made] or not isinstance(value, int):
                raise self._other_program(count)
            self.repeated.append(step)
            if self._made == len(self.prefix):
                self.trace.looking = True
                self._sleep = self._wake_up
            return value
        assert self._sleep is not None
        self.decisions.append(Decision(step, (), count, 0, self._sleep))
        return 0

    def _other_program(self, found: object) -> NondeterminismEscaped:
        return NondeterminismEscaped(
            f"the same moves led somewhere else: at decision {self._made} these could run before: {self._options[self._made]}, and now: "
            f"{found}; the scenario depends on something that outlives it (a global, a file, a cache) or that the stage does not control "
            "(the real clock, a set's order, a real thread)"
        )
