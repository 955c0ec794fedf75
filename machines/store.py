"""The store machine: outages, lost replies, writes that hang, dying actors, killed processes, and readers at any time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from dspy_meme_gen import names
from dspy_meme_gen.actors.meme_generator import MemeGenerator
from dspy_meme_gen.actors.store import Store
from dspy_meme_gen.actors.supervised import SupervisedActor
from dspy_meme_gen.adapters.recalling_store import RecallingStore
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import Meme, MemeRecord
from dspy_meme_gen.ledger import Ledger
from dspy_meme_gen.messages import DrainOutbox, StoreMeme, Work
from greenroom.policies.drawn import schedule_bytes
from machines.database import HANGS_S, NAPS, Database, Died, Kind, Life
from machines.part import CLIENTS, on_stage
from machines.places import store as places
from machines.statistics import Statistics
from machines.store_clients import StoreClients
from machines.store_watch import DRAIN_S, LIMIT_S, MEME_IDS, WISHES, StoreWatch
from model.values import request_from
from model.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dspy_meme_gen.ports import Ports
    from greenroom.task import Task
    from machines.taps import Taps

CRASHABLE: Final[dict[str, type]] = {"store": Store, "generator": MemeGenerator}
OPENING: Final = ("0", "down", "1", "up", "passes", "hangs", "2", "lost", "without image")
OUTAGES: Final = (("down", "0", "up"), ("down", "0", "dies", "up"), ("down", "0", "1", "passes", "dies", "up"))
"""Outages as they come: something waits when the database is back, and the one who would write it down may die of that."""
LIVES: Final = 4  # a process takes long to start: no more than so many in an example
WHICH: Final = st.sampled_from((0, 1, 0, 2))  # half of all is the same meme
READS: Final = ("find", "record", "deferred", "count", "pages", "stored")


REMEMBERED_BYTES: Final = 3 * 100
"""Room in memory for the pictures of the three memes, and hardly more."""


class StoreDied(RuntimeError):
    """The store's actor has died in the middle of a write."""


