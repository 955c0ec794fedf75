"""A whole pipeline under watch: what clients call, what it tells, what crashes; all of it is noted in order and held against the model."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hypothesis import event

import greenroom
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import TERMINAL_STAGES, GenerateMeme, Meme, Outcome, Progress
from dspy_meme_gen.errors import InvalidRequest, RequestConflict, ServiceStopped
from dspy_meme_gen.settings import Settings
from machines.conformance import ANY, Conformance, Seen, adopted
from machines.coverage import Trail, rules_taken
from machines.news import News
from machines.places import pipeline as requests_places
from machines.statistics import Statistics
from machines.world import ScriptedPorts, world
from model import pipeline as reference
from model.calls import Crash, Finish, Inspect, Submit
from model.values import Ending, request_from
from model.world import Rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from dspy_meme_gen.pipeline import Pipeline
    from machines.coverage import Places

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
STEPS_PER_REQUEST: Final = 600  # scheduling points for each request that was under way: about four times what the longest takes alone


class ObservedPipeline(greenroom.ActorMachine):
    """Starts the pipeline over scripted ports, and notes what clients and actors do. A machine adds rules and says when to `_follow`."""

    statistics: ClassVar[Statistics] = Statistics()
    places: ClassVar[Callable[[], Places]] = staticmethod(requests_places.places)

    # -- life ------------------------------------------------------------------------------------------------------------------

    def start_actors(self) -> None:
        """The whole pipeline over scripted ports."""
        self.trail = Trail()
        self.seen: list[Seen] = []
        self.calls = 0
        self.answered: list[int] = []
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
        self.muted = False
        self.script = ScriptedPorts(self._on_progress)
        SUPERVISION.listener = self._on_restart
        settings = Settings(
            recorded_outcomes=60, cache_capacity=4, cache_ttl_s=20.0, image_width=64, image_height=48, restart_limit=2, **ONE
        )
        self.service: Pipeline = start_pipeline(settings, self.script.ports(), flat=True)
        self.news = News(self.service)
        self.listener_raises = False
        self.listener_dawdles_s = 0.0
        rules = Rules(cache_capacity=4, cache_ttl_s=20.0, restart_limit=2, lateness_s=30.0 if self.on_threads else 1e-6)
        self.started_s = time.monotonic()
        self.conformance = Conformance(reference.init(world(), rules, now_s=0.0))

    def stop_actors(self) -> None:
        """As any client would."""
        self.service.stop()

    def teardown(self) -> None:
        """As every machine ends, and counted."""
        try:
            super().teardown()
        finally:
            SUPERVISION.listener = None
            self._count()

    # -- what clients call, and what the pipeline tells ------------------------------------------------------------------------

    def _now(self) -> float:
        return time.monotonic() - self.started_s if self.on_threads else self.now_s

    def _note(self, call: Any, result: object = None) -> None:
        if not self.muted:
            self.seen.append(Seen("event", self._now(), call, result))

    def _submit(self, client: str, request: GenerateMeme, as_sent: GenerateMeme | None = None) -> None:
        """A client hands a request in; `as_sent` is how it writes it, where that is not how the service will."""
        self.handed_in.append(request)
        if all(known.request_id != request.request_id for known in self.requests):
            self.requests.append(request)
        self._call(client, Submit(request_from(request)), lambda: self._hand_in(request, as_sent or request))

    def _hand_in(self, request: GenerateMeme, as_sent: GenerateMeme) -> str:
        started = (self._now(), self.steps, len(self.ended))
        try:
            future = self.service.submit(as_sent)
        except RequestConflict:
            return "conflict"
        except ServiceStopped:
            return "stopped"
        except InvalidRequest as error:
            return f"invalid: {error}"
        known = self.futures.setdefault(request.request_id, future)
        self.served.setdefault(request.request_id, request)
        self.accepted.setdefault(request.request_id, started)
        assert known is future, f"{request.request_id} was given a second future"
        return "accepted"

    def _call(self, client: str, call: Any, function: Any) -> None:
        self.calls += 1
        serial = self.calls  # a thread may not have begun the call before

        def recorded() -> object:
            self.seen.append(Seen("invoke", self._now(), call, None, serial))
            result = function()
            self.seen.append(Seen("respond", self._now(), call, result, serial))
            self.answered.append(serial)
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

    def _in_flight(self) -> set[str]:
        in_flight = set(self.futures) - set(self.ended)
        if len(self.answered) < self.calls:  # somebody may be about to hand in, or to be answered
            in_flight |= {request.request_id for request in self.requests if request.request_id not in self.ended}
        return in_flight

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
        self.news.tell(progress, self._now())
        if self.listener_dawdles_s and progress.stage in TERMINAL_STAGES:
            dawdles_s, self.listener_dawdles_s = self.listener_dawdles_s, 0.0
            time.sleep(dawdles_s)
        if self.listener_raises:
            self.listener_raises = False
            raise RuntimeError("a listener that raises, as the machine wants it")

    def _measure(self, request_id: str) -> None:
        accepted_s, accepted_step, over = self.accepted[request_id]
        statistics = self.statistics
        latency_s, steps = self.now_s - accepted_s, self.steps - accepted_step
        statistics.worst_latency_s = max(statistics.worst_latency_s, latency_s)
        statistics.worst_latency_steps = max(statistics.worst_latency_steps, steps)
        # Kept, not raised: this runs inside the service, which lets nothing out that a listener of progress raises.
        bound = STEPS_PER_REQUEST * (len(self.futures) - over)
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

    # -- held against the model ------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        unheard = _taken(self.unheard)
        batch = _taken(self.seen)
        if self.on_threads:  # a call may be under way: what has happened since it began is for the next time
            whole = _answered(batch)
            self.seen[:0] = batch[whole:]
            del batch[whole:]
        batch += [replace(each, now_s=self._now()) for each in unheard]
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

    def _inspect(self) -> None:
        records = tuple(sorted(self.script.records.values(), key=lambda record: record.id))
        waiting = self.service.deferred()
        self.conformance.follow([Seen("event", self._now(), Inspect(), (adopted(records), adopted(waiting)))], self._now())

    # -- counted ----------------------------------------------------------------------------------------------------------------

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


def _taken(noted: list[Seen]) -> list[Seen]:
    """All that is in a list by now; what other threads add meanwhile stays there."""
    count = len(noted)
    taken = noted[:count]
    del noted[:count]
    return taken


def _answered(batch: list[Seen]) -> int:
    """How much of a batch comes before the first call that has no answer in it."""
    answered = {each.serial for each in batch if each.kind == "respond"}
    return next((place for place, each in enumerate(batch) if each.kind == "invoke" and each.serial not in answered), len(batch))


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


def request_of(request_id: str, wish: str, *, deadline_s: float = 30.0) -> GenerateMeme:
    """The request for a wish, "topic / style / format", or less of it."""
    topic, style, format_ = (*map(str.strip, wish.split("/")), "", "")[:3]
    fields = {"format": format_} if format_ else {}
    return GenerateMeme.create(request_id=request_id, topic=topic, style=style or None, deadline_s=deadline_s, **fields)
