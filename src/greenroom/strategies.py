"""Hypothesis strategies for schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from greenroom.policies.drawn import MOST_DRAWS, Drawn

if TYPE_CHECKING:
    from random import Random


class DrawnSchedule(Drawn):
    """A policy whose choices Hypothesis draws, one by one, as the program comes to them."""

    def __init__(self, random: Random, most: int) -> None:
        super().__init__(random.randrange, most=most)
        self._drawn: list[int] = []

    def __repr__(self) -> str:
        return f"<schedule drawn by Hypothesis: {self._drawn}>"

    def choose_value(self, count: int) -> int:
        """What was drawn; remembered, so that the printed example shows it."""
        value = super().choose_value(count)
        self._drawn.append(value)
        return value


def schedules(*, most_draws: int = MOST_DRAWS) -> st.SearchStrategy[DrawnSchedule]:
    """Schedules for ``greenroom.run``: every choice is part of the example, shrinks to the default order, and is replayed from the database.

    Args:
        most_draws: choices after which the default order is kept to; an example has room for about 3,000.
    """
    return st.builds(DrawnSchedule, st.randoms(use_true_random=False), st.just(most_draws))
