"""Flow: who is taken, who is next, and how many are at work at once.

Taken is who keeps to a rate (the generic cell rate algorithm, ITU-T Recommendation I.371, Annex A: each user has a theoretical arrival
time, and may be ahead of it by a burst), finds the line short enough for the request's priority, and finds room in the router's inbox. Next
is the highest priority that waits, in each priority the first, unless a lower one was passed over `PATIENCE` times while it waited. A place
at work is taken with a turn and free with the outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

PRIORITIES = ("high", "normal", "low")
FULL_FOR = {"low": 14, "normal": 17, "high": 19}
"""The line is too long for a priority from so many twentieths of its limit on."""
PATIENCE = 8
TIE_S = 1e-9
"""How near two sums of seconds may lie for either order to be right."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Places at work: `first` to begin with, `least` to `most`. A user may send `burst` at once, and `rate_per_s` in the long run."""

    inbox: int = 1000
    most_waiting: int = 1000
    burst: int = 50
    rate_per_s: float = 10.0
    first: int = 100
    least: int = 10
    most: int = 1000
    period_s: float = 5.0
    target_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Period:
    """What the router has seen since it looked at its window last: when that was, latencies, and whether somebody found it full."""

    since_s: float
    latencies_s: tuple[float, ...] = ()
    full: bool = False


@dataclass(frozen=True, slots=True)
class Flow:
    """`waiting` were taken and had no turn yet (in order), `line` are those of them that the router knows of, `at_work` had their turn.

    `passed` says for each priority that waits how many turns went to others since it began to wait, or had its last one. `inbox` is how
    many messages wait for the router.
    """

    limits: Limits
    size: int
    period: Period
    waiting: tuple[str, ...] = ()
    line: tuple[tuple[str, str], ...] = ()
    at_work: Mapping[str, float] = field(default_factory=dict)
    passed: Mapping[str, int] = field(default_factory=dict)
    due_s: Mapping[str, float] = field(default_factory=dict)
    inbox: int = 0


Verdict: TypeAlias = tuple[str, float]
"""accepted, overloaded or rate limited, and how many seconds a user is early."""


def init(limits: Limits, now_s: float) -> Flow:
    """Nobody is there."""
    return Flow(limits, limits.first, Period(now_s))


def arrive(flow: Flow, request: str, user: str, priority: str, now_s: float) -> tuple[tuple[Verdict, Flow], ...]:
    """Every legal (verdict, state) of a request that comes in."""
    limits = flow.limits
    if flow.inbox >= limits.inbox or len(flow.waiting) * 20 >= FULL_FOR[priority] * limits.most_waiting:
        return ((("overloaded", 0.0), flow),)
    due_s = max(now_s, flow.due_s.get(user, now_s))
    early_s = due_s - (limits.burst - 1) / limits.rate_per_s - now_s
    taken = replace(flow, waiting=(*flow.waiting, request), due_s={**flow.due_s, user: due_s + 1 / limits.rate_per_s})
    found: list[tuple[Verdict, Flow]] = []
    if early_s <= TIE_S:
        found.append((("accepted", 0.0), taken))
    if early_s >= -TIE_S and early_s != 0:
        found.append((("rate limited", early_s), flow))
    return tuple(found)


def pressed(flow: Flow) -> str:
    """What is told of the line's length: ok while it is not half full, down when nobody is taken any more."""
    twentieths = len(flow.waiting) * 20
    limit = flow.limits.most_waiting
    return "ok" if twentieths < 10 * limit else "down" if twentieths >= FULL_FOR["high"] * limit else "degraded"


def looked_in(flow: Flow, messages: int) -> Flow:
    """So many messages wait for the router, as whoever brings the next request sees it."""
    return replace(flow, inbox=messages)


def crowded(*, before: bool, waiting: int, limit: int) -> bool:
    """Whether an inbox counts as crowded, of which it is seen that so many wait: from four fifths on, until it is under one fifth."""
    return waiting * 5 >= limit * 4 or (before and waiting * 5 >= limit)


def join(flow: Flow, request: str, priority: str) -> Flow:
    """The router has heard of a request."""
    return replace(flow, line=(*flow.line, (priority, request)))


def leave(flow: Flow, request: str) -> Flow:
    """A request has left the line without a turn; a priority that nobody waits with is not passed over."""
    return _in_line(flow, tuple(each for each in flow.line if each[1] != request), flow.passed)


def take(flow: Flow) -> tuple[str | None, Flow]:
    """Who is next, and the state with that one's turn taken; None if nobody waits."""
    waiting = [priority for priority in PRIORITIES if any(each[0] == priority for each in flow.line)]
    if not waiting:
        return None, flow
    impatient = [priority for priority in waiting if flow.passed.get(priority, 0) >= PATIENCE]
    chosen = impatient[-1] if impatient else waiting[0]
    request = next(each[1] for each in flow.line if each[0] == chosen)
    passed = {priority: flow.passed.get(priority, 0) + 1 for priority in waiting if priority != chosen}
    return request, _in_line(flow, tuple(each for each in flow.line if each[1] != request), passed)


def begin(flow: Flow, request: str, now_s: float) -> Flow | None:
    """A request is at work; None if that is illegal: there was no place, or it did not wait."""
    if request not in flow.waiting or len(flow.at_work) >= flow.size:
        return None
    return replace(flow, waiting=tuple(each for each in flow.waiting if each != request), at_work={**flow.at_work, request: now_s})


def end(flow: Flow, request: str) -> Flow:
    """A request has its outcome, at work or not."""
    at_work = {other: since_s for other, since_s in flow.at_work.items() if other != request}
    return replace(flow, waiting=tuple(each for each in flow.waiting if each != request), at_work=at_work)


def looked(flow: Flow) -> Flow:
    """The router has given all turns that it could: who still waits has found the window full."""
    return replace(flow, period=replace(flow.period, full=True)) if flow.line else flow


def finished(flow: Flow, latency_s: float, now_s: float) -> Flow:
    """The router has heard of an end: once a period the window becomes a tenth smaller, or larger if somebody found it full."""
    limits, seen = flow.limits, (*flow.period.latencies_s, latency_s)
    if now_s - flow.period.since_s < limits.period_s:
        return replace(flow, period=replace(flow.period, latencies_s=seen))
    tenth = max(1, round(flow.size / 10))
    size = flow.size
    if sum(seen) / len(seen) > limits.target_s:
        size = max(limits.least, size - tenth)
    elif flow.period.full:
        size = min(limits.most, size + tenth)
    return replace(flow, size=size, period=Period(now_s))


def router_restarts(flow: Flow, now_s: float) -> Flow:
    """A new router knows nobody, and has the first window."""
    return replace(flow, size=flow.limits.first, period=Period(now_s), line=(), passed={})


def complaint(flow: Flow) -> str | None:
    """What is wrong where nothing more will happen by itself; None if nothing is."""
    unknown = set(flow.waiting) - {request for _, request in flow.line}
    if unknown:
        return f"taken, and in no line: {sorted(unknown)}"
    gone = {request for _, request in flow.line} - set(flow.waiting)
    if gone:
        return f"in line, and nobody waits for them: {sorted(gone)}"
    if flow.waiting and len(flow.at_work) < flow.size:
        return f"{len(flow.waiting)} wait, and only {len(flow.at_work)} of {flow.size} places are taken"
    return None


def _in_line(flow: Flow, line: tuple[tuple[str, str], ...], passed: Mapping[str, int]) -> Flow:
    still = {priority for priority, _ in line}
    return replace(flow, line=line, passed={priority: count for priority, count in passed.items() if priority in still})
