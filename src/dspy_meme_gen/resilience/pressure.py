"""Pressure: how full the service is, in five bands, and who is still admitted in each."""

import enum
from typing import Final

from dspy_meme_gen.domain import Priority

__all__ = ["Pressure", "pressure_of"]


class Pressure(enum.IntEnum):
    """From NONE to FULL. From RAISED on health says so; HIGH sheds low priority, SEVERE normal as well, FULL everybody."""

    NONE = 0
    RAISED = 1
    HIGH = 2
    SEVERE = 3
    FULL = 4

    def admits(self, priority: Priority) -> bool:
        """Whether a request of this priority is still taken."""
        return self <= _LAST_BAND[priority]


_LAST_BAND: Final = {Priority.LOW: Pressure.RAISED, Priority.NORMAL: Pressure.HIGH, Priority.HIGH: Pressure.SEVERE}
_BANDS: Final = ((0.95, Pressure.FULL), (0.85, Pressure.SEVERE), (0.7, Pressure.HIGH), (0.5, Pressure.RAISED))


def pressure_of(used: float, capacity: float) -> Pressure:
    """The band of a part of a whole; a whole of nothing is full."""
    share = used / capacity if capacity > 0 else 1.0
    return next((band for least, band in _BANDS if share >= least), Pressure.NONE)
