"""The service machine: clients who speak HTTP to the real application over the real actors, held against what is legal after each step."""

from __future__ import annotations

import json
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from dspy_meme_gen.actors.image_generator import ImageGenerator
from dspy_meme_gen.actors.meme_generator import MemeGenerator
from dspy_meme_gen.actors.router import Router
from dspy_meme_gen.actors.store import Store
from dspy_meme_gen.actors.text_generator import TextGenerator
from dspy_meme_gen.adapters.recalling_store import RecallingStore
from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.api.envelope import Draining
from dspy_meme_gen.api.turns import Turns
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import TERMINAL_STAGES, Cancelled, GenerateMeme, TextPrompt
from dspy_meme_gen.logs import correlation
from dspy_meme_gen.pipeline import Pipeline
from dspy_meme_gen.promise import Promise
from dspy_meme_gen.settings import Settings
from machines import contract
from machines.access_log import AccessLog
from machines.made import Made
from machines.part import QUIET, PartMachine, on_stage
from machines.places import service as places
from machines.server import LoopServer, Server
from machines.shelf_store import ShelfStore
from machines.statistics import Statistics
from machines.visitors import Visitors, may_be_called, name_of
from model.http import Asks, Sent
from model.service import Books, Limits
from model.service_reads import READS
from model.shelf import Shelf
from model.world import Fault, Faults
from strategies.http_requests import JSON, ODD, OWNERS, PLACES, SEARCHES, WISHES, strange

if TYPE_CHECKING:
    from machines.taps import Taps

LIMITS: Final = Limits(at_once=2, in_line=2, burst=5)
CONNECTIONS: Final = ("ann", "bob", "cid", "dan", "eve", "fay", "gus")
FAILING: Final = ("text", "appropriateness", "factuality", "scorer", "refiner", "image")
CRASHABLE: Final[dict[str, type]] = {
    "text": TextGenerator,
    "image": ImageGenerator,
    "store": Store,
    "generator": MemeGenerator,
    "router": Router,
}


