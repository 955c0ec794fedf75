"""The pipeline machine: several clients, every schedule, crashes and failing ports, held against the model after each step."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

import greenroom
from dspy_meme_gen.actors.cache import Cache
from dspy_meme_gen.actors.image_generator import ImageGenerator
from dspy_meme_gen.actors.meme_generator import MemeGenerator
from dspy_meme_gen.actors.refiner import Refiner
from dspy_meme_gen.actors.router import Router
from dspy_meme_gen.actors.scorer import Scorer
from dspy_meme_gen.actors.text_generator import TextGenerator
from dspy_meme_gen.actors.verifier import Verifier
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import TERMINAL_STAGES, GenerateMeme, Meme, Outcome, Progress, TextPrompt, payload_key
from dspy_meme_gen.errors import InvalidRequest, RequestConflict, ServiceStopped
from dspy_meme_gen.settings import Settings
from machines.conformance import ANY, Conformance, Seen, adopted
from machines.coverage import Trail, rules_taken
from machines.news import News
from machines.places import pipeline as requests_places
from machines.repetition import growing_lines, growth_of
from machines.statistics import Statistics
from machines.world import ScriptedPorts, world
from model import pipeline as reference
from model.calls import Cancel, Crash, Finish, Inject, Inspect, Outage, Submit
from model.validation import Fit, judge
from model.values import Ending, request_from
from model.world import Fault, Faults, Rules
from strategies.classes import CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from dspy_meme_gen.pipeline import Pipeline
    from machines.coverage import Places

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
)
"""Payloads by topic and style; every word of a topic is a trait of ``machines.world``."""
STRANGE: Final = st.one_of(*CLASSES.values())
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
# The model has one worker of a kind, no jitter, and neither breakers nor limits: here they never open, and nobody is refused.
ONE: Final[dict[str, Any]] = {
    "retry_jitter": 0.0,
    "restart_backoff_s": 0.0,
    "health_period_s": 0,  # a clock that never stops would hide that everybody waits
    "user_burst": 1_000_000_000,
    "text_workers": 1,
    "image_workers": 1,
    **dict.fromkeys(("text_breaker_failures", "image_breaker_failures", "breaker_failures"), 1_000_000_000),
}
PROMPT: Final = 0.38  # virtual seconds that work may take when nothing naps: a backoff for each of three incarnations, and some room
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
NOISE: Final = len(WORK) // 2  # blocks: what leaks leaves at least one for each request
STEPS_PER_REQUEST: Final = 600  # scheduling points for each request under way: about four times what the longest takes alone


class PipelineMachine(greenroom.ActorMachine):
    """Submits, duplicates, conflicts, cancels, crashes, failing ports; the model says what may come of it."""

    statistics: ClassVar[Statistics] = Statistics()
    places: ClassVar[Callable[[], Places]] = staticmethod(requests_places.places)

    # -- set-up ----------------------------------------------------------------------------------------------------------

    def start_actors(self) -> None:
        """The whole pipeline over scripted ports."""
        self.trail = Trail()
        self.seen: list[Seen] = []
        self.futures: dict[str, Any] = {}
        self.served: dict[str, GenerateMeme] = {}
        self.requests: list[GenerateMeme] = []
        self.handed_in: list[GenerateMeme] = []
        self.progress: dict[str, list[str]] = {}
        self.ended: dict[str, Outcome] = {}
        self.accepted: dict[str, tuple[float, int, int]] = {}
        self.by_payload: dict[str, Any] = {}
        self.crashes = 0
        self.unheard: list[Seen] = []
        self.napped_s = 0.0
        self.troubled = False
        self.broken: list[str] = []
        self.check_memory = False
        self.strange: list[GenerateMeme] = []
        self.muted = False
        self.script = ScriptedPorts(self._on_progress)
        SUPERVISION.listener = self._on_restart
        settings = Settings(
            recorded_outcomes=60, cache_capacity=4, cache_ttl_s=20.0, image_width=64, image_height=48, restart_limit=2, **ONE
        )
        self.service: Pipeline = start_pipeline(settings, self.script.ports(), flat=True)
        self.news = News(self.service)
        self.listener_raises = False
        rules = Rules(cache_capacity=4, cache_ttl_s=20.0, restart_limit=2, lateness_s=30.0 if self.on_threads else 1e-6)
        self.started_s = time.monotonic()
        self.conformance = Conformance(reference.init(world(), rules, now_s=0.0))

    @initialize(memory=st.integers(0, 99), opening=st.lists(st.sampled_from(WISHES), max_size=4), strange=st.lists(STRANGE, max_size=2))
    def choose_world(self, memory: int, opening: list[str], strange: list[GenerateMeme]) -> None:
        """Most examples begin with a few requests in flight; in one of twenty memory is watched at the end.

        Strange requests are drawn here, for Hypothesis cannot delete a rule that draws much.
        """
        self.check_memory = memory % 20 == 3  # no end of the range, which Hypothesis favours
        self.strange = strange
        for number, wish in enumerate(opening):
            self._submit(CLIENTS[number % len(CLIENTS)], _request(f"r{number + 1}", wish))

    def stop_actors(self) -> None:
        """As any client would."""
        self.service.stop()

    # -- what clients do ---------------------------------------------------------------------------------------------------

    @rule(wish=st.sampled_from(WISHES), client=st.sampled_from(CLIENTS))
    def submit(self, wish: str, client: str) -> None:
        """A new request."""
        self._submit(client, _request(f"r{len(self.requests) + 1}", wish))

    @rule(wish=st.sampled_from(WISHES), client=st.sampled_from(CLIENTS))
    def submit_in_a_hurry(self, wish: str, client: str) -> None:
        """A new request that has 3 seconds."""
        self._submit(client, _request(f"r{len(self.requests) + 1}", wish, deadline_s=3.0))

    @precondition(lambda self: self.strange)
    @rule(which=st.integers(0, 2), client=st.sampled_from(CLIENTS))
    def submit_strange(self, which: int, client: str) -> None:
        """A boundary or malicious request: refused for exactly the unfit fields, or served like any other."""
        raw = self.strange[which % len(self.strange)]
        verdict = judge(raw)
        if isinstance(verdict, Fit):
            self._submit(client, GenerateMeme(**dict(verdict.values)))
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
            self._submit(client, _request(known.request_id, "cats" if known.topic != "cats" else "dull cats"))

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

    @rule(who=st.sampled_from(("listener", "subscriber", "subscriber leaves")))
    def raise_at_news(self, who: str) -> None:
        """Whoever listens raises when the next stage is told; the service goes on as if nothing had happened."""
        if who == "listener":
            self.listener_raises = True
        elif who == "subscriber":
            self.news.raises = True
        else:
            self.news.leaves = True

    @precondition(lambda self: not self.on_threads)
    @rule(port=st.sampled_from(PORTS))
    def slow_port(self, port: str) -> None:
        """The next call of a port takes four seconds."""
        if not any(self.script.naps.values()):
            self.script.naps[port] = 4.0
            self.napped_s += 4.0

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
        self.the_model_allows_it()
        self.equal_payloads_give_equal_memes()
        self.the_store_holds_what_the_model_says()
        self.nothing_waits_for_a_timer()
        self.statistics.invariants += 7

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
        for request_id, (accepted_s, _, _) in self.accepted.items():
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
            self.news.check()
        if self.check_memory and self._calm():
            self._memory_is_flat()

    def teardown(self) -> None:
        """As every machine ends, and counted."""
        try:
            super().teardown()
        finally:
            SUPERVISION.listener = None
            self._count()

    # -- inside ----------------------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return time.monotonic() - self.started_s if self.on_threads else self.now_s

    def _note(self, call: Any, result: object = None) -> None:
        if not self.muted:
            self.seen.append(Seen("event", self._now(), call, result))

    def _submit(self, client: str, request: GenerateMeme) -> None:
        self.handed_in.append(request)
        if all(known.request_id != request.request_id for known in self.requests):
            self.requests.append(request)
        self._call(client, Submit(request_from(request)), lambda: self._hand_in(request))

    def _hand_in(self, request: GenerateMeme) -> str:
        started = (self._now(), self.steps, len(self.futures) - len(self.ended))
        try:
            future = self.service.submit(request)
        except RequestConflict:
            return "conflict"
        except ServiceStopped:
            return "stopped"
        known = self.futures.setdefault(request.request_id, future)
        self.served.setdefault(request.request_id, request)
        self.accepted.setdefault(request.request_id, started)
        assert known is future, f"{request.request_id} was given a second future"
        return "accepted"

    def _call(self, client: str, call: Any, function: Any) -> None:
        serial = len(self.operations) + 1

        def recorded() -> object:
            self.seen.append(Seen("invoke", self._now(), call, None, serial))
            result = function()
            self.seen.append(Seen("respond", self._now(), call, result, serial))
            if not isinstance(call, Submit) or result != "accepted":
                return result
            outcome = self.futures[call.request.request_id].get()
            self._heard_of_the_end(call.request.request_id)
            return outcome

        self.client(client).call(type(call).__name__.lower(), recorded)

    def _heard_of_the_end(self, request_id: str) -> None:
        """A future is set after the last progress was told."""
        stages = self.progress.get(request_id, ["nothing"])
        if stages[-1] not in TERMINAL_STAGES:
            self.broken.append(f"{request_id} has its outcome, and the last that was told of it is {stages[-1]}")

    def _submit_failing(self, wish: str, faults: Faults) -> None:
        request = _request(f"r{len(self.requests) + 1}", wish)
        # The model tells port calls apart by payload: while one of these is under way, it could not say which calls fail. Of several
        # payloads under one id any may be the one that was accepted.
        under_way = self._in_flight()
        if not any(known.topic == request.topic and known.request_id in under_way for known in self.handed_in):
            self.script.inject(TextPrompt.of(request), faults)
            self._note(Inject(request_from(request).payload, faults))
        self._submit(CLIENTS[len(self.requests) % len(CLIENTS)], request)

    def _in_flight(self) -> set[str]:
        submitted = {op.serial for op in self.operations if not op.done}
        return set(self.futures) - set(self.ended) | {
            request.request_id for request in self.requests if request.request_id not in self.ended and submitted
        }

    def _on_progress(self, progress: Progress) -> None:
        if self.muted:
            return
        self.progress.setdefault(progress.request_id, []).append(progress.stage)
        if progress.stage != "completed":  # it shows later whether the meme is degraded
            self.trail.visit(progress.request_id, requests_places.label(progress.stage))
        if progress.stage in TERMINAL_STAGES:
            self.seen.append(Seen("event", self._now(), Finish(progress.request_id), None))
            if not self.on_threads and progress.request_id in self.accepted:
                self._measure(progress.request_id)
        self.news.told.append(progress)
        if self.listener_raises:
            self.listener_raises = False
            raise RuntimeError("a listener that raises, as the machine wants it")

    def _measure(self, request_id: str) -> None:
        accepted_s, accepted_step, others = self.accepted[request_id]
        statistics = self.statistics
        latency_s, steps = self.now_s - accepted_s, self.steps - accepted_step
        statistics.worst_latency_s = max(statistics.worst_latency_s, latency_s)
        statistics.worst_latency_steps = max(statistics.worst_latency_steps, steps)
        # Kept, not raised: this runs inside the service, which lets nothing out that a listener of progress raises.
        bound = STEPS_PER_REQUEST * (1 + others + len(self.futures) - len(self.ended))
        if steps > bound and not self.troubled:
            self.broken.append(f"{request_id} took {steps} steps, more than {bound}")
        if latency_s > PROMPT + self.napped_s:
            self.broken.append(f"{request_id} took {latency_s:g} virtual seconds, and naps explain {self.napped_s:g}: a timeout rescued it")

    def _on_crash(self, task: Any) -> RuntimeError:
        self.troubled = True
        name = _model_name(task.actor.identity.name)
        # The supervisor hears of it later, and nobody hears what it decides: the crash takes effect at some moment from now on.
        if not self.muted:
            self.crashes += 1
            self.seen.append(Seen("invoke", self._now(), Crash(name), None, -self.crashes))
            self.unheard.append(Seen("respond", 0.0, Crash(name), ANY, -self.crashes))
        return RuntimeError(f"crash of {name}, injected by the machine")

    def _on_restart(self, name: str) -> None:
        """The supervisor has restarted a child: the oldest crash of that name has taken effect."""
        for each in self.unheard:
            if each.call.actor == _model_name(name):
                self.unheard.remove(each)
                self.seen.append(replace(each, now_s=self._now()))
                return

    def _follow(self) -> None:
        heard = [replace(each, now_s=self._now()) for each in self.unheard]
        batch, self.seen, self.unheard = self.seen + heard, [], []
        for index, each in enumerate(batch):
            if isinstance(each.call, Finish):
                request_id = each.call.request_id
                outcome = self.futures[request_id].get(timeout=5) if self.on_threads else self.futures[request_id].get(timeout=0)
                assert request_id not in self.ended, f"{request_id} was given two outcomes: {self.ended[request_id]}, then {outcome}"
                self.ended[request_id] = outcome
                self.statistics.outcomes[type(outcome).__name__] += 1
                if isinstance(outcome, Meme):
                    self.trail.visit(request_id, requests_places.label("completed", degraded=outcome.degraded))
                batch[index] = Seen("event", each.now_s, each.call, Ending(adopted(outcome), tuple(self.progress[request_id])))
        self.statistics.observations += len(batch)
        self.conformance.follow(batch, self._now())

    def _quiet(self) -> bool:
        return all(operation.done for operation in self.operations) and set(self.futures) == set(self.ended)

    def _calm(self) -> bool:
        """Whether the service runs on undisturbed: no crash is still to come, and the supervisor has not given up."""
        return not (self.on_threads or self.pending_faults or any(state.stop_error for state in self.conformance.states()))

    def _inspect(self) -> None:
        records = tuple(sorted(self.script.records.values(), key=lambda record: record.id))
        waiting = self.service.deferred()
        self.conformance.follow([Seen("event", self._now(), Inspect(), (adopted(records), adopted(waiting)))], self._now())

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
        futures = [self.service.submit(_request(f"again {round_number} {index}", wish)) for index, wish in enumerate(wishes)]
        for future in futures:
            future.get(timeout=60)

    def _count(self) -> None:
        statistics = self.statistics
        statistics.examples += 1
        statistics.operations += len(self.operations)
        for label in statistics.coverage.add(self.trail, rules_taken(self), (type(outcome).__name__ for outcome in self.ended.values())):
            event(label)
        if not self.on_threads:
            self._count_stage()
        statistics.example_ended()

    def _count_stage(self) -> None:
        statistics = self.statistics
        scheduler = self.stage.scheduler
        statistics.steps += scheduler.steps
        statistics.schedules.add(hash((scheduler.decisions, tuple(scheduler.deviations))))
        for task in self.stage.tasks:
            if task.inbox is not None and task.inbox.deepest > statistics.deepest_inbox:
                statistics.deepest_inbox, statistics.deepest_inbox_of = task.inbox.deepest, task.name


class _Supervision(logging.Handler):
    """Hears from the supervisor's log, in the supervisor's own step, what was restarted."""

    def __init__(self) -> None:
        super().__init__()
        self.listener: Callable[[str], None] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.listener is not None and record.levelno == logging.WARNING and isinstance(record.args, tuple):
            self.listener(str(record.args[0]))


SUPERVISION: Final = _Supervision()
logging.getLogger("memespy.supervisor").addHandler(SUPERVISION)
logging.getLogger("memespy").addHandler(logging.NullHandler())  # crashes by the thousand are this machine's trade, not news


def _model_name(name: str) -> str:
    """The model's name of an actor of the service."""
    return {"text_generator": "text", "image_generator": "image", "meme_generator": "generator"}.get(name, name)


def _request(request_id: str, wish: str, *, deadline_s: float = 30.0) -> GenerateMeme:
    topic, _, style = wish.partition(" / ")
    return GenerateMeme.create(request_id=request_id, topic=topic, style=style or None, deadline_s=deadline_s)
