"""The lifecycle machine: starts, starts that fail, stops by several at once, and whatever else clients do before, during and after."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pykka
from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from dspy_meme_gen import bootstrap, names
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import KINDS, Meme
from dspy_meme_gen.messages import Crash
from dspy_meme_gen.settings import Settings
from greenroom.policies.drawn import HOLD_BYTE, schedule_bytes
from greenroom.task import current_task
from machines.lives import Lives, Served
from machines.part import CLIENTS, QUIET, PartMachine, on_stage
from machines.places import lifecycle as places
from machines.statistics import Statistics
from machines.watched import PORTS, KeptOutbox, PortClosed
from machines.world import PortDown
from model.health import MEMORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from dspy_meme_gen.address import Address
    from dspy_meme_gen.domain import Outcome
    from dspy_meme_gen.pipeline import Pipeline, RequestStatus

GRACE_S: Final = 5.0
PATIENCE_S: Final = 10.0
SHORT_S: Final = 2.0
LONG_S: Final = 40.0  # longer than a stop waits for an actor
MOST_PIPELINES: Final = 4
HEALTH_S: Final = 1.0
MEMORY_MB: Final = 1000
SHARES: Final = (0.1, 0.84, 0.85, 1.0, 1.5)
"""Of the memory that a process may take: at 0.85 requests of normal priority are shed, at 1 memory is said to be degraded."""
ACTORS: Final = (
    names.SUPERVISOR,
    names.METRICS,
    names.EVENT_BUS,
    names.STORE,
    names.CACHE,
    *names.pool(names.IMAGE_GENERATOR, 2),
    names.REFINER,
    names.SCORER,
    *KINDS,
    *names.pool(names.TEXT_GENERATOR, 2),
    names.MEME_GENERATOR,
    names.ROUTER,
)
MORTAL: Final = st.sampled_from((*ACTORS, names.HEALTH_MONITOR))
LOOKS: Final = ("health", "status", "in flight", "find", "subscribe", "when settled")
CLIENT: Final = st.sampled_from(CLIENTS)
GRACES: Final = st.sampled_from((0.0, 1.0, 20.0))


class StartFails(Exception):
    """What a start raises that the machine lets fail."""


class Leaves(Exception):
    """By what a `with` block is left."""


class LifecycleMachine(PartMachine):
    """What a pipeline may do, and what its calls may answer, at each point of its life is the model's to say."""

    statistics: ClassVar[Statistics] = Statistics()
    waits = False
    settings: ClassVar[dict[str, Any]] = {"stop_grace_s": GRACE_S, "actor_stop_s": PATIENCE_S, "memory_limit_mb": MEMORY_MB}
    places = staticmethod(places.places)

    # -- starting --------------------------------------------------------------------------------------------------------------

    def start_service(self, chosen: dict[str, Any]) -> None:  # noqa: ARG002 - as in the base class
        """None before `begin` has chosen how many deaths each bears."""
        self.started: list[Served] = []
        self.whose: dict[str, Served] = {}
        self.outbox = KeptOutbox()
        self.memory_share = SHARES[0]
        self.lives = Lives(on_threads=self.on_threads, patience_s=PATIENCE_S, trail=self.trail)
        self.lives.set_taps(self.taps)
        self.taps.replace(bootstrap, "_start", self._start_actor)
        self.taps.replace(bootstrap, "resident_bytes", self._resident_bytes)

    def _start(self, served: Served) -> str:
        ports = served.watch.ports(self.script, self.outbox, self._hold)
        self.lives.own(ports, served)
        served.service = self.service = start_pipeline(self.chosen_settings, ports, flat=self.frail)
        self.started.append(served)
        return "started"

    def _start_badly(self, served: Served) -> str:
        def start() -> None:
            with suppress(StartFails):
                self._start(served)

        self.lives.stop(served, 0.0, start, self.outbox.count)
        return "failed"

    def _start_actor(self, start: Callable[[Any], Any], name: str, supervisor: Address, incarnation: int) -> Any:
        """As bootstrap's, but the start of an actor may fail."""
        served = self.lives.whose(supervisor)
        if served.fails_at and incarnation == 1 and name == ACTORS[served.fails_at - 1]:
            raise StartFails(f"can't start {name}")
        return start(bootstrap.Identity(name, incarnation, supervisor))

    def _resident_bytes(self) -> int:
        task = current_task()
        if task is not None and task.actor is not None:
            self.lives.finds(self.lives.whose(task.actor.identity.supervisor), MEMORY, self.memory_share)
        return round(self.memory_share * MEMORY_MB * 1_000_000)

    def _hold(self, port: str) -> None:
        if self.script.slow[port]:
            time.sleep(self.script.slow[port].popleft())

    # -- rules -----------------------------------------------------------------------------------------------------------------

    @initialize(
        requests=st.integers(0, 3),
        seconds=st.sampled_from((0.0, SHORT_S, LONG_S)),
        port=st.sampled_from(("text", "store")),
        deaths=st.integers(0, 3),
    )
    def begin(self, requests: int, seconds: float, port: str, deaths: int) -> None:
        """Start a pipeline; in most examples work is under way, and a call takes long, or too long.

        With `deaths` 1 and 2 every pipeline bears one death alone, and has died so often already; else it bears any number. Where
        `deaths` is not 0 there is a health monitor: its clock never stops, and hides nobody who waits, for `Rests` asks at each standstill.
        """
        self.frail = deaths in {1, 2}
        self.lives.health_period_s = HEALTH_S if deaths else 0.0
        chosen: dict[str, Any] = {"health_period_s": self.lives.health_period_s} | ({"restart_limit": 1} if self.frail else {})
        self.chosen_settings = Settings(**QUIET | self.settings | chosen)
        self.perform(self._start, self.lives.begin())
        if seconds and not self.on_threads:
            self.nap(port, seconds)
        for number in range(requests):
            self.submit(CLIENTS[number], "cats")
        self.run(b"")
        for _ in range(deaths if self.frail else 0):
            self.kill(names.SCORER, 0)
            self.run(b"")

    @rule(client=CLIENT, wish=st.sampled_from(("cats", "dull cats")))
    def submit(self, client: str, wish: str) -> None:
        """A new request, for the newest pipeline."""
        self.submit_request(client, f"{wish} {len(self.requests)}")

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 3), client=CLIENT)
    def cancel(self, which: int, client: str) -> None:
        """A request is taken back, perhaps too late."""
        request_id = list(self.requests)[-1 - which % len(self.requests)]
        self.client(client).call("cancel", self._cancel, request_id)

    @rule(client=CLIENT, schedule=schedule_bytes())
    def submit_and_cancel(self, client: str, schedule: bytes) -> None:
        """Two requests are taken back as soon as they are handed in: those who are to see to them have only begun to."""
        for _ in range(2):
            self.submit(client, "cats")
            self.cancel(0, client)
            self.run(schedule)

    @rule(look=st.sampled_from(LOOKS), client=CLIENT)
    def look(self, look: str, client: str) -> None:
        """A client wants to know something of the newest pipeline."""
        self.client(client).call(look, self._look, self._newest(), look)

    @rule(grace_s=GRACES, client=CLIENT)
    def stop(self, grace_s: float, client: str) -> None:
        """The newest pipeline is stopped, perhaps not for the first time."""
        self.client(client).call("stop", self._stop, self._newest(), grace_s)

    @rule(grace_s=GRACES, first=st.booleans(), schedule=schedule_bytes())
    def stop_at_once(self, grace_s: float, first: bool, schedule: bytes) -> None:
        """Two clients stop the newest pipeline at once, and a third hands in a request, perhaps before them."""
        if first:
            self.submit(CLIENTS[2], "cats")
        for client in CLIENTS[:2]:
            self.stop(grace_s, client)
        if not first:
            self.submit(CLIENTS[2], "cats")
        self.run(schedule)

    @precondition(on_stage)
    @rule(grace_s=GRACES, client=CLIENT, step=st.integers(0, 7))
    def stop_while_one_hands_in(self, grace_s: float, client: str, step: int) -> None:
        """Whoever hands a request in is held up at one of its first steps, until the newest pipeline has stopped, or nobody can go on."""
        self.submit(client, "cats")
        self.stop(grace_s, "operator")
        self.run(bytes((*(0,) * step, HOLD_BYTE)))

    @rule(fails=st.booleans(), client=CLIENT, busy=st.booleans())
    def leave(self, fails: bool, client: str, busy: bool) -> None:
        """A client leaves the newest pipeline's `with` block, perhaps by an exception, perhaps while work is under way that takes long."""
        if busy and not self.on_threads:
            self.nap("text", LONG_S)
            self.submit(client, "cats")
            self.run(b"")
        self.client(client).call("leave", self._leave, self._newest(), fails)

    @rule(client=CLIENT)
    def start_next(self, client: str) -> None:
        """Another pipeline over the same store and outbox; the one before may still be at work, or be stopping."""
        if len(self.lives.all) < MOST_PIPELINES:
            self.client(client).call("start", self._start, self.lives.begin())

    @rule(at=st.integers(1, len(ACTORS)), client=CLIENT)
    def start_badly(self, at: int, client: str) -> None:
        """A start that fails at one of its actors."""
        if len(self.lives.all) < MOST_PIPELINES:
            self.client(client).call("start", self._start_badly, self.lives.begin(at))

    @rule(actor=MORTAL, before=st.sampled_from((0, 0, 1)))
    def kill(self, actor: str, before: int) -> None:
        """An actor of the newest pipeline, or of the one before, dies of a message of its own."""
        served = self._newest(before)
        address = served.addresses.get(actor)
        if address is None or address.ref is None:
            return
        served.hurt = True
        if self.on_threads:
            self.reruns += actor == names.MEME_GENERATOR  # nobody follows what becomes of it there
            self.client("foe").call("kill", address.tell, Crash())
        elif self.crash(address.ref, self._on_crash):
            self.client("foe").call("kill", address.tell, "a message that no actor knows")

    @precondition(on_stage)
    @rule(actor=MORTAL, at=st.integers(1, 4))
    def crash_later(self, actor: str, at: int) -> None:
        """An actor dies of one of its next messages, whatever that is."""
        address = self._newest().addresses.get(actor)
        if address is not None and address.ref is not None:
            self.crash(address.ref, self._on_crash, at=at)

    @precondition(on_stage)
    @rule(port=st.sampled_from(("text", "image", "scorer", "store")), seconds=st.sampled_from((SHORT_S, LONG_S)))
    def delay(self, port: str, seconds: float) -> None:
        """The next call of a port takes long, or longer than a stop waits for it."""
        self.nap(port, seconds)

    @rule(port=st.sampled_from(PORTS[1:]))
    def spoil_close(self, port: str) -> None:
        """A port of the newest pipeline raises when it is closed."""
        self._newest().watch.raises_at_close = port

    @precondition(on_stage)
    @rule(share=st.sampled_from(SHARES), down=st.booleans(), dies=st.booleans())
    def trouble_passes(self, share: float, down: bool, dies: bool) -> None:
        """Memory is short, or the store away; a health monitor, where there is one, notices, unless it dies; and then all is well again."""
        for taken, away in ((share, down), (SHARES[0], False)):
            self.memory_share = taken
            self.switch_store(away)
            if dies:
                self.kill(names.HEALTH_MONITOR, 0)
            self.advance(HEALTH_S, b"")
            self.submit("ann", "cats")
            self.run(b"")
            self.follow()

    @rule(down=st.booleans())
    def switch_store(self, down: bool) -> None:
        """The store goes away, or comes back."""
        self.script.store_is_down = down

    # -- what clients do -------------------------------------------------------------------------------------------------------

    def _newest(self, before: int = 0) -> Served:
        return self.started[max(0, len(self.started) - 1 - before)]

    def _hand_in(self, request: Any) -> object:
        self.whose[request.request_id] = served = self._newest()
        return self.lives.ask(served, "submit", lambda: str(super(LifecycleMachine, self)._hand_in(request)))

    def _cancel(self, request_id: str) -> str:
        served = self.whose.get(request_id) or self._newest()
        return self.lives.ask(served, "cancel", lambda: str(served.pipeline.cancel(request_id)), request_id)

    def _look(self, served: Served, look: str) -> str:
        service, about = served.pipeline, next(reversed(self.whose), "nobody's")
        looks: dict[str, Callable[[], str]] = {
            "health": lambda: "down" if service.health().checks.get("pipeline") else "up",
            "status": lambda: _word(service.status(about)),
            "in flight": lambda: " ".join(service.in_flight()),
            "find": lambda: _found(service, self.ended.get(about)),
            "subscribe": lambda: service.subscribe(lambda _: None)() or "answered",
            "when settled": lambda: "answered" if service.when_settled(about, lambda _: None) in {True, False} else "nothing",
        }
        return self.lives.ask(served, look, looks[look], about)

    def _stop(self, served: Served, grace_s: float | None) -> str:
        return self._stopping(served, GRACE_S if grace_s is None else grace_s, lambda: served.pipeline.stop(grace_s=grace_s))

    def _leave(self, served: Served, fails: bool) -> str:
        def leave() -> None:
            with suppress(Leaves), served.pipeline:
                if fails:
                    raise Leaves

        return self._stopping(served, 0.0 if fails else GRACE_S, leave)

    def _stopping(self, served: Served, grace_s: float, stop: Callable[[], None]) -> str:
        """A stop, and what whoever called it may count on from then on."""
        mine = [request_id for request_id in self.futures if self.whose[request_id] is served]
        self.lives.stop(served, grace_s, stop, self.outbox.count)
        for look in ("health", "in flight"):
            self._look(served, look)
        for request_id in mine:
            try:
                self.futures[request_id].get(timeout=0)
            except pykka.Timeout:
                self.lives.broken.append(f"a stop has returned, and the future of {request_id} is not set")
        return "stopped"

    def whereabouts(self, now_s: float) -> dict[str, str]:  # noqa: ARG002 - as in the base class
        """Where the life of each pipeline is."""
        return {str(number): places.label(served.life) for number, served in enumerate(self.lives.all)}

    # -- what must hold --------------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Nothing was seen that no correct pipeline does, and where nothing goes on by itself it is right that it does not."""
        self.reruns = max(self.reruns, self.lives.generators - 1)
        if self._at_rest():
            self.perform(self.lives.rest)
        assert not self.lives.broken, self.lives.broken[0]

    def at_rest(self) -> None:
        """As every machine of a part; and each meme that was made is in the store, or waits for it."""
        super().at_rest()
        assert not self.lives.broken, self.lives.broken[0]
        made = {outcome.id: request_id for request_id, outcome in self.ended.items() if isinstance(outcome, Meme)}
        kept = self.script.records.keys() | self.outbox.ids()
        lost = [request_id for meme_id, request_id in made.items() if meme_id not in kept]
        assert not lost, f"made, and neither stored nor kept for the store: {lost}"

    def stop_actors(self) -> None:
        """Every pipeline; whoever was left behind in a port comes back, and ends."""
        for served in self.started:
            self._stop(served, None)
        if not self.on_threads:
            time.sleep(self.explained_s)

    def nothing_is_left_behind(self) -> None:
        """As every machine; and no timer would still talk to anybody but a supervisor, which lets its timers come."""
        super().nothing_is_left_behind()
        assert not self.lives.broken, self.lives.broken[0]
        for served in self.lives.all:
            lingering = [name for name in served.watch.lingering() if name != names.SUPERVISOR]
            assert not lingering, f"stopped, and timers are set for {lingering}"
            for what, so in (
                ("gave up", served.life.given_up),
                ("left actors behind", served.life.left),
                ("failed to start", served.fails_at),
            ):
                if so:
                    event(f"a pipeline {what}")

    def _on_crash(self, task: Any) -> RuntimeError:
        if task.actor.identity.name == names.SUPERVISOR:
            self.explained_s += 1.0  # a pause that was under way is looked for after so long
        return super()._on_crash(task)


def _word(status: RequestStatus | None) -> str:
    return "unknown" if status is None else "under way" if status.outcome is None else "ended"


def _found(service: Pipeline, outcome: Outcome | None) -> str:
    try:
        service.find(outcome.id if isinstance(outcome, Meme) else "nobody's")
    except PortClosed:
        return "closed"
    except PortDown:
        pass
    return "answered"
