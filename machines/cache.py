"""The cache machine: equal and nearly equal payloads, stampedes, evictions, expiry, crashes, and a cache that is out of order."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from dspy_meme_gen import names
from dspy_meme_gen.actors.cache import Cache
from dspy_meme_gen.actors.meme_generator import MemeGenerator
from dspy_meme_gen.adapters.memory_cache import MemoryCache
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import Failed, Meme, Progress, Rejected
from dspy_meme_gen.ledger import Ledger
from dspy_meme_gen.messages import LookUp, Remember, Work, WorkDone, WorkFailed
from greenroom.policies.drawn import schedule_bytes
from machines.conformance import adopted
from machines.part import CLIENTS, WORLD, PartMachine, on_stage
from machines.places import cache as places
from machines.statistics import Statistics
from machines.world import PortDown
from model import cache
from model.generation import generate
from model.values import request_from

if TYPE_CHECKING:
    from dspy_meme_gen.ports import MemeCache
    from machines.taps import Taps

WISHES: Final[tuple[dict[str, Any], ...]] = (
    {"topic": "dull cats"},
    {"topic": "dull cats", "style": "dry"},
    {"topic": "Dull cats"},
    {"topic": "dull cats", "context": "dry"},
    {"topic": "dull cats", "format": "drake"},
    {"topic": "dull cats", "max_refinements": 1},
    {"topic": "dull cats", "target_score": 0.4},
    {"topic": "rude cats"},
    {"topic": "vile cats"},
)
"""Payloads that differ in one field each."""
CRASHABLE: Final[dict[str, type]] = {"cache": Cache, "generator": MemeGenerator}
MOMENTS: Final = ("report", "settled")
"""What the ledger is called for: a stage of a request begins, its outcome is given."""


class _Given:
    """A cache that outlives the cache's actor, and may be out of order."""

    def __init__(self, capacity: int, ttl_s: float) -> None:
        self.down = False
        self._cache = MemoryCache(capacity, ttl_s)

    def get(self, key: str) -> Meme | None:
        """As a cache does, or not."""
        self._look()
        return self._cache.get(key)

    def put(self, key: str, meme: Meme) -> None:
        """As a cache does, or not."""
        self._look()
        self._cache.put(key, meme)

    def _look(self) -> None:
        if self.down:
            raise PortDown("the cache is down")


