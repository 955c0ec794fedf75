"""Linearizability: every operation takes effect at one moment between its invocation and its answer.

Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects", TOPLAS 1990; the search is in ``orders``. Operations on
different objects are judged apart (P-compositionality: Horn and Kroening, 2015), as ``spec.partition`` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.checker import Judgement, Verdict
from greenroom.checkers.orders import Found, Unit, legal_order
from greenroom.checkers.steps import Steps, checked_spec, partitioned

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenroom.checker import Spec
    from greenroom.history import History, Operation

BUDGET = 500_000


def linearizable(
    spec: Spec, *, budget: int = BUDGET, uncertain: Iterable[type[BaseException]] = (), claim: str = "linearizable"
) -> Linearizable:
    """Claims that the operations of a history have an order that ``spec`` allows, and that keeps to real time.

    Real time is the order of stamps: an operation that was answered before another was invoked comes before it. One that is pending at the
    end, or whose wait timed out, has taken effect at any moment after its invocation, or never.

    Args:
        spec: the sequential specification.
        budget: the most configurations (who is done, in which states) to look at; UNKNOWN when they do not suffice. A million take a few
            seconds and a few hundred megabytes.
        uncertain: classes of errors after which an operation may have taken effect or not, such as ``pykka.ActorDeadError``. Other errors
            are answers: the specification has to give them.
        claim: how it is called in failures.

    Raises:
        UsageError: ``spec`` is no specification.
    """
    return Linearizable(checked_spec(spec), budget=budget, uncertain=tuple(uncertain), claim=claim)


class Linearizable:
    """Made by ``linearizable``."""

    reads_events = False
    needs = "no call of a recorded client (greenroom.client) was answered"

    def __init__(self, spec: Spec, *, budget: int, uncertain: tuple[type[BaseException], ...], claim: str) -> None:
        self.claim = claim
        self._spec = spec
        self._budget = budget
        self._uncertain = uncertain

    def check(self, history: History) -> Judgement:
        """Search an order for the operations of each object; the first object that has none is told of."""
        explored, undecided = 0, ""
        for name, operations in partitioned(self._spec, begun(history.operations)).items():
            steps = Steps(self._spec, self._uncertain)
            found = legal_order([_unit(operation, steps) for operation in operations], steps, self._budget - explored)
            explored += found.explored
            about = "" if name is None else f" on {name!r}"
            if found.legal is False:
                return no_order(self.claim, about, found, steps, explored)
            if found.legal is None:
                undecided = f"{self._budget:,} configurations did not suffice for {len(operations):,} operations{about}; raise the budget"
                break
        if undecided:
            return Judgement(Verdict.UNKNOWN, self.claim, undecided, explored)
        return Judgement(Verdict.OK, self.claim, explored=explored)


def begun(operations: Iterable[Operation]) -> list[Operation]:
    """The operations that were invoked."""
    return [operation for operation in operations if operation.invoked is not None]


def _unit(operation: Operation, steps: Steps) -> Unit:
    assert operation.invoked is not None
    return Unit((operation,), operation.invoked, None if steps.open_ended(operation) else operation.answered)


def no_order(claim: str, about: str, found: Found, steps: Steps, explored: int) -> Judgement:
    """The judgement where no order is legal: the longest that is, and why each unit that could come next may not."""
    refused = [reason for unit in found.refused for reason in _reasons(unit, steps, found.states)]
    prefix = [operation for unit in found.order for operation in unit.operations]
    return refusal(claim, about, prefix, refused, explored)


def refusal(claim: str, about: str, prefix: Sequence[Operation], refused: Sequence[tuple[Operation, str]], explored: int) -> Judgement:
    """The judgement where no order is legal, with its one-line reason."""
    count = len(prefix)
    after = f"after {count} operation{'s' if count > 1 else ''} nothing can come next" if count else "nothing can come first"
    reason = f"no order of the operations{about} is legal: {after}"
    tasks = dict.fromkeys(operation.task for operation in (*prefix, *(operation for operation, _ in refused)) if operation.task)
    return Judgement(Verdict.VIOLATED, claim, reason, explored, tuple(prefix), tuple(refused), tuple(tasks))


def _reasons(unit: Unit, steps: Steps, states: int) -> list[tuple[Operation, str]]:
    """Why a unit cannot come next: of its operations the first that is refused, behind those without which that cannot be seen."""
    for place, operation in enumerate(unit.operations):
        then = steps.after(states, operation)
        if then < 0:
            why = f"legal, but then comes #{operation.serial} of the same transaction"
            return [*((earlier, why) for earlier in unit.operations[:place]), (operation, steps.why_refused(states, operation))]
        states = then
    return []
