"""The search for a legal order of units, each with a beginning and an end in time.

Wing and Gong, "Testing and Verifying Algorithms for Concurrent Objects", JPDC 1993, with the memo of configurations of Lowe, "Testing for
Linearizability", Concurrency and Computation 2017, section 4 (just-in-time linearization on a doubly linked list of calls and returns).
Departures: a configuration holds the set of states that agree with the results (``Steps``), a unit may be several operations in a row, and
units without an end may be left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from greenroom.checkers.steps import REFUSED, Steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.history import Operation

FOR_EVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Unit:
    """Operations that take effect together, at one moment between ``begins`` and ``ends`` (None: perhaps never)."""

    operations: tuple[Operation, ...]
    begins: int
    ends: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: ``order`` is a legal order of all units that have ended, or the longest that there is.

    ``legal`` is None where the budget ran out. ``refused`` holds the units that could come next in time, and ``states`` the number of
    the set of states that none of them is legal in.
    """

    legal: bool | None
    order: tuple[Unit, ...]
    refused: tuple[Unit, ...]
    states: int
    explored: int


def legal_order(units: Sequence[Unit], steps: Steps, budget: int) -> Found:
    """Search for an order of ``units`` that keeps to time and is legal.

    Args:
        units: in any order.
        steps: the specification.
        budget: the most configurations to look at.
    """
    return _Search(units, steps, budget).run()


class _Search:
    """The linked list: entry 0 is its head; the call of unit ``u`` is entry ``2u + 1``, its return ``2u + 2``.

    A unit that may be left out has no return: who reaches a return has passed every unit that could have come before it.
    """

    def __init__(self, units: Sequence[Unit], steps: Steps, budget: int) -> None:
        self._units = sorted(units, key=lambda unit: unit.begins)
        self._steps = steps
        self._budget = budget
        self._best: list[int] = []
        self._best_states = steps.start
        entries = [(unit.begins, 2 * number + 1) for number, unit in enumerate(self._units)]
        entries += [(unit.ends, 2 * number + 2) for number, unit in enumerate(self._units) if unit.ends is not None]
        order = [0, *(entry for _, entry in sorted(entries))]
        self._next = [0] * (2 * len(self._units) + 1)
        self._previous = [0] * (2 * len(self._units) + 1)
        for before, after in zip(order, [*order[1:], 0], strict=True):
            self._next[before], self._previous[after] = after, before

    def run(self) -> Found:
        units, after, following = self._units, self._steps.after, self._next
        single = [unit.operations[0] if len(unit.operations) == 1 else None for unit in units]
        left = sum(unit.ends is not None for unit in units)
        taken: list[tuple[int, int]] = []  # the units of the order so far, each with the states before it
        seen: set[tuple[int, int]] = set()
        done, states, explored, entry = 0, self._steps.start, 0, following[0]
        while left:
            if entry % 2:
                number = entry // 2
                operation = single[number]
                then = after(states, operation) if operation is not None else self._steps.after_all(states, units[number].operations)
                if then != REFUSED:
                    configuration = (done | 1 << number, then)
                    if configuration not in seen:
                        if explored >= self._budget:
                            self._keep(taken, states)
                            return self._found(None, explored)
                        explored += 1
                        seen.add(configuration)
                        taken.append((number, states))
                        done, states = configuration
                        self._lift(number)
                        left -= units[number].ends is not None
                        entry = following[0]
                        continue
            elif not taken:
                return self._found(False, explored)  # noqa: FBT003 - the field says what it is
            else:
                if len(taken) > len(self._best):
                    self._keep(taken, states)
                number, states = taken.pop()
                done ^= 1 << number
                self._unlift(number)
                left += units[number].ends is not None
                entry = 2 * number + 1
            entry = following[entry]
        self._keep(taken, states)
        return self._found(True, explored)  # noqa: FBT003 - the field says what it is

    def _keep(self, taken: list[tuple[int, int]], states: int) -> None:
        self._best = [number for number, _ in taken]
        self._best_states = states

    def _found(self, legal: bool | None, explored: int) -> Found:  # noqa: FBT001 - it has three values
        order = tuple(self._units[number] for number in self._best)
        refused: tuple[Unit, ...] = ()
        if legal is False:
            left = [unit for number, unit in enumerate(self._units) if number not in set(self._best)]
            first_end = min((FOR_EVER if unit.ends is None else unit.ends for unit in left), default=FOR_EVER)
            refused = tuple(unit for unit in left if unit.begins < first_end)
        return Found(legal, order, refused, self._best_states, explored)

    def _lift(self, number: int) -> None:
        """Take the call and the return of a unit out of the list."""
        following, previous = self._next, self._previous
        call = 2 * number + 1
        before, behind = previous[call], following[call]
        following[before], previous[behind] = behind, before
        if self._units[number].ends is not None:
            before, behind = previous[call + 1], following[call + 1]
            following[before], previous[behind] = behind, before

    def _unlift(self, number: int) -> None:
        """Put them back, in the opposite order."""
        following, previous = self._next, self._previous
        call = 2 * number + 1
        if self._units[number].ends is not None:
            following[previous[call + 1]] = previous[following[call + 1]] = call + 1
        following[previous[call]] = previous[following[call]] = call
