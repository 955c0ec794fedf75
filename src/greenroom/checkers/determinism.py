"""Determinism of answers: the same request gets the same answer, in one execution and over all that are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenroom.checker import Judgement, Verdict
from greenroom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from greenroom.history import History, Operation

    Key = Callable[[Operation], Hashable]


def deterministic(key: Key, *, claim: str = "the same request gets the same answer") -> Deterministic:
    """Claims that operations with one key are answered alike, under every schedule.

    It remembers the first answer to each key, and compares all later ones: of the same history and of the next ones. ``explore``,
    ``exhaust``, ``replay`` and ``run`` make it forget, and show it the default order, before they begin: so a replay compares with the
    default order too, in every process. Whoever calls ``check`` by hand calls ``begin`` first. (With ``workers``, each process of
    ``exhaust`` remembers for itself.) Operations that are pending, or whose wait timed out, have no answer; errors are compared by class
    and text.

    Args:
        key: the name of the request that an operation makes, or None where its answer may differ.
        claim: how it is called in failures.
    """
    return Deterministic(key, claim)


class Deterministic:
    """Made by ``deterministic``; it has a memory."""

    reads_events = False
    needs = "no call that its key names was answered"
    reads_real_time = False

    def __init__(self, key: Key, claim: str) -> None:
        self.claim = claim
        self._key = key
        self._answers: dict[Any, tuple[Any, str]] = {}

    def begin(self) -> None:
        """Forget all answers."""
        self._answers.clear()

    def check(self, history: History) -> Judgement:
        """Compare each answer with the first one to its key, in this history or an earlier one."""
        looked = 0
        for operation in history.operations:
            if operation.answered is None:
                continue
            request = self._named(operation)
            if request is None:
                continue
            looked += 1
            answer = operation.result if operation.error is None else (type(operation.error), str(operation.error))
            first, told = self._answers.setdefault(request, (answer, str(operation)))
            if not (first is answer or first == answer):
                about = (operation.task,) if operation.task else ()
                return Judgement(Verdict.VIOLATED, self.claim, f"{request!r}: {operation}, and before: {told}", looked, about=about)
        return Judgement(Verdict.OK, self.claim, explored=looked)

    def _named(self, operation: Operation) -> Hashable:
        try:
            request = self._key(operation)
            hash(request)
        except Exception as error:
            raise UsageError(
                f"the key of deterministic failed for {operation}: {type(error).__name__}: {error}; "
                "it returns a hashable name of the request, or None"
            ) from error
        return request
