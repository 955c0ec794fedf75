"""The lives of pipelines, as they are seen: each event goes to the model in the very step in which it happens."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pykka

from dspy_meme_gen import names
from dspy_meme_gen.actors.health_monitor import HealthMonitor
from dspy_meme_gen.actors.supervised import SupervisedActor
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import Failed
from dspy_meme_gen.ledger import Ledger
from dspy_meme_gen.messages import LookAround, Recover
from dspy_meme_gen.pipeline import Pipeline
from dspy_meme_gen.roster import Roster
from greenroom.task import current_task
from machines.places import lifecycle as places
from machines.watched import PORTS, Watch
from model import events, health, lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable

    from dspy_meme_gen.domain import Outcome
    from machines.coverage import Trail
    from machines.taps import Taps

WORSE: Final = ("ok", "degraded", "down")
ANSWERED_ON_THREADS: Final = frozenset({"submit", "health", "find", "subscribe", "when settled"})
"""The calls whose answers do not go by what only taps see."""


@dataclass(slots=True)
class Asked:
    """A call that is under way, and what it may answer so far."""

    call: str
    about: str
    legal: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Served:
    """A pipeline, the model's life of it, and what was seen of it. `told_s` is when a stop asked each actor to end.

    `known` is what a health monitor makes known, where there is one.
    """

    life: lifecycle.Life
    watch: Watch
    known: health.Known | None
    fails_at: int = 0
    service: Pipeline | None = None
    addresses: dict[str, Address] = field(default_factory=dict)
    incarnations: dict[str, int] = field(default_factory=dict)
    deaths: set[tuple[str, int]] = field(default_factory=set)
    told_s: dict[str, float] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    stops: int = 0
    stopped: bool = False
    hurt: bool = False

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline, which has started."""
        assert self.service is not None
        return self.service

    def alive(self) -> dict[str, float]:
        """The actors that live, and how long each was in ports since a stop asked it to end."""
        return {
            name: self.watch.busy_s(name, self.told_s[name]) if name in self.told_s else 0.0
            for name, incarnation in self.incarnations.items()
            if (name, incarnation) not in self.deaths
        }