class ServiceMachine(PartMachine):
    """Posts, polls, leafs through, leaves in the middle, lies; the model says which answers are legal."""

    statistics: ClassVar[Statistics] = Statistics()
    settings: ClassVar[dict[str, Any]] = {
        "http_at_once": LIMITS.at_once,
        "http_in_line": LIMITS.in_line,
        "user_burst": LIMITS.burst,
        "user_rate_per_s": 1.0,
    }
    waits: ClassVar[bool] = False
    places = staticmethod(places.places)

    # -- life ----------------------------------------------------------------------------------------------------------------

    def new_server(self) -> Server:
        """What serves the application."""
        return LoopServer()

    def start_service(self, chosen: dict[str, Any]) -> None:
        """The pipeline, the application over it, and a server."""
        self.crashes = 0
        self.stopping = False
        self.submitted: dict[str, str] = {}
        self.made = Made()
        self.books = Books(LIMITS, READS, self.made.outcomes, self.made.records, Shelf(self.made.looks))
        self.turns: list[Turns] = []
        self.draining = Draining()
        self.log = AccessLog()
        self.shelf_store = ShelfStore(self.script)
        ports = self.script.ports()
        object.__setattr__(ports, "store", RecallingStore(self.shelf_store, 1_000_000))
        self.set_taps(self.taps)
        settings = Settings(**QUIET | self.settings | chosen)
        self.service = start_pipeline(settings, ports)
        server = self.new_server()
        app = create_app(self.service, settings, self.draining)
        app.openapi_schema = contract.published()  # the same for every pipeline, and slow to make
        server.start(app)
        self.visitors = Visitors(server, self.books, self._heard, on_threads=self.on_threads, watch=lambda: self.visit(self.now_s))

    def set_taps(self, taps: Taps) -> None:
        """Which request of the pipeline belongs to which exchange."""
        taps.after(Turns, "__init__", lambda _, turns, *__: self.turns.append(turns))
        taps.before(Pipeline, "submit", self._submits)
        taps.after(Pipeline, "submit", self._has_submitted)
        taps.before(Promise, "set", lambda *_: self.visitors.outcome_comes())

    def stop_actors(self) -> None:
        """As whoever serves does."""
        self.visitors.server.stop()
        self.service.stop()
        self.shelf_store.end()
        # Not before: over a socket an answer is there before its line is.
        self.log.check({name_of(each): each for each in self.books.exchanges if each.serial in self.visitors.visits and not each.left})

    def teardown(self) -> None:
        """As every machine ends; nobody reads the log any more."""
        try:
            super().teardown()
        finally:
            if hasattr(self, "visitors"):
                self.log.close()
                self.statistics.observations += self.visitors.answers

    @initialize(
        strange=st.deferred(lambda: st.lists(strange(contract.published()), max_size=2)),
        odd=st.lists(st.sampled_from(range(len(ODD))), max_size=4),
        opening=st.integers(0, 6),
        slow=st.booleans(),
    )
    def choose_world(self, strange: list[Sent], odd: list[int], opening: int, slow: bool) -> None:
        """Some begin with a few who wait, perhaps for a text that takes long; strange requests are drawn once, for they are wide."""
        self.strange = strange
        if slow and not self.on_threads:
            self.nap("text", 4.0)
        for number in range(opening):
            self._post({"topic": f"cats {number}"})
        for sent in (*strange, *(ODD[number] for number in odd)):
            self._send(sent)

    # -- those who want a meme -------------------------------------------------------------------------------------------------

    @rule(wish=st.sampled_from(range(len(WISHES))))
    def make(self, wish: int) -> None:
        """Somebody wants a meme, and waits for it."""
        self._post(WISHES[wish])

    @rule(wish=st.sampled_from(range(len(WISHES))), owner=st.sampled_from(OWNERS))
    def make_under_a_key(self, wish: int, owner: tuple[str, str]) -> None:
        """The same, under an idempotency key: it may be the same request as before, another's, or a conflict."""
        self._post(WISHES[wish], owner)

    @rule(wish=st.sampled_from(range(len(WISHES))))
    def make_later(self, wish: int) -> None:
        """Somebody has a meme made, and does not wait."""
        self._post(WISHES[wish], later=True)

    @rule(wish=st.sampled_from(range(len(WISHES))), owner=st.sampled_from(OWNERS))
    def make_later_under_a_key(self, wish: int, owner: tuple[str, str]) -> None:
        """The same, under an idempotency key."""
        self._post(WISHES[wish], owner, later=True)

    @rule(count=st.integers(2, 5))
    def make_many(self, count: int) -> None:
        """So many at once, each something else."""
        for _ in range(count):
            self._post({"topic": f"tea {len(self.operations)}"})

    @rule(count=st.integers(4, 7))
    def insist(self, count: int) -> None:
        """One user has so many made later, in a row: perhaps more than anybody may."""
        for _ in range(count):
            self._post({"topic": f"tea {len(self.operations)}"}, ("ann", None), later=True)

    @rule(port=st.sampled_from(FAILING), calls=st.integers(1, 2))
    def make_in_trouble(self, port: str, calls: int) -> None:
        """Somebody wants a meme for which a port raises once or twice."""
        topic = f"{'stubborn' if port == 'refiner' else 'edgy'} cats {len(self.operations)}"
        faults = Faults(**{port: (Fault("PortDown"),) * calls})
        self.script.inject(TextPrompt(topic, "classic", None, None), faults)
        self.made.trouble(topic, faults)
        self._post({"topic": topic})

    @rule(wish=st.sampled_from(range(len(WISHES))), keyed=st.booleans())
    def make_and_leave(self, wish: int, keyed: bool) -> None:
        """Somebody wants a meme, and closes the connection soon after: how soon is the schedule's to say."""
        sent = threading.Event()
        if not self.on_threads:
            self.nap("text", 1.0)  # or all would be over before anybody could leave
        self._post(WISHES[wish], OWNERS[0] if keyed else None, sent=sent)
        self.client("impatience").call("leave soon", partial(self.visitors.leave_soon, sent))

    @rule(which=st.integers(0, 3))
    def leave_as_another_is_served(self, which: int) -> None:
        """Of those who wait one closes the connection in the very moment in which the next outcome is there, be it another's."""
        self.visitors.leaves_next = which

    @rule(which=st.integers(0, 6))
    def leave(self, which: int) -> None:
        """A client who waits closes the connection."""
        exchange = self.visitors.who_waits(which)
        if exchange is not None:
            self.client("impatience").call(f"leave {name_of(exchange)}", partial(self.visitors.leave, exchange))

    # -- those who look --------------------------------------------------------------------------------------------------------

    @rule(which=st.integers(0, 3))
    def look_at_status(self, which: int) -> None:
        """How far is a request that is made later? Perhaps there is none of that id."""
        ids = list(self.books.statuses.identities)
        self._send(Sent("GET", f"/api/v1/memes/status/{ids[-1 - which] if which < len(ids) else 'nobody'}"))

    @rule(limit=st.sampled_from((1, 2, 3, 20)))
    def leaf_through(self, limit: int) -> None:
        """All memes, page by page."""
        self.client(self._connection()).call("leaf through", self.visitors.leaf, limit)

    @rule(which=st.integers(0, 5))
    def look(self, which: int) -> None:
        """One meme, made or not."""
        self._send(Sent("GET", f"/api/v1/memes/{self.visitors.meme_id(which)}"))

    @rule(which=st.integers(0, 5), known=st.sampled_from((None, "{tag}", 'W/{tag}, "x"', "*", '"x"', "{bare}")))
    def look_at_picture(self, which: int, known: str | None) -> None:
        """Its picture, perhaps known already."""
        meme_id = self.visitors.meme_id(which)
        headers: tuple[tuple[str, bytes], ...] = ()
        if known is not None:
            sha256 = self.visitors.picture_of(meme_id)
            headers = (("if-none-match", known.format(tag=f'"{sha256}"', bare=sha256).encode()),)
        self._send(Sent("GET", f"/api/v1/memes/{meme_id}/image", headers))

    @rule(place=st.sampled_from(PLACES))
    def look_around(self, place: str) -> None:
        """Health, metrics, statistics, the page."""
        self._send(Sent("GET", place))

    @rule(wish=st.sampled_from(range(len(SEARCHES))))
    def search(self, wish: int) -> None:
        """Among the stored memes."""
        self._send(Sent("POST", "/api/v1/analytics/search", JSON, json.dumps(SEARCHES[wish]).encode()))

    @precondition(lambda self: self.strange)
    @rule(which=st.integers(0, 2))
    def send_strange(self, which: int) -> None:
        """What was drawn at the beginning."""
        self._send(self.strange[which % len(self.strange)])

    @rule(which=st.sampled_from(range(len(ODD))))
    def send_odd(self, which: int) -> None:
        """One of those that are known to be odd."""
        self._send(ODD[which])

    # -- what befalls the service ----------------------------------------------------------------------------------------------

    @precondition(on_stage)
    @rule(seconds=st.sampled_from((0.3, 1.5, 4.0)))
    def delay(self, seconds: float) -> None:
        """A text takes long, or a picture."""
        self.nap("image" if seconds < 1 else "text", seconds)

    @rule(down=st.booleans())
    def switch_store(self, down: bool) -> None:
        """The database goes away, or comes back."""
        if down != self.script.store_is_down:
            with self.visitors.lock:
                self.script.store_is_down = down
                self.books.switch_store(down=down)
                self.made.deferred = True
            self._send(Sent("GET", f"/api/v1/memes/{self.visitors.meme_id(0)}"))

    @precondition(lambda self: not self.on_threads and not self.crashes)
    @rule(actor=st.sampled_from(sorted(CRASHABLE)), at=st.integers(1, 3))
    def crash_actor(self, actor: str, at: int) -> None:
        """An actor raises at one of its next messages; nobody outside is to notice."""
        self.crashes += 1
        self.books.crashed = self.made.deferred = True
        self.crash_one(CRASHABLE[actor], at)

    @precondition(lambda self: len(self.operations) > 5 and self.books.draining is None)
    @rule()
    def drain(self) -> None:
        """The server is about to end, and says so."""
        self.books.draining = self.books.tick()
        self.draining.begun = True
        self.books.drained = self.books.tick()
        self._send(Sent("GET", "/api/health/ready"))

    @precondition(lambda self: len(self.operations) > 8 and not self.stopping)
    @rule(grace_s=st.sampled_from((0.0, 2.0)))
    def stop_service(self, grace_s: float) -> None:
        """The pipeline stops, and the server still answers."""
        self.stopping = True
        self.client("operator").call("stop", self._stop, grace_s)

    # -- an exchange -----------------------------------------------------------------------------------------------------------

    def _post(
        self, wish: dict[str, Any], owner: tuple[str, str | None] | None = None, *, later: bool = False, sent: threading.Event | None = None
    ) -> None:
        user, key = owner or (CONNECTIONS[len(self.operations) % 3], None)
        headers = (*JSON, ("idempotency-key", key.encode())) if key else JSON
        body = json.dumps(wish | {"user_id": user}).encode()
        self._send(Sent("POST", f"/api/v1/memes/{'async' if later else ''}", headers, body), sent)

    def _connection(self) -> str:
        return CONNECTIONS[len(self.operations) % len(CONNECTIONS)]

    def _send(self, sent: Sent, under_way: threading.Event | None = None) -> None:
        # The request is no argument: arguments are written down for the picture, and some bodies are large.
        name = f"{sent.method} {sent.target[:60]} {sent.body[:80].decode('ascii', 'replace')}".rstrip()
        self.client(self._connection()).call(name, partial(self.visitors.exchange, sent, under_way))

    def _stop(self, grace_s: float) -> None:
        with self.visitors.lock:
            self.books.stopping = self.books.tick()
            self.visit(self.now_s)
        self.service.stop(grace_s=grace_s)
        with self.visitors.lock:
            self.books.stopped = self.books.tick()
            self.visit(self.now_s)

    def _submits(self, _: Pipeline, request: GenerateMeme) -> None:
        if request.request_id not in self.futures:
            self.requests[request.request_id] = request
            self.submitted[request.request_id] = correlation.get()
            self.accepted_s[request.request_id] = self.now_s
            self.visitors.submits(correlation.get())

    def _heard(self, request_id: str) -> tuple[str, ...]:
        """The stages of a request that the pipeline has told so far, but not its end."""
        return tuple(stage for stage in self.progress.get(request_id, ()) if stage not in TERMINAL_STAGES)

    def _has_submitted(self, result: Any, _: Pipeline, request: GenerateMeme) -> None:
        if not isinstance(result, Exception):
            self.futures.setdefault(request.request_id, result)
        elif request.request_id not in self.futures:
            self.requests.pop(request.request_id)
            self.accepted_s.pop(request.request_id)

    def whereabouts(self, now_s: float) -> dict[str, str]:  # noqa: ARG002 - as in the base class
        """Where each part of the service is; over real threads it is not watched."""
        return {} if self.on_threads else places.labels(self.books)

    # -- the model's say -------------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Every answer was legal, turns are where they belong, and whoever left has taken the work along."""
        self._complain()
        turns = self.turns[0]
        assert turns.at_work <= LIMITS.at_once, f"{turns.at_work} are served at once, {LIMITS.at_once} may be"
        assert len(turns) <= LIMITS.in_line, f"{len(turns)} are in line, {LIMITS.in_line} may be"
        self._only_the_impatient_are_cancelled()
        if not self.stage.scheduler.ready:
            self._at_a_standstill()

    def at_rest(self) -> None:
        """Everyone has been answered: no turn is out, and what was made can be found."""
        super().at_rest()
        self._complain()
        assert (self.turns[0].at_work, len(self.turns[0])) == (0, 0), f"{self.turns[0].at_work} turns are out, and nobody is there"
        self._only_the_impatient_are_cancelled()
        if self.books.stopping is None:
            self._finally()

    def _complain(self) -> None:
        assert not self.visitors.complaints, self.visitors.complaints[0]

    def _at_a_standstill(self) -> None:
        """Nothing can go on without time passing: whoever is not served is in line, and only if all turns are out."""
        turns, makers = self.turns[0], self.books.makers()
        assert turns.at_work + len(turns) == len(makers), f"{turns.at_work} at work, {len(turns)} in line, and {len(makers)} wait"
        assert not len(turns) or turns.at_work == LIMITS.at_once, f"{len(turns)} in line, and {turns.at_work} are served"
        gone = {name_of(each) for each in self.books.exchanges if each.left and isinstance(each.judged, Asks) and each.judged.key is None}
        under_way = [each for each in self.futures if each not in self.ended and self.submitted[each] in gone]
        assert not under_way, f"whoever wanted these has left: {under_way}"

    def _only_the_impatient_are_cancelled(self) -> None:
        left = [each for each in self.books.exchanges if each.left and each.identity[0] == ""]
        for request_id, outcome in self.ended.items():
            if isinstance(outcome, Cancelled):
                name = self.submitted[request_id]
                took_back = any(may_be_called(each, name) for each in left)
                assert took_back, f"{request_id} of the exchange {name} is cancelled, and nobody took it back"

    def _finally(self) -> None:
        """The store is back, and has what was made."""
        self.script.store_is_down = False
        if self.books.ever_down:
            if self.on_threads:
                return
            self.books.switch_store(down=False)
            self.perform(time.sleep, 6.0)  # until the outbox is tried once more
        with self.visitors.lock:
            for meme_id in self.books.shelf.found:
                self.books.shelf.sure.setdefault(meme_id, self.books.moment)
        self.perform(self.visitors.leaf, 2)
        if self.books.shelf.order:
            topic = self.books.shelf.possible[self.books.shelf.order[0]][0].topic
            wish = json.dumps({"text": topic, "limit": 1}).encode()
            self.perform(self.visitors.exchange, Sent("POST", "/api/v1/analytics/search", JSON, wish))
        for path in (*list(self.books.shelf.found)[-2:], *(f"status/{each}" for each in list(self.books.statuses.identities)[-3:])):
            self.perform(self.visitors.exchange, Sent("GET", f"/api/v1/memes/{path}"))
        self._complain()
