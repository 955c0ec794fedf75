"""The breaker machine: ports that fail, hang and recover, callers that give up and die, and a breaker for each kind of work."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from dspy_meme_gen import names
from dspy_meme_gen.actors.cache import Cache
from dspy_meme_gen.actors.meme_generator import MemeGenerator
from dspy_meme_gen.actors.scorer import Scorer
from dspy_meme_gen.actors.text_generator import TextGenerator
from dspy_meme_gen.address import FULL, NOBODY, Address
from dspy_meme_gen.domain import KINDS, Failed
from dspy_meme_gen.ledger import Ledger
from dspy_meme_gen.messages import Abandon, ChildRestarted, Generate, Withdraw, Work, WorkDone, WorkExpired, WorkFailed, WorkRefused
from greenroom.policies.drawn import schedule_bytes
from machines.part import CLIENTS, PartMachine, on_stage
from machines.places import breaker as places
from machines.statistics import Statistics
from model import breaker
from model.breaker import Ask, End, How

if TYPE_CHECKING:
    from machines.taps import Taps

REST_S: Final = 5.0
LIMIT_S: Final = 3.0
RETRY_S: Final = 0.1
TIE_S: Final = 1e-6
"""How near two sums of seconds may lie for either order to be right."""
BREAKS: Final = (names.CACHE, names.REFINER, names.SCORER, *KINDS, names.TEXT_GENERATOR, names.IMAGE_GENERATOR)
PORTS: Final = ("text", "text", "image", "scorer", "refiner", "factuality")
CRASHABLE: Final[dict[str, type]] = {"text": TextGenerator, "scorer": Scorer, "cache": Cache, "generator": MemeGenerator}
NARROW: Final = 2
"""An inbox that is full before long."""
PAUSE_S: Final = 0.25
DEADLY: Final[dict[str, type]] = {"scorer": Work, "generator": Generate}
STAGE_OF: Final = {
    names.CACHE: "cache",
    names.REFINER: "refining",
    names.SCORER: "scoring",
    **dict.fromkeys(KINDS, "verification"),
    names.TEXT_GENERATOR: "text",
    names.IMAGE_GENERATOR: "image",
}
HOW: Final[dict[type, How]] = {WorkDone: "good", WorkFailed: "bad", WorkExpired: "bad"}


@dataclass(slots=True)
class _Out:
    """A call that the orchestrator waits for: whose, of which worker, told to which incarnation; `deaths` that it may have caused."""

    request_id: str
    worker: str
    told: int
    since_s: float
    deaths: int = 0
    task: object = None

    @property
    def kind(self) -> str:
        """The kind of work: a pool's members are numbered."""
        return self.worker.partition("-")[0]


