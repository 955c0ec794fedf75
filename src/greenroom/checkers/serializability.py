"""Serializability: transactions have the effect of some order in which each runs alone.

Papadimitriou, "The Serializability of Concurrent Database Updates", JACM 1979 (view serializability, decided by search). With
``strict=True`` the order also keeps to real time: Herlihy and Wing, TOPLAS 1990, section 3.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenroom.checker import Judgement, Verdict
from greenroom.checkers.linearizability import BUDGET, begun, no_order
from greenroom.checkers.orders import FOR_EVER, Unit, legal_order
from greenroom.checkers.steps import Steps, checked_spec
from greenroom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from greenroom.checker import Spec
    from greenroom.history import History, Operation

    Transaction = Callable[[Operation], Hashable]


def serializable(  # noqa: PLR0913 - each option stands for itself
    spec: Spec,
    *,
    transaction: Transaction | None = None,
    strict: bool = False,
    budget: int = BUDGET,
    uncertain: Iterable[type[BaseException]] = (),
    claim: str = "",
) -> Serializable:
    """Claims that the transactions of a history have an order that ``spec`` allows, each with nothing in between.

    A transaction is either one operation, whose call makes several steps of the specification at once (a message such as
    ``("transfer", 5)``), or several operations that ``transaction`` gives one name: they are applied one after another in the order of
    their invocations. A transaction with an operation that is pending, or whose wait timed out, took effect as a whole or not at all.

    Args:
        spec: the sequential specification; its ``partition`` is not used, for a transaction may touch several objects.
        transaction: gives the name of the transaction that an operation belongs to, or None for one of its own.
        strict: a transaction that ended before another began comes before it.
        budget: the most configurations to look at; UNKNOWN when they do not suffice. Without ``strict`` any order may do, and their number
            grows exponentially where the specification tells orders apart.
        uncertain: as for ``linearizable``.
        claim: how it is called in failures.

    Raises:
        UsageError: ``spec`` is no specification.
    """
    named = claim or ("strictly serializable" if strict else "serializable")
    return Serializable(checked_spec(spec), transaction=transaction, strict=strict, budget=budget, uncertain=tuple(uncertain), claim=named)


class Serializable:
    """Made by ``serializable``."""

    reads_events = False
    needs = "no call of a recorded client (greenroom.client) was answered"

    def __init__(  # noqa: PLR0913 - as ``serializable``
        self,
        spec: Spec,
        *,
        transaction: Transaction | None,
        strict: bool,
        budget: int,
        uncertain: tuple[type[BaseException], ...],
        claim: str,
    ) -> None:
        self.claim = claim
        self.reads_real_time = strict
        self._spec = spec
        self._transaction = transaction
        self._strict = strict
        self._budget = budget
        self._uncertain = uncertain

    def check(self, history: History) -> Judgement:
        """Search an order of the transactions."""
        steps = Steps(self._spec, self._uncertain)
        operations = sorted(begun(history.operations), key=lambda operation: operation.invoked or 0)
        units = [self._unit(group, steps) for group in self._groups(operations)]
        found = legal_order(units, steps, self._budget)
        if found.legal is False:
            return no_order(self.claim, f" of {len(units)} transactions" if self._transaction else "", found, steps, found.explored)
        if found.legal is None:
            reason = f"{self._budget:,} configurations did not suffice for {len(units):,} transactions; raise the budget"
            return Judgement(Verdict.UNKNOWN, self.claim, reason, found.explored)
        return Judgement(Verdict.OK, self.claim, explored=found.explored)

    def _groups(self, operations: list[Operation]) -> Iterable[list[Operation]]:
        groups: dict[Any, list[Operation]] = {}
        for operation in operations:
            name = None if self._transaction is None else self._named(operation)
            groups.setdefault(("alone", id(operation)) if name is None else ("named", name), []).append(operation)
        return groups.values()

    def _named(self, operation: Operation) -> Hashable:
        assert self._transaction is not None
        try:
            name = self._transaction(operation)
            hash(name)
        except Exception as error:
            raise UsageError(
                f"transaction({operation}) failed: {type(error).__name__}: {error}; it returns a hashable name, or None"
            ) from error
        return name

    def _unit(self, group: list[Operation], steps: Steps) -> Unit:
        begins = group[0].invoked
        assert begins is not None
        open_ended = any(steps.open_ended(operation) for operation in group)
        ends = max(operation.answered or 0 for operation in group)
        if not self._strict:
            ends = FOR_EVER + ends  # all begin before any has ended
        return Unit(tuple(group), begins, None if open_ended else ends)
