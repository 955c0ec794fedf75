"""What the machines of the service's parts have in common: a pipeline over scripted ports, its clients, and what holds in any weather."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hypothesis import event
from hypothesis.stateful import invariant

import greenroom
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import TERMINAL_STAGES, Failed, GenerateMeme, Meme, Outcome, Progress
from dspy_meme_gen.errors import Overloaded, RateLimited, ServiceStopped
from dspy_meme_gen.settings import Settings
from machines.conformance import adopted
from machines.coverage import Trail, rules_taken
from machines.deaths import only_wanted_deaths
from machines.places import pipeline as requests_places
from machines.statistics import Statistics
from machines.taps import Taps
from machines.troubled import TroubledPorts
from machines.world import world
from model.generation import generate
from model.stages import first_wrong
from model.values import request_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dspy_meme_gen.pipeline import Pipeline
    from dspy_meme_gen.ports import MemeCache, Ports
    from machines.coverage import Places

CLIENTS: Final = ("ann", "bob", "cid")
WORLD: Final = world()
QUIET: Final[dict[str, Any]] = {
    "retry_jitter": 0.0,
    "restart_backoff_s": 0.0,
    "restart_limit": 1_000,
    "health_period_s": 0,  # a clock that never stops would hide that everybody waits
    "user_burst": 1_000_000_000,
    "image_width": 64,
    "image_height": 48,
    **dict.fromkeys(("text_breaker_failures", "image_breaker_failures", "breaker_failures"), 1_000_000_000),
}
"""Settings under which no part gets in the way; each machine brings its own part out."""
FROM_OUTSIDE: Final = frozenset({"ServiceStopped", "RestartLimitExceeded"})
"""What a request fails of wherever it is."""
PROMPT: Final = 0.5  # virtual seconds that a request may take when nothing naps: the pauses before retries, and some room


class PartMachine(greenroom.ActorMachine):
    """Submits, cancels and watches; checks what holds for every request. A machine adds rules, and `follow`, its model's say."""

    statistics: ClassVar[Statistics] = Statistics()
    settings: ClassVar[dict[str, Any]] = {}
    starts_late: ClassVar[bool] = False
    """Whether the service starts in a rule that calls `start_service` with what it has drawn, and not before the first rule."""
    waits: ClassVar[bool] = True
    """Whether a client waits for its outcome before it makes its next call."""
    places: ClassVar[Callable[[], Places]] = staticmethod(requests_places.places)
    """What can be visited: the stages of requests, or what `whereabouts` tells of the machine's own model."""

    # -- for the machines ----------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Hold what was noted since the last step against the model. On a stage only."""

    def whereabouts(self, now_s: float) -> Mapping[str, str] | None:  # noqa: ARG002 - a model may rest
        """In which of its `places` each part of the machine's model is; None where it is requests that are watched."""
        return None

    def set_taps(self, taps: Taps) -> None:
        """Note what the model is to be told. Called before the pipeline starts; on a stage only."""

    def cache_port(self) -> MemeCache | None:
        """The cache to use in place of the service's own."""
        return None

    def ports(self) -> Ports:
        """What the pipeline finds outside: the scripted ports, and the cache."""
        ports = self.script.ports()
        object.__setattr__(ports, "cache", self.cache_port())
        return ports

    # -- life ----------------------------------------------------------------------------------------------------------------

    def start_actors(self) -> None:
        """The whole pipeline over scripted ports."""
        self.futures: dict[str, Any] = {}
        self.requests: dict[str, GenerateMeme] = {}
        self.refused: dict[str, Exception] = {}
        self.progress: dict[str, list[str]] = {}
        self.accepted_s: dict[str, float] = {}
        self.ended: dict[str, Outcome] = {}
        self.latencies_s: dict[str, float] = {}
        self.explained_s = PROMPT
        self.reruns = 0
        self.wanted_deaths = 0
        self.trace: list[tuple[Any, ...]] = []
        self.noted = 0
        self.trail = Trail()
        self.taps = Taps()
        self.script = TroubledPorts(self._on_progress)
        try:
            if not self.starts_late:
                self.start_service({})
        except BaseException:
            self.taps.close()  # no teardown comes after a start that failed
            raise

    def start_service(self, chosen: dict[str, Any]) -> None:
        """Start the pipeline; `chosen` are settings that this example has drawn."""
        ports = self.ports()
        if not self.on_threads:
            self.set_taps(self.taps)
        self.service: Pipeline = start_pipeline(Settings(**QUIET | self.settings | chosen), ports)

    def stop_actors(self) -> None:
        """As any client would; there may be no service yet."""
        if self.has_service:
            self.end_service()

    def end_service(self) -> None:
        """As any client would."""
        self.service.stop()

    @property
    def has_service(self) -> bool:
        """Whether there is a service."""
        return hasattr(self, "service")

    def teardown(self) -> None:
        """As every machine ends, and counted."""
        try:
            super().teardown()
        finally:
            self.taps.close()
            self._count()

    # -- what clients do -------------------------------------------------------------------------------------------------------

    def submit_request(self, client: str, topic: str, **fields: Any) -> str:
        """A client hands a new request in, and waits for its outcome; the request's id."""
        request = GenerateMeme.create(request_id=f"r{len(self.requests) + 1}", topic=topic, **fields)
        self.requests[request.request_id] = request
        self.client(client).call("submit", self._hand_in, request)
        return request.request_id

    def cancel_request(self, client: str, which: int) -> None:
        """A client takes one of the latest requests back, perhaps too late."""
        request_id = list(self.requests)[-1 - which % len(self.requests)]
        self.client(client).call("cancel", self.service.cancel, request_id)

    def _hand_in(self, request: GenerateMeme) -> object:
        self.accepted_s[request.request_id] = self.now_s
        try:
            future = self.service.submit(request)
        except (Overloaded, RateLimited, ServiceStopped) as error:
            del self.accepted_s[request.request_id]
            self.refused[request.request_id] = error
            return type(error).__name__
        self.futures[request.request_id] = future
        return future.get() if self.waits else "accepted"

    def settle(self) -> None:
        """As every machine, and until everyone who did not wait has an outcome all the same."""
        super().settle()
        if not self.waits:
            self.client("end").call("outcomes", lambda: len([future.get() for future in self.futures.values()]))
        super().settle()

    def crash_one(self, actor: type, at: int = 1) -> None:
        """An actor raises at one of its next messages; the supervisor is to make it good."""
        self.crash(actor, self._on_crash, at=at)

    def nap(self, port: str, seconds: float) -> None:
        """The next call of a port takes so long."""
        self.script.slow[port].append(seconds)
        self.explained_s += seconds

    def note(self, *what: Any) -> None:
        """Keep something for `follow`: `time.monotonic()`, then this."""
        self.trace.append((time.monotonic(), *what))

    def fresh(self) -> Iterator[tuple[Any, ...]]:
        """What was noted since the last call; where the model is before and after each of it counts as visited."""
        batch, self.trace = self.trace, []
        self.statistics.observations += len(batch)
        for noted in batch:
            self.visit(noted[0])
            yield noted
            self.visit(noted[0])

    def visit(self, now_s: float) -> None:
        """Where the model is now counts as visited."""
        for subject, state in (self.whereabouts(now_s) or {}).items():
            self.trail.visit(subject, state)

    # -- what must hold after each step ----------------------------------------------------------------------------------------

    @invariant()
    def no_promise_is_broken(self) -> None:
        """What every actor program promises, then what every request is promised, then what the machine's model says."""
        super().no_promise_is_broken()
        only_wanted_deaths(self)
        self._collect()
        if not self.on_threads and self.has_service:
            self.follow()
        self._stages_are_in_order()
        self._nobody_waits_too_long()
        self.statistics.invariants += 6

    def at_rest(self) -> None:
        """Everything that was accepted has its outcome, once."""
        self._collect()
        self._stages_are_in_order()
        pending = [request_id for request_id in self.futures if request_id not in self.ended]
        assert not pending, f"accepted, and never answered: {pending}"
        if not self.on_threads and self.has_service:
            self.follow()

    def _collect(self) -> None:
        for request_id, stages in list(self.progress.items()):
            if request_id in self.ended or not stages or stages[-1] not in TERMINAL_STAGES or request_id not in self.futures:
                continue
            outcome = self.futures[request_id].get(timeout=5 if self.on_threads else 0)
            self.ended[request_id] = outcome
            self.statistics.outcomes[type(outcome).__name__] += 1
            if isinstance(outcome, Failed) and outcome.error in FROM_OUTSIDE:
                last = stages[-2] if len(stages) > 1 else "routing"
                assert outcome.stage == last, f"{request_id} failed in {outcome.stage}, and was in {last}"
            if isinstance(outcome, Failed) and outcome.error == "ActorCrashed":
                assert self.wanted_deaths > 1, f"{request_id} failed of {self.wanted_deaths} deaths: the first of a task is made good"
            if isinstance(outcome, Meme):
                self._visit_stage(request_id, "completed", degraded=outcome.degraded)
            if isinstance(outcome, Meme) and not outcome.degraded:
                expected = generate(request_from(self.requests[request_id]).payload, WORLD).outcome
                assert adopted(outcome) == expected, f"{request_id} is not the meme of its payload: {outcome} in place of {expected}"

    def _stages_are_in_order(self) -> None:
        for request_id, stages in list(self.progress.items()):
            place = first_wrong(tuple(stages), reruns=self.reruns)
            assert place is None, f"{request_id}: {stages[place]} (number {place + 1}) is out of order in {stages}"

    def _nobody_waits_too_long(self) -> None:
        """No timer must be what rescues a lost message."""
        if self.on_threads:
            return
        for request_id, took_s in self.latencies_s.items():
            assert took_s <= self.patience_of(request_id), f"{request_id} took {took_s:g} virtual seconds: a timeout rescued it"
        self.latencies_s.clear()
        for request_id, accepted_s in self.accepted_s.items():
            waited_s = self.now_s - accepted_s
            if request_id not in self.ended and waited_s > self.patience_of(request_id):
                raise AssertionError(
                    f"{request_id} is under way for {waited_s:g} virtual seconds; what befell it explains {self.patience_of(request_id):g}"
                )

    def patience_of(self, request_id: str) -> float:
        """For how many virtual seconds a request may be under way."""
        return min(self.explained_s, self.requests[request_id].deadline_s) + 1e-6

    # -- inside ----------------------------------------------------------------------------------------------------------------

    def _on_progress(self, progress: Progress) -> None:
        self.progress.setdefault(progress.request_id, []).append(progress.stage)
        if progress.stage != "completed":  # it shows later whether the meme is degraded
            self._visit_stage(progress.request_id, progress.stage)
        if progress.stage in TERMINAL_STAGES and not self.on_threads and progress.request_id in self.accepted_s:
            latency_s = self.now_s - self.accepted_s[progress.request_id]
            self.statistics.worst_latency_s = max(self.statistics.worst_latency_s, latency_s)
            self.latencies_s[progress.request_id] = latency_s  # judged later: the service lets nothing out that a listener raises

    def _visit_stage(self, request_id: str, stage: str, *, degraded: bool = False) -> None:
        if not self.on_threads and self.whereabouts(0.0) is None:
            self.trail.visit(request_id, requests_places.label(stage, degraded=degraded))

    def _on_crash(self, task: Any) -> RuntimeError:
        name = task.actor.identity.name
        self.wanted_deaths += 1
        self.reruns += name == "meme_generator"
        self.note("died", name, task.actor.identity.incarnation)
        return RuntimeError(f"crash of {name}, injected by the machine")

    def _count(self) -> None:
        statistics = self.statistics
        statistics.examples += 1
        statistics.operations += len(self.operations)
        for label in statistics.coverage.add(self.trail, rules_taken(self), (type(outcome).__name__ for outcome in self.ended.values())):
            event(label)
        if not self.on_threads:
            scheduler = self.stage.scheduler
            statistics.steps += scheduler.steps
            statistics.schedules.add(hash((scheduler.decisions, tuple(scheduler.deviations))))
            for task in self.stage.tasks:
                if task.inbox is not None and task.inbox.deepest > statistics.deepest_inbox:
                    statistics.deepest_inbox, statistics.deepest_inbox_of = task.inbox.deepest, task.name
        statistics.example_ended()


def on_stage(machine: PartMachine) -> bool:
    """For `precondition`: the rule needs virtual time or a controlled schedule."""
    return not machine.on_threads