class Lives:
    """All pipelines of an example. `broken` keeps what no correct one does, for the service lets nothing out that a tap raises.

    Where `health_period_s` is not 0 the pipelines that begin have a health monitor.
    """

    def __init__(self, *, on_threads: bool, patience_s: float, trail: Trail) -> None:
        self._on_threads = on_threads
        self._patience_s = patience_s
        self._trail = trail
        self._owner: dict[int, Served] = {}
        self._refs: dict[Any, tuple[Served, str]] = {}
        self.all: list[Served] = []
        self.grants: dict[threading.Thread, float] = {}
        self.broken: list[str] = []
        self.generators = 0
        self.health_period_s = 0.0

    def set_taps(self, taps: Taps) -> None:
        """Whose each part is, anywhere; what happens to it, on a stage."""
        taps.before(Pipeline, "__init__", self._on_pipeline)
        taps.before(Roster, "add", self._on_actor)
        if self._on_threads:
            return
        taps.after(Ledger, "admit", self._on_admit)
        taps.before(Ledger, "_close_entry", self._on_outcome)
        taps.after(Ledger, "close", self._on_close)
        taps.before(Pipeline, "give_up", lambda pipeline: self.sees(self.whose(pipeline), events.GivesUp()))
        taps.after(Roster, "close", lambda _, roster: self.sees(self.whose(roster), events.Ends()))
        taps.before(Address, "point_at", self._on_start)
        taps.before(SupervisedActor, "on_failure", lambda actor, *_: self._on_death(actor))
        taps.before(SupervisedActor, "on_stop", self._on_death)
        taps.before(pykka.ActorRef, "stop", self._on_told)
        taps.before(HealthMonitor, "handle", self._on_look)
        taps.after(HealthMonitor, "handle", lambda _, *look: self._on_looked(*look))

    def begin(self, fails_at: int = 0) -> Served:
        """A pipeline that is about to start; the start of its actor number `fails_at` will fail."""
        watch = Watch(
            by=_at_work,
            uses=lambda *what: self._on_use(served, *what),
            back=lambda *what: self._on_back(served, *what),
            goes=lambda port: self._on_let_go(served, port),
        )
        known = health.Known(self.health_period_s) if self.health_period_s and not self._on_threads else None
        served = Served(lifecycle.Life(frozenset(PORTS), self._patience_s), watch, known, fails_at)
        self.all.append(served)
        self._visit(served)
        return served

    def own(self, part: object, served: Served) -> None:
        """A part is this pipeline's; it must live as long as the example."""
        self._owner[id(part)] = served

    def whose(self, part: object) -> Served:
        """The pipeline that a part belongs to."""
        return self._owner[id(part)]

    def ask(self, served: Served, call: str, function: Callable[[], str], about: str = "") -> str:
        """Call, and hold the answer against all that it might have been at any moment of the call."""
        asked = Asked(call, about)
        served.asked.append(asked)
        self._widen(served)
        answer = function()
        self._widen(served)
        served.asked.remove(asked)
        if answer not in asked.legal and (not self._on_threads or call in ANSWERED_ON_THREADS):
            self.broken.append(f"{call} {about} answered {answer!r}; legal: {sorted(asked.legal)}")
        return answer

    def stop(self, served: Served, grace_s: float, stop: Callable[[], object], waiting: Callable[[], int]) -> None:
        """Stop a pipeline, and look at what is left of it in the step in which the stop returns."""
        self.grants[threading.current_thread()] = grace_s
        served.stops += 1
        stop()
        served.stopped = True
        if not self._on_threads:
            self.sees(served, events.Returns(served.alive(), waiting()))
            return
        living = [name for name, address in served.addresses.items() if address.ref is not None and address.ref.is_alive()]
        closed = {port: served.watch.closed[port] for port in PORTS if served.watch.closed[port] != 1}
        if living or closed:
            self.broken.append(f"a stop has returned; alive: {living}; ports that were not closed once: {closed}")

    def sees(self, served: Served, event: events.Event) -> None:
        """Go on with the model's life, or keep what is wrong."""
        after = lifecycle.step(served.life, event)
        if isinstance(after, str):
            self.broken.append(after)
        else:
            served.life = after
            self._widen(served)
            self._visit(served)

    def rest(self) -> None:
        """Nothing goes on by itself: it is right that it does not, and health tells what is known. Called inside a task."""
        now_s = time.monotonic()
        for served in self.all:
            self.sees(served, events.Rests(now_s, served.watch.somebody_is_inside()))
            if served.known is None:
                continue
            if served.life.takes and names.HEALTH_MONITOR in served.alive():
                self._knows(served, health.rests(served.known, now_s))
            if served.service is None:
                continue
            found = served.service.health()
            checks = found.checks
            worst = max((check.status for check in checks.values()), key=WORSE.index)
            if found.status != worst:
                self.broken.append(f"health says {found.status!r}, and the worst of {dict(checks)} is {worst!r}")
            for thing, legal in health.tells(served.known, now_s).items():
                told = checks[thing].status if thing in checks else ""
                if told not in legal:
                    self.broken.append(f"health says {told!r} of {thing} at {now_s:g} s; legal: {sorted(legal)}")

    def _knows(self, served: Served, known: health.Known | str) -> None:
        """What is known from now on, or what is wrong."""
        if isinstance(known, str):
            self.broken.append(known)
        else:
            served.known = known
            self._widen(served)

    def finds(self, served: Served, thing: str, value: float) -> None:
        """Whoever looks at the outside world has found something."""
        if served.known is not None:
            self._knows(served, health.finds(served.known, thing, value))

    def _visit(self, served: Served) -> None:
        """Where a life is counts as visited; on real threads nobody sees it go on."""
        if not self._on_threads:
            self._trail.visit(str(self.all.index(served)), places.label(served.life))

    def _widen(self, served: Served) -> None:
        """Whatever is answered now may be the answer of every call that is under way."""
        for life in self._possible(served):
            for asked in served.asked:
                asked.legal |= self._answers(served, life, asked)

    def _answers(self, served: Served, life: lifecycle.Life, asked: Asked) -> frozenset[str]:
        answers = lifecycle.answers(asked.call, life, asked.about)
        if asked.call == "submit" and life.takes and served.known is not None:
            return frozenset("accepted" if taken else "Overloaded" for taken in health.takes(served.known))
        return answers

    def _possible(self, served: Served) -> list[lifecycle.Life]:
        """On real threads nobody sees the steps of a stop: from its call to its return it may be anywhere."""
        if not self._on_threads:
            return [served.life]
        phases = lifecycle.PHASES[-1:] if served.stopped else lifecycle.PHASES if served.stops else lifecycle.PHASES[:1]
        lives = [lifecycle.Life(frozenset(), 0.0, phase=phase) for phase in phases]
        return lives + [lifecycle.Life(frozenset(), 0.0, given_up=True)] * served.hurt

    # -- taps ------------------------------------------------------------------------------------------------------------------

    def _on_pipeline(self, pipeline: Pipeline, lasting: Any) -> None:
        served = self.whose(lasting.ports)
        for part in (pipeline, lasting.ledger, lasting.roster):
            self.own(part, served)

    def _on_actor(self, roster: Roster, address: Address, _: Any) -> None:
        served = self.whose(roster)
        self.own(address, served)
        served.addresses[address.name] = address

    def _on_admit(self, result: Any, ledger: Ledger, request: Any) -> None:
        if not isinstance(result, Exception) and result[1]:
            self.sees(self.whose(ledger), events.Admits(request.request_id))

    def _on_outcome(self, ledger: Ledger, entry: Any, outcome: Outcome) -> None:
        error = outcome.error if isinstance(outcome, Failed) else ""
        self.sees(self.whose(ledger), events.Settles(entry.request.request_id, error, time.monotonic()))

    def _on_close(self, _: Any, ledger: Ledger) -> None:
        grace_s = self.grants.get(threading.current_thread())
        if grace_s is not None:  # else it is the supervisor, which gives up
            self.sees(self.whose(ledger), events.Closes(grace_s, time.monotonic()))

    def _on_start(self, address: Address, ref: Any, incarnation: int) -> None:
        served = self.whose(address)
        self._refs[ref] = served, address.name
        served.incarnations[address.name] = incarnation
        if address.name == names.MEME_GENERATOR:
            self.generators = max(self.generators, incarnation)
        if address.name == names.HEALTH_MONITOR and served.known is not None:
            self._knows(served, health.begins(served.known, incarnation, time.monotonic()))
        self.sees(served, events.Starts(address.name))

    def _on_look(self, monitor: HealthMonitor, message: object) -> None:
        served = self.whose(monitor.identity.supervisor)
        if isinstance(message, LookAround | Recover) and served.known is not None:
            self._knows(served, health.looks(served.known, monitor.identity.incarnation, time.monotonic()))

    def _on_looked(self, monitor: HealthMonitor, message: object) -> None:
        served = self.whose(monitor.identity.supervisor)
        if isinstance(message, LookAround | Recover) and served.known is not None:
            self._knows(served, health.is_done(served.known, monitor.identity.incarnation, time.monotonic()))

    def _on_death(self, actor: SupervisedActor) -> None:
        identity = actor.identity
        self.whose(identity.supervisor).deaths.add((identity.name, identity.incarnation))

    def _on_told(self, ref: Any, **_: Any) -> None:
        """Actors are stopped by a stop, or by the supervisor, which is an actor itself."""
        task = current_task()
        if ref in self._refs and task is not None and task.actor is None:
            served, name = self._refs[ref]
            self.sees(served, events.IsTold(name, served.alive(), time.monotonic()))
            served.told_s.setdefault(name, time.monotonic())

    def _on_use(self, served: Served, port: str, by: str, method: str) -> None:
        if not self._on_threads:
            self.sees(served, events.Uses(port, by, drains=method == "drain"))

    def _on_back(self, served: Served, port: str, by: str, well: bool) -> None:
        if by == names.HEALTH_MONITOR and port in health.THINGS:
            self.finds(served, port, float(well))

    def _on_let_go(self, served: Served, port: str) -> None:
        if not self._on_threads:
            self.sees(served, events.LetsGo(port, served.alive()))


def _at_work(method: str) -> str:
    """Who calls a port: an actor, a stop (nobody else writes from outside of the actors), or a client."""
    task = current_task()
    if task is not None and task.actor is not None:
        return str(task.actor.identity.name)
    return "stop" if method in {"put", "drain"} else "client"