class CacheMachine(PartMachine):
    """What the cache answers, what is put into it, and who does the work, is the model's to say."""

    statistics: ClassVar[Statistics] = Statistics()
    places = staticmethod(places.places)
    starts_late = True
    waits = False

    def cache_port(self) -> MemeCache | None:
        """The service's own, or one that it was given."""
        return self.given

    @initialize(
        ttl_s=st.sampled_from((5.5, 0.0, 30.5)),
        capacity=st.sampled_from((2, 1)),
        given=st.booleans(),
        wish=st.integers(0, len(WISHES) - 1),
        opening=st.lists(st.integers(0, 6), max_size=8) | st.lists(st.integers(0, 2), min_size=4, max_size=8),
    )
    def choose_cache(self, ttl_s: float, capacity: int, given: bool, wish: int, opening: list[int]) -> None:
        """How long and how much is kept, whether it goes with the cache's actor, which payloads are asked for, and what was before."""
        self.wishes = [WISHES[(wish + number) % len(WISHES)] for number in range(3)]
        self.empty = self.model = cache.Cache(capacity, ttl_s)
        self.given = _Given(capacity, ttl_s) if given else None
        self.expected: dict[int, object] = {}
        self.hits: set[str] = set()
        self.begun: set[str] = set()
        self.over: set[str] = set()
        self.known_over: set[str] = set()  # of these the orchestrator was told, as it went on with them
        self.deaths = 0
        self.due: dict[tuple[str, str], threading.Event] = {}
        self.dawdles_for = ""
        self.leaders: dict[str, str] = {}
        self.on_flight: dict[str, None] = {}  # those whom the orchestrator that lives now has begun with
        self.answered: dict[str, str] = {}  # of those, who is due the outcome of another
        self.stored: set[str] = set()  # those whose meme the orchestrator that lives now has given to the store
        self.to_remember: list[str] = []
        self.remembered: dict[int, tuple[object, str]] = {}
        self.perform(self.start_service, {"cache_ttl_s": ttl_s, "cache_capacity": capacity})
        for what in opening:
            if what < 3:
                self.make(what, b"")
            elif what < 6:
                self.make_later(what - 3, b"")
            elif not self.on_threads:
                self.advance(5.0, b"")

    def set_taps(self, taps: Taps) -> None:
        """What the cache hears and answers, whom a name stands for, and how far each request comes."""
        taps.heard(self._on_heard)
        taps.told(
            lambda name, _, message: (
                self.note("told", name, message) if isinstance(message, Remember | Work | WorkDone | WorkFailed) else None
            )
        )
        taps.before(Address, "point_at", lambda address, _, __: self.note("starts", address.name))
        taps.after(
            Ledger, "report", lambda heard, _, request_id, stage, *__: self.note("begins" if heard else "is told", request_id, stage)
        )
        for moment in MOMENTS:
            taps.before(Ledger, moment, lambda _, request_id, *__, moment=moment: self._it_comes(moment, request_id))
        taps.before(Ledger, "_close_entry", lambda _, entry, outcome: self.note("ends", entry.request.request_id, outcome))

    def _on_heard(self, name: str, _: int, message: object) -> None:
        if name == names.CACHE:
            self.note("heard", message, self.given is not None and self.given.down)

    def whereabouts(self, now_s: float) -> dict[str, str]:
        """Where the cache is."""
        return {"cache": places.label(self.model, now_s)}

    # -- rules ---------------------------------------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 2), client=st.sampled_from(CLIENTS))
    def submit(self, which: int, client: str) -> None:
        """A new request, perhaps for something that was made before."""
        self.submit_request(client, **self.wishes[which])

    @rule(which=st.integers(0, 2), schedule=schedule_bytes())
    def make(self, which: int, schedule: bytes) -> None:
        """A new request, and all the time it needs."""
        self.submit_request("ann", **self.wishes[which])
        self.run(schedule)

    @rule(which=st.integers(0, 2), schedule=schedule_bytes())
    def make_later(self, which: int, schedule: bytes) -> None:
        """The same, three seconds later."""
        if not self.on_threads:
            self.advance(3.0, b"")
        self.make(which, schedule)

    @rule(order=st.lists(st.integers(0, 2), min_size=4, max_size=6))
    def come_back(self, order: list[int]) -> None:
        """Somebody wants one after the other, and some again: more than a small cache keeps."""
        for which in order:
            self.make(which, b"")

    @rule(which=st.integers(0, 2))
    def stampede(self, which: int) -> None:
        """Everybody wants the same."""
        for client in CLIENTS:
            self.submit_request(client, **self.wishes[which])

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 3), client=st.sampled_from(CLIENTS))
    def cancel(self, which: int, client: str) -> None:
        """A request is taken back, perhaps the one that others wait for."""
        self.cancel_request(client, which)

    @rule(port=st.sampled_from(("text", "scorer", "image", "appropriateness")), calls=st.integers(1, 2))
    def fail(self, port: str, calls: int) -> None:
        """The next calls of a port raise: what comes of it is degraded, and not kept."""
        self.script.fail[port] += calls

    @precondition(on_stage)
    @rule(seconds=st.sampled_from((1.0, 6.0)))
    def delay(self, seconds: float) -> None:
        """A text takes long; who wants the same waits for it."""
        self.nap("text", seconds)

    @precondition(on_stage)
    @rule(which=st.integers(0, 2), port=st.sampled_from(("store", "image")), schedule=schedule_bytes())
    def take_back_at_the_end(self, which: int, port: str, schedule: bytes) -> None:
        """A request is taken back in the moment in which it is stored, or its picture is done."""
        self.nap(port, 1.0)
        request_id = self.submit_request("ann", **self.wishes[which])
        self.run(b"")
        self.client("bob").call("cancel", self._cancel_later, request_id)
        self.advance(1.0, schedule)

    @precondition(on_stage)
    @rule(which=st.integers(0, 2), schedule=schedule_bytes())
    def take_back_two(self, which: int, schedule: bytes) -> None:
        """Of three who want the same the one who is served and the next in line are taken back, before the orchestrator hears of either."""
        self.nap("text", 1.0)
        three = [self.submit_request(client, **self.wishes[which]) for client in CLIENTS]
        self.run(b"")
        self.pause(MemeGenerator)
        for request_id in three[:2]:
            self.client("bob").call("cancel", self.service.cancel, request_id)
        self.run(schedule)
        self.resume(MemeGenerator)
        self.run(schedule)

    def _cancel_later(self, request_id: str) -> bool:
        time.sleep(1.0)
        time.sleep(0)  # whoever has just been told that it is done goes first, unless the schedule says otherwise
        return self.service.cancel(request_id)

    @precondition(on_stage)
    @rule(which=st.integers(0, 2), moment=st.sampled_from(MOMENTS), schedule=schedule_bytes())
    def take_back_as_it_comes(self, which: int, moment: str, schedule: bytes) -> None:
        """A request is taken back as a stage of it begins, or its outcome is given; and whoever listens takes its time."""
        self.nap("text", 1.0)
        request_id = self.submit_request("ann", **self.wishes[which])
        self.run(b"")
        self.client("bob").call("cancel", self._cancel_as_it_comes, moment, request_id)
        self.run(b"")
        self.advance(1.0, schedule)

    def _cancel_as_it_comes(self, moment: str, request_id: str) -> bool:
        due = self.due[moment, request_id] = threading.Event()
        due.wait(2.0)  # what comes from the cache is over already
        return self.service.cancel(request_id)

    def _it_comes(self, moment: str, request_id: str) -> None:
        due = self.due.pop((moment, request_id), None)
        if due is not None:
            self.dawdles_for = request_id
            due.set()

    def _on_progress(self, progress: Progress) -> None:
        if progress.request_id == self.dawdles_for:
            time.sleep(0)
        super()._on_progress(progress)

    @precondition(lambda self: self.given is not None)
    @rule(down=st.booleans())
    def switch_cache(self, down: bool) -> None:
        """The cache is out of order, or well again."""
        assert self.given is not None
        self.given.down = down

    @precondition(on_stage)
    @rule(actor=st.sampled_from(sorted(CRASHABLE)))
    def crash_actor(self, actor: str) -> None:
        """The cache dies with what it has, or the orchestrator with what it does."""
        self.crash_one(CRASHABLE[actor])

    # -- the model's say -----------------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Each answer is the model's, each payload has one who works, and what is to be kept is told to the cache."""
        for now_s, what, *rest in self.fresh():
            match what:
                case "heard":
                    self._heard(now_s, *rest)
                case "told":
                    self._told(*rest)
                case "starts" if rest[0] == names.CACHE and self.given is None:
                    self.model = self.empty
                case "starts" if rest[0] == names.MEME_GENERATOR:
                    self.on_flight.clear()
                    self.answered.clear()
                    self.stored.clear()
                case "begins":
                    self._begins(*rest)
                case "is told":
                    self.known_over.add(rest[0])
                case "ends":
                    self._ends(*rest)
                case "died" if rest[0] == names.CACHE:
                    self.deaths += 1
                case "died" if rest[0] == names.MEME_GENERATOR:
                    self.leaders.clear()
                    self.to_remember.clear()
        assert not self._at_rest() or not self.to_remember, f"made, and not kept: {self.to_remember}"
        self._nobody_failed_for_another()
        restarts = self.service.addresses[names.CACHE].incarnation - 1
        assert restarts <= self.deaths, f"the cache was started again {restarts} times, and was made to crash {self.deaths} times"

    def _nobody_failed_for_another(self) -> None:
        """The cache fails nobody, and a request that fails has tried itself: it did not wait for one that failed."""
        for request_id, outcome in self.ended.items():
            if isinstance(outcome, Failed) and outcome != Failed("ActorCrashed", "routing"):
                assert request_id in self.begun, f"{request_id} never had a text made, and is {outcome}"

    def _payload(self, request_id: str) -> str:
        return repr(request_from(self.requests[request_id]).payload)

    def _heard(self, now_s: float, message: Any, down: bool) -> None:
        if isinstance(message, Work) and isinstance(message.task, LookUp):
            if down:
                self.expected[message.serial] = PortDown
                return
            key = self._payload(message.request_id)
            ((found, self.model),) = cache.step(self.model, cache.Get(key, now_s))
            self.expected[message.serial] = found
            if found is not None:
                self.hits.add(message.request_id)
        elif isinstance(message, Remember) and not down:
            _, request_id = self.remembered[id(message)]
            meme = generate(request_from(self.requests[request_id]).payload, WORLD).outcome
            ((_, self.model),) = cache.step(self.model, cache.Put(self._payload(request_id), meme, now_s))

    def _told(self, name: str, message: Any) -> None:
        if isinstance(message, Work):
            assert message.request_id not in self.known_over, (
                f"{message.request_id} was said to be over, and still {message.task} is wanted"
            )
        elif isinstance(message, Remember):
            assert self.to_remember, f"kept, although nothing was made that is to be kept: {message.meme}"
            self.remembered[id(message)] = (message, self.to_remember.pop(0))
        elif name == names.MEME_GENERATOR and message.serial in self.expected:
            expected = self.expected.pop(message.serial)
            if expected is PortDown:
                assert isinstance(message, WorkFailed), f"an answer of a cache that is out of order: {message}"
                return
            assert isinstance(message, WorkDone), f"the cache failed: {message}"
            found = adopted(message.value) if message.value is not None else None
            assert found == expected, f"{message.request_id}: the cache answers {found}, and the model {expected}"

    def _begins(self, request_id: str, stage: str) -> None:
        if stage == "cache" and request_id not in self.over:
            self.on_flight[request_id] = None
        if stage == "storing":
            self.stored.add(request_id)
        if stage != "text":
            return
        self.begun.add(request_id)
        if request_id in self.over:
            return  # taken back while its stage was told: that is noted when all have heard of it
        assert request_id not in self.hits, f"{request_id} is made again, although the cache has it"
        known = self.answered.get(request_id)
        assert known is None, f"{request_id} is made, although it waited for {known} of the same payload, which came to an outcome for both"
        leader = self.leaders.setdefault(self._payload(request_id), request_id)
        assert leader == request_id, f"{request_id} is made, although {leader} of the same payload is being made"

    def _ends(self, request_id: str, outcome: Any) -> None:
        self.over.add(request_id)
        if self.leaders.get(self._payload(request_id)) == request_id:
            del self.leaders[self._payload(request_id)]
        self.on_flight.pop(request_id, None)
        if isinstance(outcome, Meme | Rejected):
            payload = self._payload(request_id)
            self.answered |= {other: request_id for other in self.on_flight if self._payload(other) == payload}
        if isinstance(outcome, Meme) and not outcome.degraded and request_id in self.stored:
            self.to_remember.append(request_id)
