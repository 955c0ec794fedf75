"""What a checker is: it reads a History and says OK, VIOLATED or UNKNOWN, with its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from greenroom.history import History, Operation


class Verdict(Enum):
    """What a checker says. UNKNOWN (the budget ran out) never counts as a pass."""

    OK = "OK"
    VIOLATED = "VIOLATED"
    UNKNOWN = "UNKNOWN"


class Spec(Protocol):
    """A sequential specification: pure functions over hashable states. A module with these functions is one.

    A third function is optional: ``partition(call)`` names the independent object that ``call`` is about; operations on different
    objects are then judged apart (P-compositionality: Horn and Kroening, "Faster Linearizability Checking via P-Compositionality", 2015).
    """

    def init(self) -> Hashable:
        """The state before the first call."""

    def step(self, state: Any, call: Any) -> Iterable[tuple[Any, Hashable]]:
        """Every legal (result, next state) of ``call``: several where the specification leaves a choice, none where it refuses.

        A result that is an exception stands for a call that raised: compared by class and text.
        """


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a checker found.

    ``claim`` is what was to hold, in words; ``reason`` says why it does not (or what ran out), and is empty for OK. ``explored`` counts
    the configurations that were looked at. For a search over operations, ``prefix`` is the longest legal order that was found, and
    ``refused`` tells of each operation that could have come next why it could not. ``about`` names the tasks that the reason is about.
    """

    verdict: Verdict
    claim: str
    reason: str = ""
    explored: int = 0
    prefix: tuple[Operation, ...] = ()
    refused: tuple[tuple[Operation, str], ...] = ()
    about: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the claim holds; False for UNKNOWN as well."""
        return self.verdict is Verdict.OK


class Checker(Protocol):
    """A claim about histories.

    What a checker does without, it may say by two attributes, and searches are faster: ``reads_events = False`` (it looks at operations
    only), and ``reads_real_time = False`` (it does not ask which operation ended before another one began). One that remembers what it has
    seen has a method ``begin()``, which is called before each search: it forgets, and is then shown the default order first. One with an
    attribute ``needs`` is undecided where ``explored`` is 0 in every execution of a search: nothing was judged, and ``needs`` says why.
    """

    claim: str

    def check(self, history: History) -> Judgement:
        """Judge one history; nothing in it is changed."""
