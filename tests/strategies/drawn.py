"""What a strategy gives: its simplest example, and many."""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import HypothesisWarning

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def simplest(strategy: SearchStrategy[object]) -> object:
    """What everything of it shrinks towards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)  # some documents are long on purpose
        return find(strategy, lambda _: True, settings=settings(database=None, phases=[Phase.generate], max_examples=1))


@cache
def examples(strategy: SearchStrategy[object], count: int) -> tuple[object, ...]:
    """So many at most, the same ones each time."""
    seen = []

    @settings(
        max_examples=count, database=None, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def collect(value: object) -> None:
        seen.append(value)

    collect()
    return tuple(seen)


def shrunk(strategy: SearchStrategy[object], condition: object) -> object:
    """The smallest that Hypothesis finds for which a condition holds."""
    return find(strategy, condition, settings=settings(database=None, deadline=None, derandomize=True))