class BreakerMachine(PartMachine):
    """Who is let through, after all that the orchestrator has heard so far, is the model's to say."""

    statistics: ClassVar[Statistics] = Statistics()
    places = staticmethod(places.places)
    starts_late = True
    settings: ClassVar[dict[str, Any]] = {
        "text_breaker_failures": 2,
        "text_breaker_s": REST_S,
        "image_breaker_failures": 2,
        "image_breaker_s": REST_S,
        "breaker_failures": 3,
        "breaker_s": REST_S,
        "call_limit_s": LIMIT_S,
        "render_limit_s": LIMIT_S,
        "cache_ttl_s": 0.0,
        "retry_backoff_s": RETRY_S,
    }

    def set_taps(self, taps: Taps) -> None:
        """What the orchestrator hears and does; all of it happens in its own steps, so the order is exact."""
        rests = {names.TEXT_GENERATOR: 2, names.IMAGE_GENERATOR: 2}
        self.models = {kind: breaker.Breaker(rests.get(kind, 3), REST_S) for kind in BREAKS}
        self.out: dict[int, _Out] = {}
        self.lost: list[tuple[int, _Out]] = []
        self.brought: defaultdict[str, set[int]] = defaultdict(set)  # to which incarnations of the orchestrator each request was
        self.jobs: dict[str, None] = {}  # in the order in which the orchestrator that lives now was given them
        self.serials: set[int] = set()
        self.stage_of: dict[str, str] = {}
        self.full: Counter[str] = Counter()
        self.deaf_until_s = float("-inf")  # till when the orchestrator reads nothing
        self.open_for: dict[str, str] = {}
        self.failed_s: dict[str, float] = {}  # when a text failed that is to be tried again
        taps.heard(lambda name, _, message: self.note("heard", message) if name == names.MEME_GENERATOR else None)
        taps.told(self._told)
        self.deadly: Counter[str] = Counter()
        self.died_of: Counter[object] = Counter()
        taps.after(Address, "point_at", self._on_start)
        taps.before(Ledger, "report", lambda _, request_id, stage, *__: self.note("begins", request_id, stage))
        taps.before(Ledger, "settle", lambda _, request_id, outcome: self.note("settles", request_id, outcome))

    def _told(self, name: str, incarnation: int, message: object) -> None:
        self.full[name] += incarnation == FULL
        if isinstance(message, Work | WorkRefused):
            self.note("asks", name, incarnation, message)
        elif isinstance(message, Generate) and incarnation > NOBODY:
            self.note("brings", incarnation, message.request.request_id)

    def whereabouts(self, now_s: float) -> dict[str, str]:
        """Where each breaker is."""
        return {kind: places.label(model, now_s) for kind, model in self.models.items()}

    # -- rules ---------------------------------------------------------------------------------------------------------------------

    @initialize(
        port=st.sampled_from(PORTS),
        failed=st.integers(0, 3),
        late_s=st.sampled_from((0.0, 2.0, LIMIT_S + 1)),
        rested=st.booleans(),
        inbox=st.sampled_from((1000, 1000, NARROW)),
    )
    def choose_port(self, port: str, failed: int, late_s: float, rested: bool, inbox: int) -> None:
        """One port is the example's trouble; in most its breaker has opened, perhaps with a call under way, and may have rested.

        In some examples inboxes are narrow: who finds one full is told so, or tried again in a moment.
        """
        self.trouble = port
        if inbox == NARROW:
            self.explained_s += 1.0
        self.perform(self.start_service, {"inbox_limit": inbox})
        if late_s and not self.on_threads:
            self.nap(port, late_s)
            self._submit(CLIENTS[1])
            self.run(b"")
        for _ in range(failed):
            self.script.fail[port] += 2
            self._submit(CLIENTS[0])
        self.run(b"")
        if not self.on_threads:
            self.advance(0.2, b"")
            self.script.fail[port] = 0
            if rested:
                self.advance(REST_S, b"")

    @rule(client=st.sampled_from(CLIENTS))
    def submit(self, client: str) -> None:
        """A new request; no two have the same payload."""
        self._submit(client)

    @rule(schedule=schedule_bytes())
    def submit_two(self, schedule: bytes) -> None:
        """Two at once, and work begins."""
        self._submit("ann")
        self._submit("bob")
        self.run(schedule)

    @rule(calls=st.integers(1, 3))
    def fail(self, calls: int) -> None:
        """The next calls of the port raise."""
        self.script.fail[self.trouble] += calls

    @rule()
    def recover(self) -> None:
        """The port is well again."""
        self.script.fail[self.trouble] = 0

    @precondition(on_stage)
    @rule(seconds=st.sampled_from((2.0, LIMIT_S + 1)))
    def delay(self, seconds: float) -> None:
        """The next call of the port takes long, or too long."""
        self.nap(self.trouble, seconds)

    @precondition(on_stage)
    @rule(client=st.sampled_from(CLIENTS))
    def open_with_a_call_out(self, client: str) -> None:
        """Calls fail until the breaker opens, while one is under way that fails too, but later; then it rests, and somebody asks again."""
        self.nap(self.trouble, LIMIT_S + 1)
        self._submit(client)
        self.run(b"")
        self.script.fail[self.trouble] += 6
        for _ in range(3):
            self._submit(client)
        self.run(b"")
        self.script.fail[self.trouble] = 0
        self.advance(REST_S, b"")
        self._submit(client)
        self.run(b"")

    @precondition(on_stage)
    @rule(reads=st.booleans())
    def flood(self, reads: bool) -> None:
        """More comes than a narrow inbox holds: the port takes long, or the orchestrator reads nothing for a while."""
        if reads:
            for _ in range(2):
                self.nap(self.trouble, 2.0)
        else:
            self.pause(MemeGenerator, seconds=PAUSE_S)
            self.deaf_until_s = self.perform(time.monotonic) + PAUSE_S
            self.explained_s += 2 * PAUSE_S
        for number in range(NARROW * 5 + 1):
            self._submit(f"guest {number}")
            self.run(b"")
        self.advance(2 * PAUSE_S, b"")

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 2), client=st.sampled_from(CLIENTS))
    def cancel(self, which: int, client: str) -> None:
        """A request is taken back, perhaps with the one probe that was let through."""
        self.cancel_request(client, which)

    @precondition(on_stage)
    @rule(actor=st.sampled_from(sorted(CRASHABLE)))
    def crash_actor(self, actor: str) -> None:
        """An actor dies of its next message."""
        self.crash_one(CRASHABLE[actor])

    @precondition(on_stage)
    @rule(actor=st.sampled_from(("scorer", "generator")), deaths=st.integers(1, 3))
    def crash_again(self, actor: str, deaths: int) -> None:
        """An actor dies of its next work, and so do its successors, which are given the same."""
        if self.crash(CRASHABLE[actor], self._on_crash, when=DEADLY[actor]):
            self.deadly[actor] = deaths

    def _on_start(self, _: object, address: Address, ref: Any, __: int) -> None:
        actor = {names.SCORER: "scorer", names.MEME_GENERATOR: "generator"}.get(address.name, "")
        if self.deadly[actor] > 0:
            self.deadly[actor] -= 1
            self.crash(ref, self._on_crash, when=DEADLY[actor])

    def _submit(self, client: str) -> None:
        # Where the refiner is the trouble, texts have to need it.
        wish = "stubborn cats" if self.trouble == "refiner" else "cats"
        self.submit_request(client, f"{wish} {len(self.requests)}")

    # -- the model's say -----------------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Every call that was let through or refused is one that the model lets through or refuses."""
        for now_s, what, *rest in self.fresh():
            if what == "heard":
                self._give_lost_up(now_s)
                self._hears(now_s, rest[0])
            elif what == "asks":
                self._asks(now_s, *rest)
            elif what == "brings":
                self._brings(*rest)
            elif what == "begins" and rest[1] != "routing":
                self.failed_s.pop(rest[0], None)
                self._give_lost_up(now_s, rest[0])  # a task that was given up for lost may be why it begins
                self.stage_of[rest[0]] = rest[1]
                self._give_up(now_s, rest[0])
            elif (
                what == "settles"
                and type(rest[1]).__name__ in {"Meme", "Rejected", "Failed"}
                and rest[1] != Failed("ActorCrashed", "routing")
            ):
                self._give_lost_up(now_s, rest[0])
                self._give_up(now_s, rest[0])
            elif what == "died" and rest[0] == names.MEME_GENERATOR:
                self.died_of.clear()
                self.failed_s.clear()
                self._give_up(now_s, *{each.request_id for each in self.out.values()})
        if self._at_rest():
            self._states_are_told()
        for request_id, outcome in self.ended.items():
            refused = self.open_for.get(request_id)
            if isinstance(outcome, Failed) and outcome.error == "CircuitOpen":
                assert refused is not None, f"{request_id} failed of an open breaker, and no call of it was refused"

    def _hears(self, now_s: float, message: Any) -> None:
        match message:
            case WorkDone(_, serial) | WorkFailed(_, serial) | WorkExpired(_, serial) if serial in self.out:
                if isinstance(message, WorkFailed) and self.out[serial].kind == names.TEXT_GENERATOR:
                    self.failed_s[message.request_id] = now_s
                self._end(now_s, serial, HOW[type(message)])
            case Withdraw(request_id):
                self._give_up(now_s, request_id)
            case Generate(request):
                self.jobs.pop(request.request_id, None)
                self.jobs[request.request_id] = None
            case Abandon():
                self._give_up(now_s, *{each.request_id for each in self.out.values()})
            case ChildRestarted(name, incarnation):
                gone = [(serial, each) for serial, each in self.out.items() if each.worker == name and each.told < incarnation]
                jobs = list(self.jobs)
                self.lost = sorted(gone, key=lambda one: (jobs.index(one[1].request_id), one[0]))

    def _brings(self, incarnation: int, request_id: str) -> None:
        """Whoever dies of it may never have looked at it: what counts is that it lived when it was told."""
        told = self.brought[request_id]
        told.add(incarnation)
        assert len(told) <= 2, f"{request_id} was brought to the orchestrators {sorted(told)}: what has killed two is given to no third"

    def _asks(self, now_s: float, name: str, incarnation: int, message: Work | WorkRefused) -> None:
        assert message.serial not in self.serials, f"serial {message.serial} was used before: an answer to it may be to either call"
        self.serials.add(message.serial)
        deaths = self._give_lost_up(now_s, message.request_id)
        self._pauses(now_s, message.request_id)
        if isinstance(message, WorkRefused):
            stage = self.stage_of[message.request_id]
            refusing = [kind for kind in BREAKS if STAGE_OF[kind] == stage and not breaker.admits(self.models[kind], now_s)]
            assert refusing, f"{message.request_id}: a call in stage {stage} was refused, and the model lets it through"
            self.open_for[message.request_id] = stage
            return
        twin = [each.worker for each in self.out.values() if (each.request_id, each.kind) == (message.request_id, name.partition("-")[0])]
        assert not twin, f"{message.request_id}: {name} was called while {twin[0]} still has a call"
        self._kills_no_third(message.request_id, name, message.task)
        call = _Out(message.request_id, name, incarnation, now_s, deaths, message.task)
        if call.kind in self.models:
            ((through, self.models[call.kind]),) = breaker.step(self.models[call.kind], Ask(message.serial, now_s))
            assert through, f"{message.request_id}: {name} was called, and the model refuses it: {self.models[call.kind]}"
        self._least_loaded(name)
        self.out[message.serial] = call
        if incarnation == FULL:  # nobody was told: it has failed
            self.visit(now_s)
            self._end(now_s, message.serial, "bad")

    def _pauses(self, now_s: float, request_id: str) -> None:
        """A text that failed is tried again after a pause, no sooner and no later."""
        failed_s = self.failed_s.pop(request_id, None)
        if failed_s is not None:
            paused_s = now_s - failed_s
            assert abs(paused_s - RETRY_S) < TIE_S or self._just_heard(now_s), (
                f"{request_id}: a text that failed is tried again after {paused_s:g} s, not {RETRY_S:g}"
            )

    def _states_are_told(self) -> None:
        """Clients are told of each breaker what the model says of it."""
        service = self.service
        now_s, told, check, inboxes = self.perform(
            lambda: (time.monotonic(), service.breakers(), service.health().checks.get("breakers"), service.inboxes())
        )
        for call in self.out.values():
            self._in_time(call, now_s)
        refused = {name: inbox.refused for name, inbox in inboxes.items() if inbox.refused}
        assert refused == +self.full, f"refused for a full inbox are {refused}, and were {dict(self.full)}"
        legal = {kind: {breaker.told(model, now_s - TIE_S), breaker.told(model, now_s + TIE_S)} for kind, model in self.models.items()}
        wrong = {kind: told.get(kind) for kind in self.models if told.get(kind) not in legal[kind]}
        assert not wrong, f"the breakers are said to be {wrong}; the model says {legal}"
        closed = all(state == "closed" for state in told.values())
        assert check is not None, "health says nothing of the breakers"
        assert (check.status == "ok") == closed, f"health says {check}, and the breakers are {told}"

    def _kills_no_third(self, request_id: str, worker: str, task: object) -> None:
        """What has killed two workers is given to no third, unless it is begun anew; a text is tried again, as after any failure.

        A cache that has crashed is asked for nothing again: memes can be made without it.
        """
        kind = worker.partition("-")[0]
        deaths = self.died_of[request_id, kind, task]
        assert deaths < (1 if kind == names.CACHE else 2) or kind == names.TEXT_GENERATOR, (
            f"{request_id}: {worker} is given what {deaths} have died of"
        )

    def _least_loaded(self, name: str) -> None:
        """Nobody in a pool idles while another has a queue."""
        kind = name.partition("-")[0]
        pool = [each for each in self.service.addresses if each.partition("-")[0] == kind]
        load = Counter(each.worker for each in self.out.values())
        least = min(pool, key=lambda each: load[each])
        assert load[name] == load[least], f"{name} was called, which has {load[name]} calls, and {least} has {load[least]}"

    def _give_lost_up(self, now_s: float, until: str | None = None) -> int:
        """What went down with a worker is over, one after the other, up to that of the request that is called for again: its deaths."""
        if until is not None and all(each.request_id != until for _, each in self.lost):
            return 0
        while self.lost:
            serial, each = self.lost.pop(0)
            if serial not in self.out:
                continue
            deaths = each.deaths + (each.told > 0)
            self.died_of[each.request_id, each.kind, each.task] += each.told > 0
            failed = each.worker == names.CACHE or deaths > 1
            self._end(now_s, serial, "bad" if failed else "unheard")
            if each.request_id == until:
                return 0 if failed else deaths
        return 0

    def _give_up(self, now_s: float, *request_ids: str) -> None:
        for serial in [serial for serial, each in self.out.items() if each.request_id in request_ids]:
            self._end(now_s, serial, "unheard")

    def _end(self, now_s: float, serial: int, how: How) -> None:
        call = self.out.pop(serial)
        kind = call.kind
        self._in_time(call, now_s)
        if kind in self.models:
            ((_, self.models[kind]),) = breaker.step(self.models[kind], End(serial, how, now_s))
            self.visit(now_s)

    def _in_time(self, call: _Out, now_s: float) -> None:
        """Nobody is waited for longer than a call may take; the cache, which is in the process, has no limit."""
        waited_s = now_s - call.since_s
        in_time = call.kind == names.CACHE or waited_s <= LIMIT_S + TIE_S or self._just_heard(now_s)
        assert in_time, f"{call.request_id} waits for {call.worker} for {waited_s:g} virtual seconds"

    def _just_heard(self, now_s: float) -> bool:
        """Whether the orchestrator reads just now what has come while it read nothing."""
        return abs(now_s - self.deaf_until_s) < TIE_S
