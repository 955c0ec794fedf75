"""Several claims as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.checker import Judgement, Verdict
from greenroom.errors import UsageError

if TYPE_CHECKING:
    from greenroom.checker import Checker
    from greenroom.history import History


def compose(*checkers: Checker) -> Composed:
    """Claims what all of ``checkers`` claim: VIOLATED by the first that is, else UNKNOWN where one is, else OK.

    Raises:
        UsageError: there are none, or one is no checker.
    """
    if not checkers or not all(callable(getattr(checker, "check", None)) and hasattr(checker, "claim") for checker in checkers):
        raise UsageError("compose takes checkers, as in compose(linearizable(spec), every_ask_is_answered())")
    return Composed(checkers)


class Composed:
    """Made by ``compose``."""

    def __init__(self, checkers: tuple[Checker, ...]) -> None:
        self.checkers = checkers
        self.claim = ", ".join(checker.claim for checker in checkers)
        self.reads_events = any(getattr(checker, "reads_events", True) for checker in checkers)
        self.needs = "; ".join(dict.fromkeys(needs for checker in checkers if (needs := getattr(checker, "needs", ""))))
        self.reads_real_time = any(getattr(checker, "reads_real_time", True) for checker in checkers)

    def begin(self) -> None:
        """Those that remember forget."""
        for checker in self.checkers:
            if hasattr(checker, "begin"):
                checker.begin()

    def check(self, history: History) -> Judgement:
        """Ask one after another; the judgement of the first that is VIOLATED is given as it is, with its own claim."""
        explored, undecided = 0, []
        for checker in self.checkers:
            judgement = checker.check(history)
            explored += judgement.explored
            if judgement.verdict is Verdict.VIOLATED:
                return judgement
            if judgement.verdict is Verdict.UNKNOWN:
                undecided.append(f"{judgement.claim}: {judgement.reason}")
        if undecided:
            return Judgement(Verdict.UNKNOWN, self.claim, "; ".join(undecided), explored)
        return Judgement(Verdict.OK, self.claim, explored=explored)
