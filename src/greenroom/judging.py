"""How a machine is judged at its end: by its checkers, by the memory that its work takes, and by whether it does the same again."""

from __future__ import annotations

from contextlib import suppress
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import currently_in_test_context, event, note

from greenroom.checker import Verdict
from greenroom.checking import checks_of, claim_broken, judged
from greenroom.claims import broken
from greenroom.determinism import SUSPECTS
from greenroom.errors import ClaimBroken, NondeterminismEscaped
from greenroom.flat_memory import FlatMemory, growing_lines, growth_of
from greenroom.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenroom.checker import Checker
    from greenroom.errors import GreenroomError
    from greenroom.history import History
    from greenroom.stage import Stage
    from greenroom.steps import Program


class Judging:
    """What ``ActorMachine`` checks at its end, where it is asked to.

    Attributes:
        checks: checkers that judge the whole history at the end, such as ``greenroom.linearizable(spec)``. What they cannot decide is
            told (``note`` and ``event``), and is no pass.
        flat_memory: repeat the recorded calls (``repeat_work``) at the end of each example, and fail where memory grows. Off: None.
        deterministic: run the steps of each example once more, and fail where another execution comes of it: something that the stage
            does not control (a real clock, the order of a set, a file) has a say in what happens.
    """

    checks: ClassVar[Checker | Sequence[Checker]] = ()
    flat_memory: ClassVar[FlatMemory | None] = None
    deterministic: ClassVar[bool] = False

    _again: ClassVar[list[Program]] = []  # what is being run a second time

    history: History
    program: Program
    perform: Callable[..., Any]
    _holds: Callable[[str, type[GreenroomError]], bool]
    _stage: Stage | None

    def _prepare_judging(self) -> None:
        self._checkers = checks_of(self.checks, self._prepare_judging).checkers
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...]]] | None = None if self.flat_memory is None else []

    def repeat_work(self, number: int) -> None:  # noqa: ARG002 - for those who write their own
        """One round of the work whose memory ``flat_memory`` watches, inside a task: here all recorded calls once more.

        Args:
            number: of the round, from 0.
        """
        for function, arguments in self._calls or ():
            with suppress(Exception):  # an answer like any other; it was judged the first time
                function(*arguments)

    def memory_is_flat(self) -> None:
        """Checked at the end where ``flat_memory`` says so: repeating the work comes to a round that leaves nothing behind."""
        how = self.flat_memory
        if how is None or self._stage is None:
            return
        scheduler = self._stage.scheduler
        recording, scheduler.history = scheduler.history, None
        try:
            growth = growth_of(lambda number: self.perform(self.repeat_work, number), how)
            if min(growth[how.warm_up :]) > how.blocks:
                lines = growing_lines(lambda number: self.perform(self.repeat_work, number), how)
                told = f"each of {len(growth)} repetitions of the same calls leaves blocks of memory behind: {growth}"
                raise broken("memory is flat over repeated work", "\n  ".join([told, *lines]))
        finally:
            scheduler.history = recording

    def _judge_history(self) -> None:
        for checker in self._checkers if self._holds("", ClaimBroken) else ():
            judgement = judged(checker, self.history)
            if judgement.verdict is Verdict.VIOLATED:
                raise claim_broken(judgement)
            if judgement.verdict is Verdict.UNKNOWN:
                self._tell(f"undecided, and so no pass: {judgement.claim}: {judgement.reason}")
                if currently_in_test_context():
                    event(f"undecided: {judgement.claim}")

    def _judge_second_run(self) -> None:
        """After its end, where ``deterministic`` says so: the same steps give the same events."""
        if not self.deterministic or self._stage is None or self._again:
            return
        self._again.append(self.program)
        try:
            other = run_program(self.program).history
        except Exception as error:
            raised = f"{type(error).__name__}: {error}"
            raise NondeterminismEscaped(
                f"the same steps held once, and raised the second time: {raised}\nthe usual suspects: {SUSPECTS}"
            ) from error
        finally:
            self._again.clear()
        pairs = zip_longest(self.history, other)
        differing = next(((place, *pair) for place, pair in enumerate(pairs, 1) if pair[0] != pair[1]), None)
        if differing is not None:
            place, one, two = differing
            lines = [
                f"the same steps gave two executions that part at event {place}",
                f"  - {one or '(the end)'}",
                f"  + {two or '(the end)'}",
            ]
            raise NondeterminismEscaped("\n".join([*lines, f"the usual suspects: {SUSPECTS}"]))

    def _tell(self, text: str, error: BaseException | None = None) -> None:
        """Inside an example Hypothesis shows it with the smallest failure; else it stays with the error."""
        if currently_in_test_context():
            note(text)
        elif error is not None:
            error.add_note(text)
