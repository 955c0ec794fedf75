"""The service under watch: the real application over the real actors behind a server, and the books that say what it may answer."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from dspy_meme_gen.adapters.recalling_store import RecallingStore
from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.api.envelope import Draining
from dspy_meme_gen.api.turns import Turns
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import TERMINAL_STAGES, Cancelled, GenerateMeme, Progress
from dspy_meme_gen.logs import correlation
from dspy_meme_gen.pipeline import Pipeline
from dspy_meme_gen.promise import Promise
from dspy_meme_gen.settings import Settings
from machines import contract
from machines.access_log import AccessLog
from machines.made import Made
from machines.part import QUIET, PartMachine
from machines.places import service as places
from machines.server import LoopServer, Server
from machines.shelf_store import ShelfStore
from machines.visitors import Visitors, may_be_called, name_of
from model.http import Asks, Sent
from model.service import Books, Limits
from model.service_reads import READS
from model.shelf import Shelf
from strategies.http_requests import JSON

if TYPE_CHECKING:
    import threading

    from machines.taps import Taps

LIMITS: Final = Limits(at_once=2, in_line=2, burst=5)
CONNECTIONS: Final = ("ann", "bob", "cid", "dan", "eve", "fay", "gus")


class ServedPipeline(PartMachine):
    """Starts the service and sends requests; all answers are held against the books. A machine adds rules."""

    settings: ClassVar[dict[str, Any]] = {
        "http_at_once": LIMITS.at_once,
        "http_in_line": LIMITS.in_line,
        "user_burst": LIMITS.burst,
        "user_rate_per_s": 1.0,
    }
    starts_late: ClassVar[bool] = True
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

    def end_service(self) -> None:
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

    def nap(self, port: str, seconds: float) -> None:
        """As everywhere, and in the books."""
        super().nap(port, seconds)
        if port == "text":
            self.books.slowed_s += seconds

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

    def _on_progress(self, progress: Progress) -> None:
        """As everywhere; and the work of one who left without a key ends in that very moment."""
        super()._on_progress(progress)
        left_s = self.visitors.left_s.get(self.submitted.get(progress.request_id, ""))
        late_s = 0.0 if left_s is None or self.on_threads else time.monotonic() - left_s
        if late_s > 0:
            self.visitors.complaints.append(f"{progress.request_id} comes to {progress.stage} {late_s:g} s after its client has left")

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
        if not self.has_service:
            return
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
        for limit in (2, 100):  # page by page, and as a whole
            self.perform(self.visitors.leaf, limit)
        if self.books.shelf.order:
            topic = self.books.shelf.possible[self.books.shelf.order[0]][0].topic
            wish = json.dumps({"text": topic, "limit": 1}).encode()
            self.perform(self.visitors.exchange, Sent("POST", "/api/v1/analytics/search", JSON, wish))
        for path in (*list(self.books.shelf.found)[-2:], *(f"status/{each}" for each in self.books.statuses.identities)):
            self.perform(self.visitors.exchange, Sent("GET", f"/api/v1/memes/{path}"))
        self._complain()
