"""Who is told of each recorded execution: nobody, unless a long run counts what its examples do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.history import History


class Onlooker(Protocol):
    """Looks at executions that are over; it must not change them."""

    def execution_ended(self, history: History, deviations: Sequence[tuple[int, str]]) -> None:
        """An execution has ended: what happened, and the choices against the default order that led there."""


_onlooker: list[Onlooker] = []


def install(onlooker: Onlooker | None) -> None:
    """From now on ``onlooker`` is told of each recorded execution of this process; None for nobody."""
    _onlooker[:] = [] if onlooker is None else [onlooker]


def tell(history: History, deviations: Sequence[tuple[int, str]]) -> None:
    """An execution has ended."""
    if _onlooker:
        _onlooker[0].execution_ended(history, deviations)
