"""The pipeline machine: several clients, every schedule, crashes and failing ports, held against the model after each step."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from dspy_meme_gen.actors.cache import Cache
from dspy_meme_gen.actors.image_generator import ImageGenerator
from dspy_meme_gen.actors.meme_generator import MemeGenerator
from dspy_meme_gen.actors.refiner import Refiner
from dspy_meme_gen.actors.router import Router
from dspy_meme_gen.actors.scorer import Scorer
from dspy_meme_gen.actors.text_generator import TextGenerator
from dspy_meme_gen.actors.verifier import Verifier
from dspy_meme_gen.domain import Cancelled, GenerateMeme, TextPrompt, TimedOut, payload_key
from dspy_meme_gen.errors import InvalidRequest
from machines.deaths import only_wanted_deaths
from machines.observed import PROMPT, ObservedPipeline, request_of
from machines.repetition import growing_lines, growth_of
from machines.statistics import Statistics
from model.calls import Cancel, Inject, Outage
from model.validation import Fit, judge
from model.values import request_from
from model.world import Fault, Faults, Rules
from strategies.boundary import with_number
from strategies.classes import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence


CLIENTS: Final = ("ann", "bob", "cid")
WISHES: Final = (
    "cats",
    "cats / dry",
    "rude cats",
    "vile cats",
    "vague cats",
    "absurd cats",
    "edgy cats",
    "dull cats",
    "stubborn cats",
    "worse cats",
    "slips cats",
    "absurd dull cats",
    "absurd rough cats",
    "fair cats",
    "plain cats",
    "plain cats // drake",
)
"""Payloads by topic, style and format; every word of a topic is a trait of ``machines.world``."""
TELLING: Final = ("white space around and within", "longer in NFC", "shorter in NFC", "not a number, infinite, huge")
HUGE: Final = with_number("deadline_s", 10**400)  # a number that is no float at all
EDGES: Final = st.one_of(HUGE, *(CLASSES[name] for name in CLASSES if name.endswith("at the edge") or name in TELLING))
STRANGE: Final = st.booleans().flatmap(lambda at_an_edge: EDGES if at_an_edge else st.one_of(*CLASSES.values()))
PORTS: Final = ("scorer", "text", "refiner", "image", "appropriateness", "factuality", "instructions")
CRASHABLE: Final[dict[str, type]] = {
    "text": TextGenerator,
    "verifier": Verifier,
    "scorer": Scorer,
    "refiner": Refiner,
    "image": ImageGenerator,
    "cache": Cache,
    "generator": MemeGenerator,
    "router": Router,
}
WORK: Final = (
    "cats",
    "rude cats",
    "cats / {}",
    "dull cats / {}",
    "cats",
    "rude cats / {}",
    "cats / {}",
    "cats",
    "edgy cats / {}",
    "worse cats / {}",
)
NAP_S: Final = 4.0
DAWDLES_S: Final = 2.0
CALL_LIMIT_S: Final = Rules().call_limit_s
NOISE: Final = len(WORK) // 2  # blocks: what leaks leaves at least one for each request


class PipelineMachine(ObservedPipeline):
    """Submits, duplicates, conflicts, cancels, crashes, failing ports; the model says what may come of it."""

    statistics: ClassVar[Statistics] = Statistics()
    check_memory = False
    strange: Sequence[GenerateMeme] = ()

    @initialize(memory=st.integers(0, 99), opening=st.lists(st.sampled_from(WISHES), max_size=4), strange=st.lists(STRANGE, max_size=2))
    def choose_world(self, memory: int, opening: list[str], strange: list[GenerateMeme]) -> None:
        """Most examples begin with a few requests in flight; in one of four memory is watched at the end if it was not lately.

        Strange requests are drawn here, for Hypothesis cannot delete a rule that draws much.
        """
        self.naps_began_s: list[float] = []
        self.script.on_nap = lambda: self.naps_began_s.append(self.now_s)
        self.check_memory = memory % 4 == 2  # no end of the range, which Hypothesis favours
        self.strange = strange
        for number, wish in enumerate(opening):
            self._submit(CLIENTS[number % len(CLIENTS)], request_of(f"r{number + 1}", wish))
        for number in range(len(strange)):
            self.submit_strange(number, CLIENTS[number % len(CLIENTS)])

    # -- what clients do ---------------------------------------------------------------------------------------------------

    @rule(wish=st.sampled_from(WISHES), client=st.sampled_from(CLIENTS))
    def submit(self, wish: str, client: str) -> None:
        """A new request."""
        self._submit(client, request_of(f"r{len(self.requests) + 1}", wish))

    @rule(wish=st.sampled_from(WISHES), client=st.sampled_from(CLIENTS))
    def submit_in_a_hurry(self, wish: str, client: str) -> None:
        """A new request that has 3 seconds."""
        self._submit(client, request_of(f"r{len(self.requests) + 1}", wish, deadline_s=3.0))

    @precondition(lambda self: self.strange)
    @rule(which=st.integers(0, 2), client=st.sampled_from(CLIENTS))
    def submit_strange(self, which: int, client: str) -> None:
        """A boundary or malicious request: refused for exactly the unfit fields, or served like any other."""
        raw = self.strange[which % len(self.strange)]
        verdict = judge(raw)
        if isinstance(verdict, Fit):
            self._submit(client, GenerateMeme(**dict(verdict.values)), as_sent=raw)
            return
        fields: tuple[str, ...] = ()
        try:
            self.perform(self.service.submit, raw)
        except InvalidRequest as error:
            fields = tuple(dict.fromkeys(field for field, _ in error.problems))
        assert fields == verdict.fields, f"refused for {fields or 'nothing'}, although {verdict.fields} are unfit: {raw!r}"

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 3), client=st.sampled_from(CLIENTS))
    def submit_again(self, which: int, client: str) -> None:
        """A request that was submitted before, under the same id: the same outcome is due."""
        self._submit(client, self.requests[-1 - which % len(self.requests)])

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 3), client=st.sampled_from(CLIENTS))
    def submit_conflicting(self, which: int, client: str) -> None:
        """Another payload under an id that was used before: refused, and nothing else happens."""
        known = self.requests[-1 - which % len(self.requests)]
        if len(self.requests) % 2:
            self._submit(client, replace(known, style="wry" if known.style != "wry" else None))
        else:
            self._submit(client, request_of(known.request_id, "cats" if known.topic != "cats" else "dull cats"))

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 3), client=st.sampled_from(CLIENTS))
    def cancel(self, which: int, client: str) -> None:
        """A client takes a request back, perhaps too late."""
        request_id = self.requests[-1 - which % len(self.requests)].request_id
        self._call(client, Cancel(request_id), lambda: self.service.cancel(request_id))

    # -- what befalls the service --------------------------------------------------------------------------------------------

    @rule(port=st.sampled_from(PORTS), wish=st.sampled_from(WISHES))
    def submit_failing(self, port: str, wish: str) -> None:
        """A new request; the first call of a port for its payload raises."""
        self._submit_failing(wish, Faults(**{port: (Fault("PortDown"),)}))

    @rule(port=st.sampled_from(PORTS), wish=st.sampled_from(WISHES))
    def submit_failing_again(self, port: str, wish: str) -> None:
        """A new request; the first two calls of a port for its payload raise."""
        self._submit_failing(wish, Faults(**{port: (Fault("PortDown"), Fault("PortDown"))}))

    @rule(port=st.sampled_from(PORTS), wish=st.sampled_from(WISHES))
    def submit_failing_later(self, port: str, wish: str) -> None:
        """A new request; the second call of a port for its payload raises."""
        self._submit_failing(wish, Faults(**{port: (None, Fault("PortDown"))}))

    @rule(wish=st.sampled_from(WISHES))
    def submit_failing_by_turns(self, wish: str) -> None:
        """A new request; the first call for a text of its payload raises, and so does the third: a second text has retries of its own."""
        self._submit_failing(wish, Faults(text=(Fault("PortDown"), None, Fault("PortDown"))))

    @rule(port=st.sampled_from(PORTS), wish=st.sampled_from(WISHES))
    def submit_with_nonsense(self, port: str, wish: str) -> None:
        """A new request; the first call of a port for its payload is answered with something of another type."""
        self._submit_failing(wish, Faults(**{port: (Fault(TypeError.__name__),)}))

    @rule(who=st.sampled_from(("listener", "subscriber", "subscriber dawdles", "subscriber leaves", "reader")))
    def trouble_news(self, who: str) -> None:
        """Whoever listens raises, dawdles or leaves as the next stages are told; the service goes on as if nothing had happened."""
        if who == "listener":
            self.listener_raises = True
        elif who == "subscriber":
            self.news.raises = 4
        elif who == "subscriber leaves":
            self.news.leaves = True
        elif who == "reader":
            self.news.look()
        elif not self.on_threads:
            self.news.dawdles_s = DAWDLES_S

    @precondition(lambda self: not self.on_threads and not self.pending_faults and self._quiet())
    @rule(wish=st.sampled_from(WISHES), client=st.sampled_from(CLIENTS))
    def dawdle_at_the_end(self, wish: str, client: str) -> None:
        """Whoever listens takes its time for an outcome; meanwhile others are served."""
        self.listener_dawdles_s = DAWDLES_S
        self.napped_s += DAWDLES_S
        self.submit(wish, client)
        self.run(b"")
        began_s = self.now_s
        self.perform(self.service.status, "nobody")
        assert self.now_s == began_s, f"a look took {self.now_s - began_s:g} virtual seconds: it waited for a listener"
        self.listener_dawdles_s = 0.0
        self.advance(DAWDLES_S, b"")

    @precondition(lambda self: not self.on_threads)
    @rule(port=st.sampled_from(PORTS))
    def slow_port(self, port: str) -> None:
        """The next call of a port takes four seconds; nobody waits for more than two such, for the model has no worker that is late."""
        lately = [began_s for began_s in self.naps_began_s if began_s > self.now_s - NAP_S - CALL_LIMIT_S]
        if not any(self.script.naps.values()) and len(lately) < 2:
            self.script.naps[port] = NAP_S
            self.napped_s += NAP_S

    @rule(down=st.booleans())
    def switch_store(self, down: bool) -> None:
        """The database goes away, or comes back."""
        if down != self.script.store_is_down:
            self.script.store_is_down = down
            self._note(Outage(down))

    @precondition(lambda self: not self.on_threads)
    @rule(actor=st.sampled_from(sorted(CRASHABLE)))
    def crash_actor(self, actor: str) -> None:
        """An actor raises at its next message; the supervisor is to make it good."""
        self.crash(CRASHABLE[actor], self._on_crash)

    # -- what must hold after each step ------------------------------------------------------------------------------------------

    @invariant()
    def no_promise_is_broken(self) -> None:
        """What every actor program promises, and what this one does: the claims below, in this order."""
        super().no_promise_is_broken()
        only_wanted_deaths(self)
        self.the_model_allows_it()
        self.equal_payloads_give_equal_memes()
        self.the_store_holds_what_the_model_says()
        self.nothing_waits_for_a_timer()
        self.statistics.invariants += 8

    def the_model_allows_it(self) -> None:
        """Outcomes, stages, order, idempotency, cache and conflicts are those of some correct pipeline."""
        self._follow()

    def equal_payloads_give_equal_memes(self) -> None:
        """Whatever the schedule, the cache, retries or restarts: undegraded memes of one payload are equal."""
        for request_id, outcome in self.ended.items():
            if type(outcome).__name__ == "Meme" and not outcome.degraded:  # type: ignore[union-attr]
                key = payload_key(self.served[request_id])
                assert self.by_payload.setdefault(key, outcome) == outcome, f"{request_id} differs from an earlier meme of the same payload"

    def the_store_holds_what_the_model_says(self) -> None:
        """Every finished meme is stored or waits in the outbox, once, as generated."""
        if self._quiet():
            self._inspect()

    def nothing_waits_for_a_timer(self) -> None:
        """No request is under way longer than its naps and its retry explain: a timeout must not be what rescues a lost message."""
        assert not self.broken, self.broken[0]
        if self.on_threads:
            return
        for request_id, (accepted_s, *_) in self.accepted.items():
            if request_id not in self.ended and self.now_s - accepted_s > PROMPT + self.napped_s:
                raise AssertionError(
                    f"{request_id} is under way for {self.now_s - accepted_s:g} virtual seconds; naps explain {self.napped_s:g}"
                )

    def at_rest(self) -> None:
        """Everything has its outcome, the store is right, and repeating the work takes no more memory."""
        self._follow()
        self.nothing_waits_for_a_timer()
        pending = [request_id for request_id in self.futures if request_id not in self.ended]
        assert not pending, f"accepted, and never answered: {pending}"
        if self._quiet():
            self._inspect()
        if not self.on_threads:  # the event bus may be behind: only a stage waits for it
            while self.news.dawdles:
                self.advance(DAWDLES_S, b"")
            self.news.check()
        if self.check_memory and self._calm() and self.statistics.memory_check_is_due():
            self._memory_is_flat()

    # -- inside ----------------------------------------------------------------------------------------------------------------

    def _submit_failing(self, wish: str, faults: Faults) -> None:
        request = request_of(f"r{len(self.requests) + 1}", wish)
        # The model tells port calls apart by payload: while one of these is under way, it could not say which calls fail. Of several
        # payloads under one id any may be the one that was accepted. Of a plain topic the ports cannot tell payloads apart.
        under_way = self._in_flight() | self._left_behind()
        if "plain" not in wish and not any(known.topic == request.topic and known.request_id in under_way for known in self.handed_in):
            self.script.inject(TextPrompt.of(request), faults)
            self._note(Inject(request_from(request).payload, faults))
        self._submit(CLIENTS[len(self.requests) % len(CLIENTS)], request)

    def _left_behind(self) -> set[str]:
        """Requests that are over, of which a worker may still have a task in its inbox: it naps, or is a thread."""
        if not self.on_threads and not self.napped_s:
            return set()
        return {request_id for request_id, outcome in self.ended.items() if isinstance(outcome, Cancelled | TimedOut)}

    def _calm(self) -> bool:
        """Whether the service runs on undisturbed: no crash is still to come, and the supervisor has not given up."""
        return not (self.on_threads or self.pending_faults or any(state.stop_error for state in self.conformance.states()))

    def _memory_is_flat(self) -> None:
        """The same kind of work again and again comes to a round that leaves nothing behind."""
        self.statistics.memory_checks += 1
        self.muted = True
        self.script.store_is_down = False
        self.news.stop()
        scheduler = self.stage.scheduler
        recording, scheduler.history = scheduler.history, None
        growth = growth_of(self._repeat, NOISE)
        leaks = growth[-1] > NOISE
        self.statistics.memory_leaks += leaks
        lines = growing_lines(self._repeat) if leaks else ""
        scheduler.history = recording
        assert not leaks, (
            f"each of {len(growth)} rounds of the same work leaves blocks of memory behind, the last ones {growth[-5:]}{lines}"
        )

    def _repeat(self, round_number: int) -> None:
        self.perform(self._work, round_number)
        self.script.records.clear()  # a store keeps what it is given, and half of the work is for memes that there never were

    def _work(self, round_number: int) -> None:
        # A minute passes, and with it the deadlines of the round before: until then their cancelled timers may lie about.
        time.sleep(60)
        wishes = [wish.format(round_number) for wish in WORK]
        futures = [self.service.submit(request_of(f"again {round_number} {index}", wish)) for index, wish in enumerate(wishes)]
        for future in futures:
            future.get(timeout=60)
