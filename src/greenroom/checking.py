"""Checkers at work on an execution: a claim that does not hold becomes its failure, one that is undecided is counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from greenroom.checker import Judgement, Verdict
from greenroom.errors import ClaimBroken, Undecided, UsageError
from greenroom.failure import file_of
from greenroom.render.intervals import intervals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenroom.checker import Checker
    from greenroom.history import History


@dataclass(frozen=True, slots=True)
class Placed:
    """A checker that was named on a command line; ``place`` is FILE.py::name."""

    checker: Checker
    place: str


@dataclass(frozen=True, slots=True)
class Checks:
    """The checkers of a search, and where each of them is to be found; an empty text where nobody knows."""

    checkers: tuple[Checker, ...] = ()
    places: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.checkers)

    @property
    def read_events(self) -> bool:
        """Whether one of them reads more than operations."""
        return any(getattr(checker, "reads_events", True) for checker in self.checkers)

    @property
    def read_real_time(self) -> bool:
        """Whether one of them asks which operation ended before another began."""
        return any(getattr(checker, "reads_real_time", True) for checker in self.checkers)

    def begin(self) -> bool:
        """A new search begins: those that remember forget. True if there is one that does."""
        remembering = [checker for checker in self.checkers if hasattr(checker, "begin")]
        for checker in remembering:
            checker.begin()
        return bool(remembering)

    def judge(self, history: History) -> Judged:
        """The first claim that ``history`` breaks, what could not be decided, and where there was nothing to judge.

        Raises:
            UsageError: a specification or a key function makes no sense.
        """
        undecided, nothing = [], []
        for checker in self.checkers:
            judgement = judged(checker, history)
            if judgement.verdict is Verdict.VIOLATED:
                return Judged(claim_broken(judgement))
            if judgement.verdict is Verdict.UNKNOWN:
                undecided.append(judgement)
            elif not judgement.explored and (needs := getattr(checker, "needs", "")):
                nothing.append(f"{judgement.claim}: {needs}")
        return Judged(None, tuple(undecided), tuple(nothing))


class Judged(NamedTuple):
    """What checkers say of an execution: ``nothing`` tells of those that found nothing to judge, and what they would have needed."""

    broken: ClaimBroken | None = None
    undecided: tuple[Judgement, ...] = ()
    nothing: tuple[str, ...] = ()


def checks_of(checks: Checker | Placed | Iterable[Checker | Placed] | None, scenario: Callable[[], Any]) -> Checks:
    """What was given as ``checks``: a checker, or several.

    Raises:
        UsageError: one of them is no checker.
    """
    if checks is None:
        return Checks()
    several: list[Any] = [checks] if isinstance(checks, Placed) or hasattr(checks, "check") else list(_iterated(checks))
    places = [check.place if isinstance(check, Placed) else _place(check, scenario) for check in several]
    checkers = [check.checker if isinstance(check, Placed) else check for check in several]
    for checker in checkers:
        if isinstance(checker, type) or not (callable(getattr(checker, "check", None)) and hasattr(checker, "claim")):
            raise UsageError(f"checks takes checkers, as in checks=greenroom.linearizable(spec), not {checker!r}")
    return Checks(tuple(checkers), tuple(places))


def _iterated(checks: Any) -> Any:
    try:
        return iter(checks)
    except TypeError:
        raise UsageError(f"checks takes a checker or several, as in checks=greenroom.linearizable(spec), not {checks!r}") from None


def _place(checker: Any, scenario: Callable[[], Any]) -> str:
    """FILE.py::name of a checker that is a variable of the scenario's module."""
    names = getattr(scenario, "__globals__", {})
    name = next((name for name, value in names.items() if value is checker), "")
    path = file_of(scenario) if name else None
    return "" if path is None else f"{path}::{name}"


def judged(checker: Checker, history: History) -> Judgement:
    """What ``checker`` finds; a checker that fails itself has found nothing out.

    Raises:
        UsageError: a specification or a key function makes no sense.
    """
    try:
        judgement = checker.check(history)
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 - it is told, and never counts as a pass
        return Judgement(Verdict.UNKNOWN, checker.claim, f"the checker itself raised {type(error).__name__}: {error}")
    if not isinstance(judgement, Judgement):
        raise UsageError(
            f"the checker of {checker.claim!r} returned {judgement!r}; "
            "check(history) returns a judgement, as in greenroom.Judgement(greenroom.Verdict.OK, self.claim)"
        )
    return judgement


def claim_broken(judgement: Judgement) -> ClaimBroken:
    """The error for a claim that does not hold: the claim and the reason, then what a search over operations has to show."""
    picture = intervals(judgement)
    return ClaimBroken("\n".join([f"{judgement.claim}: {judgement.reason}", *([picture] if picture else [])]), judgement)


@dataclass(slots=True)
class Count:
    """How many executions could not be decided, and why. A claim that found nothing to judge in any of ``all`` was not decided either."""

    some: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    all: int = 0
    nothing: Counter[str] = field(default_factory=Counter)

    def add(self, undecided: tuple[Judgement, ...], nothing: tuple[str, ...] = ()) -> None:
        """One more execution was judged."""
        self.all += 1
        self.nothing.update(nothing)
        if undecided:
            self.some += 1
            self.reasons.update(f"{judgement.claim}: {judgement.reason}" for judgement in undecided)

    def dump(self) -> list[Any]:
        """What ``merge`` takes, as plain values."""
        return [self.some, list(self.reasons.items()), self.all, list(self.nothing.items())]

    def merge(self, some: int, reasons: Iterable[tuple[str, int]], others: int = 0, nothing: Iterable[tuple[str, int]] = ()) -> None:
        """Others were judged elsewhere."""
        self.some += some
        self.all += others
        for counts, more in ((self.reasons, reasons), (self.nothing, nothing)):
            for reason, count in more:
                counts[reason] += count

    @property
    def executions(self) -> int:
        """How many could not be decided."""
        return self.all if self._empty() else self.some

    def told(self) -> str:
        """In words; empty where all was decided."""
        count = self.executions
        return f"{count:,} execution{'s' if count > 1 else ''} undecided ({'; '.join([*self.reasons, *self._empty()])})" if count else ""

    def _empty(self) -> list[str]:
        return [reason for reason, count in self.nothing.items() if count == self.all]


def raise_undecided(told: str) -> None:
    """Raise ``Undecided`` if there is something to tell.

    Raises:
        Undecided: see above.
    """
    if told:
        raise Undecided(told)
