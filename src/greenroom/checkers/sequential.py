"""Sequential consistency: one order of all operations explains them, and each client sees its own calls in its own order.

Lamport, "How to Make a Multiprocessor Computer That Correctly Executes Multiprocess Programs", IEEE Transactions on Computers 1979.
Unlike linearizability it does not hold object by object (Herlihy and Wing, TOPLAS 1990, section 3.3): nothing is partitioned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.checker import Judgement, Verdict
from greenroom.checkers.linearizability import BUDGET, begun, refusal
from greenroom.checkers.steps import REFUSED, Steps, checked_spec
from greenroom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenroom.checker import Spec
    from greenroom.history import History, Operation


def sequentially_consistent(
    spec: Spec, *, budget: int = BUDGET, uncertain: Iterable[type[BaseException]] = (), claim: str = "sequentially consistent"
) -> SequentiallyConsistent:
    """Claims that the operations of a history have an order that ``spec`` allows, and that keeps to the order of each client.

    Real time between clients does not count: a read may be stale, as long as all clients could have seen the same course of things. An
    operation that is pending, or whose wait timed out, has taken effect at any place behind the client's earlier ones, or never.

    Args:
        spec: the sequential specification; its ``partition`` is not used.
        budget: the most configurations to look at; UNKNOWN when they do not suffice. Their number may grow exponentially with the clients.
        uncertain: as for ``linearizable``.
        claim: how it is called in failures.

    Raises:
        UsageError: ``spec`` is no specification.
    """
    return SequentiallyConsistent(checked_spec(spec), budget=budget, uncertain=tuple(uncertain), claim=claim)


class SequentiallyConsistent:
    """Made by ``sequentially_consistent``."""

    reads_events = False
    needs = "no call of a recorded client (greenroom.client) was answered"
    reads_real_time = False

    def __init__(self, spec: Spec, *, budget: int, uncertain: tuple[type[BaseException], ...], claim: str) -> None:
        self.claim = claim
        self._spec = spec
        self._budget = budget
        self._uncertain = uncertain

    def check(self, history: History) -> Judgement:
        """Search an order.

        Raises:
            UsageError: one client has made two calls at a time.
        """
        steps = Steps(self._spec, self._uncertain)
        search = _Search(begun(history.operations), steps)
        legal = search.run(self._budget)
        if legal is None:
            count = len(history.operations)
            reason = f"{self._budget:,} configurations did not suffice for {count:,} operations; raise the budget"
            return Judgement(Verdict.UNKNOWN, self.claim, reason, search.explored)
        if legal:
            return Judgement(Verdict.OK, self.claim, explored=search.explored)
        prefix, refused = search.longest()
        return refusal(self.claim, "", prefix, refused, search.explored)


class _Search:
    """Depth first over how far each client has come, with a memo of (how far, which states).

    A line is what one client does in order. An operation that may be left out is a line of its own, which opens once the line of its
    client has come that far: what the client does afterwards need not wait for it.
    """

    def __init__(self, operations: list[Operation], steps: Steps) -> None:
        self._steps = steps
        self._lines: list[list[Operation]] = []
        self._opens: list[tuple[int, int]] = []  # for each line: a line, and how far that has to be
        self.explored = 0
        self._best: list[tuple[int, int]] = []
        self._best_states = steps.start
        by_client: dict[str, list[Operation]] = {}
        for operation in sorted(operations, key=lambda operation: operation.invoked or 0):
            by_client.setdefault(operation.client, []).append(operation)
        for calls in by_client.values():
            self._add_client(calls)

    def _add_client(self, calls: list[Operation]) -> None:
        line = len(self._lines)
        certain: list[Operation] = []
        self._lines.append(certain)
        self._opens.append((line, 0))
        before: Operation | None = None
        for operation in calls:
            if before is not None and (not before.done or (before.answered or 0) > (operation.invoked or 0)):
                raise UsageError(
                    f"the client {operation.client!r} has made two calls at a time ({before} and {operation}), "
                    "so its own order is not known: give each task a client of its own"
                )
            before = operation
            if self._steps.open_ended(operation):
                self._lines.append([operation])
                self._opens.append((line, len(certain)))
            else:
                certain.append(operation)

    def run(self, budget: int) -> bool | None:
        """Whether there is a legal order; None if ``budget`` configurations did not suffice."""
        far = [0] * len(self._lines)
        needed = [number for number, (line, _) in enumerate(self._opens) if line == number]
        left = sum(len(self._lines[number]) for number in needed)
        taken: list[tuple[int, int]] = []
        seen: set[tuple[tuple[int, ...], int]] = set()
        states, line = self._steps.start, 0
        while left:
            if line == len(far):
                if len(taken) > len(self._best) or not self._best:
                    self._best, self._best_states = list(taken), states
                if not taken:
                    return False
                line, states = taken.pop()
                far[line] -= 1
                left += self._opens[line][0] == line
                line += 1
                continue
            then = self._after(line, far, states)
            if then != REFUSED:
                far[line] += 1
                configuration = (tuple(far), then)
                if configuration not in seen:
                    if self.explored >= budget:
                        return None
                    self.explored += 1
                    seen.add(configuration)
                    taken.append((line, states))
                    left -= self._opens[line][0] == line
                    states, line = then, 0
                    continue
                far[line] -= 1
            line += 1
        return True

    def _after(self, line: int, far: list[int], states: int) -> int:
        opens, when = self._opens[line]
        if far[line] == len(self._lines[line]) or far[opens] < when:
            return REFUSED
        return self._steps.after(states, self._lines[line][far[line]])

    def longest(self) -> tuple[list[Operation], list[tuple[Operation, str]]]:
        """The longest legal order, and why what could come next is refused."""
        far = [0] * len(self._lines)
        order = []
        for line, _ in self._best:
            order.append(self._lines[line][far[line]])
            far[line] += 1
        able = [
            calls[far[line]]
            for line, calls in enumerate(self._lines)
            if far[line] < len(calls) and far[self._opens[line][0]] >= self._opens[line][1]
        ]
        return order, [(operation, self._steps.why_refused(self._best_states, operation)) for operation in able]
