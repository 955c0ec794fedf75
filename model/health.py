"""The outside world as it is known: a monitor looks at all of it once a period, and what it found last is what is told and gone by.

A look takes its time, and until it is done what was found before and what was found just now are both right. Each function gives what is
known after something was seen of the monitor, or says in words what no correct one does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from model.flow import FULL_FOR
from model.values import TIE_S

MEMORY = "memory"
THINGS = ("store", MEMORY)
"""What there is to look at. Of memory it is found which share of what may be taken is taken, of all else whether it answers: 1, or 0."""
UNKNOWN = -1.0
STALE_PERIODS = 3
"""After so many periods without a look the monitor itself is what is wrong."""


@dataclass(frozen=True, slots=True)
class Known:
    """`found` has all that may be right of each thing, `fresh` what the look found that is under way (None: there is none).

    `since_s` is when the monitor began to wait, for its first look or its next: so old is what it knows. `early` looks may come before the
    period is over: a new monitor looks at once, and hears of it if its predecessor was to look just when it died.
    """

    period_s: float
    found: Mapping[str, frozenset[float]] = field(default_factory=lambda: dict.fromkeys(THINGS, frozenset({UNKNOWN})))
    fresh: Mapping[str, float] | None = None
    since_s: float = 0.0
    early: int = 0
    monitor: int = 0

    @property
    def due_s(self) -> float:
        """When the next look is due."""
        return self.since_s + self.period_s


def begins(known: Known, monitor: int, now_s: float) -> Known:
    """The monitor of this number (from 1) starts."""
    early = 0 if monitor == 1 else 1 + (known.due_s <= now_s + TIE_S)
    return replace(known, monitor=monitor, since_s=now_s, early=early, fresh=None)


def looks(known: Known, monitor: int, now_s: float) -> Known | str:
    """A monitor begins to look."""
    if monitor != known.monitor:
        return known  # it is being stopped, and another does its work
    if known.early:
        return replace(known, early=known.early - 1, fresh={})
    if now_s < known.due_s - TIE_S:
        return f"the outside world is looked at, at {now_s:g} s; the next look was due at {known.due_s:g} s"
    return replace(known, fresh={})


def finds(known: Known, thing: str, value: float) -> Known:
    """A look finds something."""
    fresh = None if known.fresh is None else {**known.fresh, thing: value}
    return replace(known, found={**known.found, thing: known.found[thing] | {value}}, fresh=fresh)


def is_done(known: Known, monitor: int, now_s: float) -> Known | str:
    """A look is over."""
    if monitor != known.monitor or known.fresh is None:
        return known
    missing = [thing for thing in THINGS if thing not in known.fresh]
    if missing:
        return f"a look at the outside world has left out {missing}"
    found = {thing: frozenset({known.fresh[thing]}) for thing in THINGS}
    return replace(known, found=found, fresh=None, since_s=now_s)


def rests(known: Known, now_s: float) -> Known | str:
    """Nothing goes on by itself, and the monitor lives."""
    if known.fresh is None and now_s > known.due_s + TIE_S:
        return f"the next look at the outside world was due at {known.due_s:g} s, and at {now_s:g} s nobody looks"
    return known


def tells(known: Known, now_s: float) -> dict[str, frozenset[str]]:
    """What may be told of each thing, and of the monitor: "ok", "degraded", or "" for nothing."""
    words = {thing: frozenset(_word(thing, value) for value in known.found[thing]) for thing in THINGS}
    silent_s = now_s - known.since_s - STALE_PERIODS * known.period_s
    late = {True, False} if abs(silent_s) <= TIE_S else {silent_s > 0}
    return words | {"monitor": frozenset("degraded" if each else "" for each in late)}


def takes(known: Known) -> frozenset[bool]:
    """Whether a request of normal priority may be taken, as far as memory goes."""
    return frozenset(20 * share < FULL_FOR["normal"] for share in known.found[MEMORY])


def _word(thing: str, value: float) -> str:
    if value == UNKNOWN:
        return ""
    if thing == MEMORY:
        return "ok" if value < 1 else "degraded"
    return "ok" if value else "degraded"
