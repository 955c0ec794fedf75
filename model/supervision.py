"""Supervision: a crashed child is started again, until it happens too often.

Five restarts are allowed in a sliding window of sixty seconds; the sixth crash inside it escalates, and the pipeline stops for good.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Restarts:
    """When the restarts that still count happened, oldest first; `escalated` is for ever."""

    limit: int = 5
    window_s: float = 60.0
    times_s: tuple[float, ...] = ()
    escalated: bool = False


def init() -> Restarts:
    """Nothing has crashed yet."""
    return Restarts()


def step(state: Restarts, now_s: float) -> tuple[tuple[str, Restarts], ...]:
    """Every legal (result, state) of a crash at `now_s`; the result is "restarted", "escalated" or "stopped"."""
    return (crash(state, now_s=now_s),)


def crash(restarts: Restarts, *, now_s: float) -> tuple[str, Restarts]:
    """What the supervisor does about one more crash; a restart exactly one window old no longer counts."""
    if restarts.escalated:
        return "stopped", restarts
    recent = tuple(time_s for time_s in restarts.times_s if now_s - time_s < restarts.window_s)
    if len(recent) >= restarts.limit:
        return "escalated", replace(restarts, times_s=recent, escalated=True)
    return "restarted", replace(restarts, times_s=(*recent, now_s))
