"""Every schedule with one deviation, then every one with two, until the budget is spent: what is found then is the least there is.

Emmi, Qadeer, Rakamarić, "Delay-Bounded Scheduling", POPL 2011, as in ``greenroom.policies.delay_bounded``; here a deviation may also hold
the default task back. Holding back a task that is not next would change nothing before it is, so only the default is held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from greenroom.schedule import HOLD
from greenroom.shrink import is_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenroom.shrink import Attempt, Deviations, Search

DEEPEST: Final = 2


def every_schedule_with_fewer(search: Search) -> None:
    """Try every schedule with fewer deviations than the best has, up to two of them, the ones that look like it first."""
    parents: list[Deviations] = [()]
    for level in range(1, DEEPEST + 1):
        if len(search.best.schedule) <= level:
            return
        children: list[Deviations] = []
        for parent in parents:
            for child in _children(search, parent):
                children.append(child)
                if search.fewer(child):
                    return
                if search.spent:
                    return
        parents = _likely_first(children, search.best)


def simplest_of_as_few(search: Search) -> None:
    """Try other schedules with as many deviations: smaller values, and each deviation alone moved or replaced."""
    for place, (decision, choice) in enumerate(search.best.schedule.deviations):
        if is_value(choice):
            for smaller in range(1, int(choice[1:])):
                search.run(_replaced(search.best.schedule.deviations, place, (decision, f"#{smaller}")))
    before = None
    while search.best is not before and not search.spent:
        before = search.best
        for place in reversed(range(len(before.schedule))):
            for child in _moved(search, before.schedule.deviations, place):
                search.run(child)


def _children(search: Search, parent: Deviations) -> Iterator[Deviations]:
    """The candidates with one deviation more than ``parent``, behind its last."""
    attempt = search.run(parent)
    if attempt is None or attempt.schedule.deviations != parent:  # it does not fit; what was taken instead has children of its own
        return
    deviations = _deviations(attempt, parent[-1][0] + 1 if parent else 0)
    # What holds back comes first: there is one of these for a decision, and it takes the place of many others.
    for deviation in sorted(deviations, key=lambda deviation: not deviation[1].startswith(HOLD)):
        yield (*parent, deviation)


def _deviations(attempt: Attempt, first: int, end: int | None = None) -> Iterator[tuple[int, str]]:
    for decision in range(first, len(attempt.options) if end is None else min(end, len(attempt.options))):
        default, *others = attempt.options[decision]
        if not is_value(default):
            yield decision, f"{HOLD}{default}"
        for other in others:
            yield decision, other


def _likely_first(candidates: list[Deviations], best: Attempt) -> list[Deviations]:
    """Those that hold back or choose a task where the known failure does come first; the order among them stays."""
    passed_over = {best.options[decision][0] for decision, _ in best.schedule.deviations if decision < len(best.options)}
    involved = passed_over | {choice.removeprefix(HOLD) for _, choice in best.schedule.deviations}
    return sorted(candidates, key=lambda deviations: deviations[-1][1].removeprefix(HOLD) not in involved)


def _moved(search: Search, deviations: Deviations, place: int) -> Iterator[Deviations]:
    """The candidates in which only the deviation at that place is another one, between its neighbours."""
    attempt = search.run(deviations[:place])
    if attempt is None:
        return
    first = deviations[place - 1][0] + 1 if place else 0
    end = deviations[place + 1][0] if place + 1 < len(deviations) else None
    for deviation in _deviations(attempt, first, end):
        yield _replaced(deviations, place, deviation)


def _replaced(deviations: Deviations, place: int, deviation: tuple[int, str]) -> Deviations:
    return (*deviations[:place], deviation, *deviations[place + 1 :])