class StoreMachine(StoreClients):
    """What may be written next, what waits, and what a reader may be told, is the model's to say."""

    statistics: ClassVar[Statistics] = Statistics()
    settings: ClassVar[dict[str, Any]] = {"actor_stop_s": 1_000.0}  # nobody is left behind: one writes at a time
    starts_late = True
    waits = False
    places = staticmethod(places.places)

    # -- life ----------------------------------------------------------------------------------------------------------------------

    def start_service(self, chosen: dict[str, Any]) -> None:
        """A process begins."""
        self.lives += 1
        self.life = Life()
        self.outbox = self.database.outbox(self.life)
        self.watch.begin_life(self.now_s)
        super().start_service(chosen)

    def end_service(self) -> None:
        """Whatever waited is written by the end, if not before."""
        super().end_service()
        if not self.on_threads:
            self._follow_notes()
        self._no_meme_is_lost(self.database.stored())

    def teardown(self) -> None:
        """As every machine ends, and its files are gone."""
        try:
            super().teardown()
        finally:
            if hasattr(self, "database"):
                self.database.close()

    def heal(self) -> None:
        """No fault is left, the database's included."""
        super().heal()
        if self.has_service:
            self.switch_database(down=False)
            self.database.troubles.clear()

    def ports(self) -> Ports:
        """The scripted ones, a database that remembers as the service's does, and an outbox."""
        life = self.life
        store = RecallingStore(self.database.store(life), limit_bytes=REMEMBERED_BYTES, rest_s=self.rest_s)
        return replace(
            super().ports(), store=store, outbox=self.outbox, progress=lambda news: None if life.ended else self._on_progress(news)
        )

    @initialize(
        kind=st.sampled_from(("memory", "durable", "real")),
        rest_s=st.sampled_from((0.0, 7.0)),
        opening=st.lists(st.sampled_from(OPENING), max_size=8) | st.sampled_from(OUTAGES),
    )
    def choose_database(self, kind: Kind, rest_s: float, opening: Sequence[str]) -> None:
        """Where memes are kept, how long a database that failed is left alone, and what was before."""
        self.rest_s = 0.0 if self.on_threads else rest_s
        self.database = Database(kind, self.note)
        self.watch = StoreWatch(Writing(durable=kind != "memory"), self.rest_s)
        self.reads = 0
        self.handed: dict[str, Life] = {}
        self.forgiven: set[str] = set()
        self.strangers: list[str] = []
        self.tapped = False
        self.drains: list[Any] = []
        self.lives = 0
        self.chosen = {"cache_ttl_s": 0.0, "outbox_drain_s": 0.05 if self.on_threads else DRAIN_S, "call_limit_s": LIMIT_S}
        self.perform(self.start_service, self.chosen)
        for what in opening:
            if not self.on_threads or what not in ("hangs", "passes", "dies"):
                self._open_with(what)

    def _open_with(self, what: str) -> None:
        if what in ("lost", "hangs"):
            self.spoil_write(what) if what == "lost" else self.delay_write(what)
        elif what == "without image":
            self.make_without_image(0, b"")
        elif what == "passes":
            self.advance(LIMIT_S + 1.0, b"")
        elif what == "dies":
            self.crash_store("dies first")
        elif what in ("down", "up"):
            self.switch_database(what == "down")
        else:
            self.make(int(what), b"")

    def set_taps(self, taps: Taps) -> None:
        """What the store's actor is asked, when it dies, and what every request is told."""
        if self.tapped:
            return
        self.tapped = True
        taps.after(ThreadedTimers, "call_later", lambda timer, _, __, callback: self._on_timer(timer, callback))
        taps.heard(lambda name, _, __: self.note("takes") if name == names.STORE else None)
        taps.before(Address, "tell", self._on_tell)
        taps.before(Ledger, "_close_entry", lambda _, entry, outcome: self.note("settles", entry.request.request_id, outcome))
        on_receive = SupervisedActor.on_receive

        def dying(actor: SupervisedActor, message: object) -> None:
            try:
                on_receive(actor, message)
            except Died:
                self.wanted_deaths += 1
                self.note("died", names.STORE, actor.identity.incarnation)
                raise StoreDied("the store's actor died in the middle of a write, as the machine wanted") from None

        taps.replace(SupervisedActor, "on_receive", dying)

    def _on_timer(self, timer: Any, callback: Any) -> None:
        if any(isinstance(message, DrainOutbox) for message in getattr(callback, "args", ())):
            self.drains = [each for each in self.drains if each.pending] + [timer]

    def _on_tell(self, address: Address, message: object) -> None:
        if address.name == names.STORE and isinstance(message, Work) and isinstance(message.task, StoreMeme):
            self.note("asks", message.task.record, address.incarnation)

    def _died_of_fault(self, task: Task) -> bool:
        return isinstance(task.died_of, StoreDied) or super()._died_of_fault(task)

    def note(self, *what: Any) -> None:
        """As every machine; what a killed process does is not worth noting."""
        if not self.life.ended:
            self.trace.append((self.now_s, *what))

    # -- rules: clients ----------------------------------------------------------------------------------------------------------------

    @rule(which=WHICH, client=st.sampled_from(CLIENTS))
    def submit(self, which: int, client: str) -> None:
        """A new request for one of three memes; none is cached, so each is made and written again."""
        self.submit_request(client, **WISHES[which])

    @rule(which=WHICH, schedule=schedule_bytes())
    def make(self, which: int, schedule: bytes) -> None:
        """A new request, and all the work that can be done at once."""
        self.submit_request("ann", **WISHES[which])
        self.run(schedule)

    @rule(which=WHICH, schedule=schedule_bytes())
    def make_without_image(self, which: int, schedule: bytes) -> None:
        """The same with an image that fails: another edition of the meme."""
        self.script.fail["image"] += 1
        self.make(which, schedule)

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 3), client=st.sampled_from(CLIENTS))
    def submit_again(self, which: int, client: str) -> None:
        """The same request once more, under its id: nothing new, unless it went down with a process."""
        request = list(self.requests.values())[-1 - which % len(self.requests)]
        self.client(client).call("submit again", self._hand_in_again, request)

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 2), client=st.sampled_from(CLIENTS))
    def cancel(self, which: int, client: str) -> None:
        """A request is taken back; its write may be on its way."""
        self.cancel_request(client, which)

    @rule(how=st.sampled_from(READS), client=st.sampled_from(CLIENTS))
    def read(self, how: str, client: str) -> None:
        """Somebody looks: for the latest meme that was asked for, or at all of them."""
        request = next(reversed(self.requests.values()), None)
        meme_id = MEME_IDS[0] if request is None else request_from(request).payload.meme_id
        self.client(client).call(how, self._read, how, meme_id)

    # -- rules: mishaps ----------------------------------------------------------------------------------------------------------------

    @rule(down=st.booleans())
    def switch_database(self, down: bool) -> None:
        """The database goes away, or comes back."""
        if self.database.down != down:
            self.database.down = down
            self.note("switches", down)

    @rule(how=st.sampled_from(("fails", "lost")))
    def spoil_write(self, how: str) -> None:
        """One write fails, or is done and its reply is lost; the next goes well."""
        self.database.troubles.append(how)

    @precondition(on_stage)
    @rule(how=st.sampled_from(("slow", "late", "hangs")))
    def delay_write(self, how: str) -> None:
        """One write takes a while, is answered after everybody has given it up, or hangs and fails."""
        self.database.troubles.append(how)
        self.explained_s += NAPS[how]

    @precondition(on_stage)
    @rule(which=WHICH, how=st.sampled_from(sorted(NAPS)), schedule=schedule_bytes())
    def make_while_written(self, which: int, how: str, schedule: bytes) -> None:
        """A meme that had to wait is being written, which takes long; meanwhile it is made once more, in another edition."""
        self.switch_database(down=True)
        self.make(which, schedule)
        self.switch_database(down=False)
        self.delay_write(how)
        self.advance(DRAIN_S + self.rest_s, schedule)
        self.make_without_image(which, schedule)
        self.advance(LIMIT_S, schedule)

    @rule(which=st.integers(0, 2), schedule=schedule_bytes())
    def outage_passes(self, which: int, schedule: bytes) -> None:
        """One meme can still be looked at, another has to wait; at the next look all is well, but for a moment that a reader notices."""
        first = MEME_IDS[which]
        self.make(which, schedule)
        self._look_in_an_outage(first, schedule)
        self.make((which + 1) % 3, schedule)
        self.switch_database(down=False)
        if not self.on_threads:
            self.advance(1.0, b"")
        self.client("ann").call("stored", self._read, "stored", first)
        self.run(schedule)
        self.make((which + 2) % 3, schedule)
        self._look_in_an_outage(first, schedule)
        self.switch_database(down=False)
        self.make(which, schedule)

    def _look_in_an_outage(self, meme_id: str, schedule: bytes) -> None:
        """The database goes away, and somebody looks for a meme."""
        self.switch_database(down=True)
        self.client("ann").call("find", self._read, "find", meme_id)
        self.run(schedule)

    @precondition(on_stage)
    @rule(how=st.sampled_from(("dies after", "dies first")))
    def crash_store(self, how: str) -> None:
        """The store's actor dies between a write and its reply, in a drain perhaps; or before it writes."""
        self.database.troubles.append(how)

    @precondition(on_stage)
    @rule(actor=st.sampled_from(sorted(CRASHABLE)))
    def crash_actor(self, actor: str) -> None:
        """An actor dies of its next message."""
        self.crash_one(CRASHABLE[actor])

    @precondition(lambda self: on_stage(self) and self.lives < LIVES)
    @rule(where=st.sampled_from(("killed after", "killed first", "now")), schedule=schedule_bytes())
    def kill(self, where: str, schedule: bytes) -> None:
        """The process is killed, in the middle of a write perhaps, and another one begins with what is on the disk."""
        if where != "now":
            self.database.troubles.insert(0, where)
            self.run(schedule)
            if not self.life.ended and self.database.troubles[:1] == [where]:
                del self.database.troubles[0]
        self.life.end()
        self._next_life(lambda: self.service.stop(grace_s=0))

    @precondition(lambda self: self.lives < LIVES)
    @rule()
    def restart(self) -> None:
        """The service is stopped as it should be, and started again."""
        self.database.troubles = [each for each in self.database.troubles if not each.startswith("dies")]
        self._next_life(self.service.stop)

    def _next_life(self, stop: Callable[[], None]) -> None:
        """The old process leaves nothing behind but what is on the disk; nobody hears of what it had not told by then."""
        life = self.life
        if life.ended:
            self.perform(life.wake)
        self.perform(stop)
        self._collect()
        for request_id in [request_id for request_id in self.futures if request_id not in self.ended]:
            for known in (self.futures, self.accepted_s, self.progress):
                known.pop(request_id, None)
        if not self.on_threads:
            self.follow()
            assert life.ended or not self.watch.waits_needlessly(self.now_s), "stopped, although it could have written what waits"
            self.watch.end_life()
            self.visit(self.now_s)
        life.end()
        stored = self.database.stored()
        if self.database.kind == "memory":  # what waited there is lost, and the contract says so
            self.forgiven |= {meme.id for meme in self._memes()}.difference(record.id for record in stored)
        self._no_meme_is_lost((*stored, *self.database.waiting()))
        self.perform(self.start_service, self.chosen)

    def whereabouts(self, now_s: float) -> dict[str, str]:  # noqa: ARG002 - as in the base class
        """Where the store is."""
        return {"store": places.label(self.watch.states)} if hasattr(self, "watch") else {}

    # -- the model's say -----------------------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Each write, each answer and each read is one that the model knows, and at rest it knows what is where."""
        self._follow_notes()
        assert not self.strangers, f"the same request was taken for another one: {self.strangers}"
        if self._at_rest() and not self.life.ended:
            stored = self.database.stored()
            waiting = self.database.waiting() if self.outbox.durable else self.perform(self.outbox.waiting)
            check = self.perform(self.service.health).checks["outbox"]
            assert (check.status == "degraded") == bool(waiting), f"health says of the outbox {check}, and in it there are {len(waiting)}"
            self.watch.look(stored, waiting)
            self.visit(self.now_s)
            self.watch.something_is_tried(self.now_s)
            armed = sum(each.pending for each in self.drains)
            assert armed <= 1, f"{armed} timers are armed to look into the outbox"
            self._no_meme_is_lost((*stored, *waiting))

    def _follow_notes(self) -> None:
        for now_s, what, *rest in self.fresh():
            self.watch.follow(now_s, what, rest)

    # -- the end -------------------------------------------------------------------------------------------------------------------------

    def at_rest(self) -> None:
        """The database is back: what waited is written before long."""
        super().at_rest()
        if self.on_threads or not self.has_service:
            return
        if self.watch.waits() or self.watch.writes():
            self.advance(HANGS_S + DRAIN_S + self.rest_s, b"")
            self.follow()
        assert not self.watch.waits(), f"the database is back, and still there waits {self.watch.states[0].outbox}"

    def _memes(self) -> list[Meme]:
        return [outcome for outcome in self.ended.values() if isinstance(outcome, Meme)]

    def _no_meme_is_lost(self, records: tuple[MemeRecord, ...]) -> None:
        """Whatever a client was given is stored, or waits for it."""
        kept = self.forgiven.union(record.id for record in records)
        lost = [meme.id for meme in self._memes() if meme.id not in kept]
        assert not lost, f"answered, and neither stored nor waiting: {lost}"
