"""The life of a pipeline: what it may do from its start to the end of its stop, and what its calls may answer on the way.

    running ── a stop begins ──> draining ── nothing is in flight, or the grace is over ──> ending ── all is let go of ──> stopped

One that has given up takes no more, like one that drains, and is stopped like any other. `step` is told what was seen of a pipeline, in the
order in which it happened, and gives the life after it, or says in words what no correct pipeline does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from model.events import Admits, Closes, Ends, Event, GivesUp, IsTold, LetsGo, Rests, Returns, Settles, Starts, Uses
from model.values import TIE_S

Phase: TypeAlias = Literal["running", "draining", "ending", "stopped"]
PHASES: tuple[Phase, ...] = ("running", "draining", "ending", "stopped")


@dataclass(frozen=True, slots=True)
class Life:
    """`ports` are open, `order` is that of the first starts, `told` who was asked last to end and when, `left` who was left behind.

    An actor may be left behind that was in ports for `patience_s` from when it was asked to end, and must be.
    """

    ports: frozenset[str]
    patience_s: float
    phase: Phase = "running"
    given_up: bool = False
    in_flight: tuple[str, ...] = ()
    ended: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    left: frozenset[str] = frozenset()
    until_s: float = float("inf")
    drained: bool = False
    told: str = ""
    told_s: float = 0.0

    @property
    def takes(self) -> bool:
        """Whether it takes requests."""
        return self.phase == "running" and not self.given_up


def answers(call: str, life: Life, about: str = "") -> frozenset[str]:
    """What a call may answer at this moment; one that lasts may answer whatever it might have at any moment of it.

    `about` is the request that a status is asked of, or that is taken back.
    """
    known = "under way" if about in life.in_flight else "ended" if about in life.ended else "unknown"
    words = {
        "submit": "accepted" if life.takes else "ServiceStopped",
        "cancel": str(about in life.in_flight),
        "status": known,
        "health": "up" if life.takes else "down",
        "in flight": " ".join(life.in_flight),
    }
    closed = {"closed"} if call == "find" and life.phase in {"ending", "stopped"} else set()
    return frozenset({words.get(call, "answered")} | closed)


def step(life: Life, event: Event) -> Life | str:
    """The life after an event, or what is wrong with it."""
    return _RULES[type(event)](life, event)


def _admits(life: Life, event: Admits) -> Life | str:
    if not life.takes:
        return f"{event.request} was taken by a pipeline that is {'given up' if life.given_up else life.phase}"
    return replace(life, in_flight=(*life.in_flight, event.request))


def _settles(life: Life, event: Settles) -> Life | str:
    if event.request not in life.in_flight:
        return f"{event.request} was given an outcome, and was not in flight"
    if event.error == "ServiceStopped" and (life.phase != "draining" or event.now_s < life.until_s - TIE_S):
        return f"{event.request} was failed by a stop at {event.now_s:g} s; the pipeline is {life.phase}, and has until {life.until_s:g} s"
    if event.error == "RestartLimitExceeded" and not life.given_up:
        return f"{event.request} was failed as by a pipeline that has given up, and it has not"
    in_flight = tuple(each for each in life.in_flight if each != event.request)
    return replace(life, in_flight=in_flight, ended=life.ended | {event.request})


def _gives_up(life: Life, _: GivesUp) -> Life:
    return replace(life, given_up=True)


def _closes(life: Life, event: Closes) -> Life:
    return replace(life, phase="draining", until_s=event.now_s + event.grace_s) if life.phase == "running" else life


def _ends(life: Life, _: Ends) -> Life | str:
    if life.phase != "draining" or life.in_flight:
        return f"the actors of a pipeline that is {life.phase} are to end, and in flight are {list(life.in_flight)}"
    return replace(life, phase="ending")


def _starts(life: Life, event: Starts) -> Life | str:
    if life.phase in {"ending", "stopped"}:
        return f"{event.actor} was started by a pipeline that is {life.phase}"
    return life if event.actor in life.order else replace(life, order=(*life.order, event.actor))


def _is_told(life: Life, event: IsTold) -> Life | str:
    if life.phase != "ending":
        return f"{event.actor} was asked to end, and the pipeline is {life.phase}"
    life = _excusing(life, event.alive)
    later = life.order[life.order.index(event.actor) + 1 :]
    before = [each for each in later if each in event.alive and each not in life.left]
    if before:
        return f"{event.actor} was asked to end before {before}, which were started later"
    if life.told and event.now_s > life.told_s + life.patience_s + TIE_S:
        return f"a stop has waited for {life.told} for {event.now_s - life.told_s:g} s, and should have left it behind"
    return replace(life, told=event.actor, told_s=event.now_s)


def _uses(life: Life, event: Uses) -> Life | str:
    if event.port not in life.ports and event.by != "client" and event.by not in life.left:
        return f"{event.port} was used by {event.by}, and is closed"
    return replace(life, drained=True) if event.drains and event.by == "stop" else life


def _lets_go(life: Life, event: LetsGo) -> Life | str:
    if event.port not in life.ports:
        return f"{event.port} was closed twice"
    life = _excusing(life, event.alive)
    living = [actor for actor in event.alive if actor not in life.left]
    if living or life.phase != "ending":
        return f"{event.port} was closed by a pipeline that is {life.phase}, while {living} lived"
    return replace(life, ports=life.ports - {event.port})


def _returns(life: Life, event: Returns) -> Life | str:
    life = _excusing(life, event.alive)
    if life.in_flight:
        return f"a stop returned, and {list(life.in_flight)} have no outcome"
    living = [actor for actor in event.alive if actor not in life.left]
    if living or life.phase not in {"ending", "stopped"}:
        return f"a stop returned, the pipeline is {life.phase}, and {living} live"
    if life.ports:
        return f"a stop returned, and {sorted(life.ports)} are not closed"
    if event.waiting and not life.drained:
        return f"a stop returned, and nobody tried to store the {event.waiting} memes that wait"
    return replace(life, phase="stopped")


def _rests(life: Life, event: Rests) -> Life | str:
    """Only a request, a grace or a port may be waited for."""
    if life.given_up and life.in_flight:
        return f"the pipeline has given up, and {list(life.in_flight)} wait for ever"
    if life.phase == "draining" and (not life.in_flight or event.now_s >= life.until_s - TIE_S):
        return f"a stop waits at {event.now_s:g} s for {list(life.in_flight)}; its grace lasts until {life.until_s:g} s"
    if life.phase == "ending" and not event.inside:
        return "a stop waits, and nobody is inside a call of a port"
    return life


def _excusing(life: Life, alive: Mapping[str, float]) -> Life:
    """Whoever was asked to end and was inside ports all the time may be left behind."""
    return replace(life, left=life.left | {actor for actor, seconds in alive.items() if seconds >= life.patience_s - TIE_S})


_RULES: Mapping[type, Callable[[Life, Any], Life | str]] = {
    Admits: _admits,
    Settles: _settles,
    GivesUp: _gives_up,
    Closes: _closes,
    Ends: _ends,
    Starts: _starts,
    IsTold: _is_told,
    Uses: _uses,
    LetsGo: _lets_go,
    Returns: _returns,
    Rests: _rests,
}
