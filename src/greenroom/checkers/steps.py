"""A specification at work: the steps it allows, each asked for once, and why it refuses an operation.

A specification may leave several states open. What is carried along is the set of all states that agree with the results seen so far
(the subset construction), so that the search is the same for deterministic and nondeterministic specifications. Sets are numbered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from greenroom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from greenroom.checker import Spec
    from greenroom.history import Operation

REFUSED: Final = -1
_MOST_SHOWN = 3
_LONGEST = 60


class Steps:
    """The numbered sets of states of ``spec``, and the steps between them; 0 is the set with the initial state alone.

    Args:
        spec: the specification.
        uncertain: classes of errors after which an operation may have taken effect or not.
    """

    def __init__(self, spec: Spec, uncertain: tuple[type[BaseException], ...] = ()) -> None:
        self._spec = spec
        self._uncertain = uncertain
        self._known: dict[int, dict[int, int]] = {}
        self._numbers: dict[frozenset[Hashable], int] = {}
        self._sets: list[tuple[Hashable, ...]] = []
        self.start = self._number([spec.init()])

    def open_ended(self, operation: Operation) -> bool:
        """Whether nobody knows if the operation took effect: it is pending, or ended by an error that leaves that open."""
        return operation.answered is None or isinstance(operation.error, self._uncertain)

    def after(self, states: int, operation: Operation) -> int:
        """The set of states after ``operation`` in the set ``states``, or ``REFUSED``.

        Raises:
            UsageError: the specification gives no pairs of a result and a hashable state, or raises.
        """
        known = self._known.get(id(operation))
        if known is None:
            known = self._known[id(operation)] = {}
        after = known.get(states)
        if after is None:
            after = known[states] = self._after(states, operation)
        return after

    def after_all(self, states: int, operations: Sequence[Operation]) -> int:
        """As ``after``, for several operations one after another."""
        for operation in operations:
            states = self.after(states, operation)
            if states == REFUSED:
                break
        return states

    def why_refused(self, states: int, operation: Operation) -> str:
        """Why ``operation`` is illegal in the set ``states``, in words."""
        results: list[str] = []
        for state in self._sets[states]:
            for result, _ in self._outcomes(state, operation):
                text = f"raise {_shown(result)}" if isinstance(result, BaseException) else f"return {_shown(result)}"
                if text not in results:
                    results.append(text)
        where = " or ".join(_shown(state) for state in self._sets[states][:_MOST_SHOWN])
        if not results:
            return f"the specification refuses it in state {where}"
        raised = operation.error is not None
        gave = operation.gave or _shown(operation.error if raised else operation.result)
        others = len(results) - _MOST_SHOWN
        more = f" or {others} other{'s' if others > 1 else ''}" if others > 0 else ""
        wanted = " or ".join(results[:_MOST_SHOWN]) + more
        return f"would have to {wanted}, {'raised' if raised else 'returned'} {gave} (in state {where})"

    def _after(self, states: int, operation: Operation) -> int:
        any_result = self.open_ended(operation)
        error = operation.error
        found: list[Hashable] = []
        for state in self._sets[states]:
            for result, after in self._outcomes(state, operation):
                if any_result or (_same_error(result, error) if error is not None else _same(result, operation.result)):
                    found.append(after)
        return self._number(found) if found else REFUSED

    def _outcomes(self, state: Hashable, operation: Operation) -> list[Any]:
        try:
            outcomes: list[Any] = list(self._spec.step(state, operation.call))
        except Exception as error:
            raise UsageError(
                f"the specification raised {type(error).__name__}: {error} in step({_shown(state)}, {_shown(operation.call)}); "
                "it returns a list of (result, next state), empty where the call is not allowed"
            ) from error
        for outcome in outcomes:
            if not (isinstance(outcome, tuple) and len(outcome) == 2):
                raise UsageError(
                    f"step({_shown(state)}, {_shown(operation.call)}) gave {_shown(outcome)}, which is no pair: "
                    "a specification returns a list of (result, next state), as in [(None, state + 1)]"
                )
        return outcomes

    def _number(self, states: list[Hashable]) -> int:
        if len(states) > 1:
            states = list(dict.fromkeys(self._hashable(states)))
        try:
            key = frozenset(states)
        except TypeError:
            key = frozenset(self._hashable(states))
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._sets)
            self._sets.append(tuple(states))
        return number

    def _hashable(self, states: list[Hashable]) -> list[Hashable]:
        for state in states:
            try:
                hash(state)
            except TypeError as error:
                raise UsageError(
                    f"a state of the specification cannot be hashed: {_shown(state)}; use tuples and frozensets for lists and sets, "
                    "frozenset(d.items()) for a dict, a frozen dataclass for an object"
                ) from error
        return states


def partitioned(spec: Spec, operations: Iterable[Operation]) -> dict[Any, list[Operation]]:
    """The operations by the object that they are about, as ``spec.partition`` says; all together where it says nothing.

    Raises:
        UsageError: ``partition`` raised, or gave what cannot be hashed.
    """
    partition: Callable[[Any], Hashable] | None = getattr(spec, "partition", None)
    if partition is None:
        everything = list(operations)
        return {None: everything} if everything else {}
    parts: dict[Any, list[Operation]] = {}
    for operation in operations:
        try:
            parts.setdefault(partition(operation.call), []).append(operation)
        except Exception as error:
            raise UsageError(
                f"partition({_shown(operation.call)}) failed: {type(error).__name__}: {error}; "
                "it returns a hashable name of the object that the call is about"
            ) from error
    return parts


def checked_spec(spec: Spec) -> Spec:
    """``spec``, if it has the two functions of one.

    Raises:
        UsageError: it has not.
    """
    if isinstance(spec, type) or not (callable(getattr(spec, "init", None)) and callable(getattr(spec, "step", None))):
        raise UsageError(f"a specification has init() and step(state, call), and {_shown(spec)} has not (a class must be instantiated)")
    return spec


def _same(result: Any, other: Any) -> bool:
    return result is other or bool(result == other)


def _same_error(result: Any, error: BaseException) -> bool:
    return isinstance(result, BaseException) and type(result) is type(error) and str(result) == str(error)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
