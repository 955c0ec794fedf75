"""The service machine: clients who speak HTTP to the real application over the real actors, held against what is legal after each step."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from functools import partial
from typing import ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from dspy_meme_gen.actors.image_generator import ImageGenerator
from dspy_meme_gen.actors.meme_generator import MemeGenerator
from dspy_meme_gen.actors.router import Router
from dspy_meme_gen.actors.store import Store
from dspy_meme_gen.actors.text_generator import TextGenerator
from dspy_meme_gen.domain import TextPrompt
from greenroom.policies.drawn import schedule_bytes
from machines import contract
from machines.part import on_stage
from machines.served import ServedPipeline
from machines.statistics import Statistics
from machines.visitors import name_of
from model.http import Sent
from model.world import Fault, Faults
from strategies.http_requests import JSON, ODD, OWNERS, PLACES, SEARCHES, WISHES, strange

FAILING: Final = ("text", "appropriateness", "factuality", "scorer", "refiner", "image")
CRASHABLE: Final[dict[str, type]] = {
    "text": TextGenerator,
    "image": ImageGenerator,
    "store": Store,
    "generator": MemeGenerator,
    "router": Router,
}


class ServiceMachine(ServedPipeline):
    """Posts, polls, leafs through, leaves in the middle, lies; the model says which answers are legal."""

    statistics: ClassVar[Statistics] = Statistics()

    @initialize(
        strange=st.deferred(lambda: st.lists(strange(contract.published()), max_size=2)),
        odd=st.lists(st.sampled_from(range(len(ODD))), max_size=4),
        opening=st.integers(0, 6),
        slow=st.booleans(),
        cached=st.booleans(),
    )
    def choose_world(self, strange: list[Sent], odd: list[int], opening: int, slow: bool, cached: bool) -> None:
        """Some begin with a few who wait, perhaps for a text that takes long; strange requests are drawn once, for they are wide."""
        self.perform(self.start_service, {"cache_ttl_s": 3600.0 if cached else 0.0})
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

    @rule(wish=st.sampled_from(range(len(WISHES))), schedule=schedule_bytes())
    def make_twice_under_a_key(self, wish: int, schedule: bytes) -> None:
        """When there is room again somebody new asks, and once more before there is an answer: both are given the same."""
        if not self.on_threads:
            self.advance(5.0, b"")
        owner = (f"twin{len(self.operations)}", "k1")
        for _ in range(2):
            self._post(WISHES[wish], owner)
        self.run(schedule)

    @rule(wish=st.sampled_from(range(len(WISHES))))
    def make_later(self, wish: int) -> None:
        """Somebody has a meme made, and does not wait."""
        self._post(WISHES[wish], later=True)

    @rule(wish=st.sampled_from(range(len(WISHES))), owner=st.sampled_from(OWNERS))
    def make_later_under_a_key(self, wish: int, owner: tuple[str, str]) -> None:
        """The same, under an idempotency key."""
        self._post(WISHES[wish], owner, later=True)

    @precondition(lambda self: not self.on_threads and not self.crashes)
    @rule(at=st.integers(2, 6))
    def make_later_through_a_crash(self, at: int) -> None:
        """Somebody has a meme made later, and the orchestrator that makes it dies on the way: its status never goes back."""
        self._post({"topic": f"tea {len(self.operations)}"}, later=True)
        self.crash_actor("generator", at)

    @precondition(lambda self: self.books.shelf.order)
    @rule(which=st.integers(0, 3), later=st.booleans())
    def make_again(self, which: int, later: bool) -> None:
        """Somebody wants a meme that is on the shelf already; where nothing is cached it is made and stored once more."""
        order = self.books.shelf.order
        payload = self.books.shelf.possible[order[min(which, len(order) - 1)]][0]
        self._post({name: value for name, value in asdict(payload).items() if value is not None}, later=later)

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
