"""The flow machine: bursts, priorities, slow stages, cancels, deadlines and router crashes, in a service with very little room."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from dspy_meme_gen import names
from dspy_meme_gen.actors.meme_generator import MemeGenerator
from dspy_meme_gen.actors.router import Router
from dspy_meme_gen.address import FULL, Address
from dspy_meme_gen.domain import Cancelled, TimedOut
from dspy_meme_gen.errors import Overloaded, RateLimited
from dspy_meme_gen.ledger import Ledger
from dspy_meme_gen.messages import BOUNDED, Released, Submit, Withdraw
from dspy_meme_gen.resilience.waiting import Waiting
from greenroom.policies.drawn import schedule_bytes
from machines.flow_scenes import LIMITS, SCENES, FlowScenes, waiting_in
from machines.part import CLIENTS, on_stage
from machines.places import flow as places
from machines.statistics import Statistics
from model import flow

if TYPE_CHECKING:
    from machines.taps import Taps

PRIORITY: Final = st.sampled_from(flow.PRIORITIES)
CRASHABLE: Final[dict[str, type]] = {"router": Router, "generator": MemeGenerator}
REMEMBERED: Final = 8


class FlowMachine(FlowScenes):
    """Who is taken, who is next, and how many are at work, is the model's to say."""

    statistics: ClassVar[Statistics] = Statistics()
    places = staticmethod(places.places)
    waits = False
    settings: ClassVar[dict[str, Any]] = {
        "inbox_limit": LIMITS.inbox,
        "max_waiting": LIMITS.most_waiting,
        "user_burst": LIMITS.burst,
        "user_rate_per_s": LIMITS.rate_per_s,
        "window_first": LIMITS.first,
        "window_least": LIMITS.least,
        "window_most": LIMITS.most,
        "window_period_s": LIMITS.period_s,
        "recorded_outcomes": REMEMBERED,
        "window_target_s": LIMITS.target_s,
        "cache_ttl_s": 0.0,
    }

    def set_taps(self, taps: Taps) -> None:
        """Each request's admission, turn and end under the ledger's lock, and what the router does with its line."""
        self.flow = flow.init(LIMITS, 0.0)
        self.latency_s: dict[str, float] = {}
        self.overflows: dict[str, int] = {}
        self.holds_up = False
        self.slowed_s = 0.0
        self.crowded: dict[str, bool] = {}
        self.turned_away: Counter[str] = Counter()
        self.to_withdraw: set[str] = set()  # who ended at work, unheard of by the orchestrator
        self.over: list[str] = []
        taps.after(Address, "_look", lambda _, address: self.note("looks", address.name, len(waiting_in(address)), _crowded(address)))
        taps.after(Address, "point_at", lambda _, address, *__: self.note("begins", address.name))
        taps.after(Address, "_put", lambda _, address, __: self._nothing_overflows(address))
        taps.after(Ledger, "admit", lambda result, _, request: self.note("admits", request, result))
        taps.after(Ledger, "route", lambda entry, _, request_id: self.note("routes", request_id, entry is not None))
        taps.before(Ledger, "_close_entry", self._on_end)
        taps.before(Waiting, "__init__", lambda _: self.note("router"))
        taps.before(Waiting, "add", lambda _, priority, request_id: self.note("joins", request_id, str(priority)))
        taps.after(Waiting, "take", lambda request_id, _: self.note("takes", request_id))
        taps.before(Waiting, "remove", lambda _, request_id: self.note("leaves", request_id))
        taps.heard(lambda name, _, message: self.note("hears", name, message))
        taps.told(lambda name, told, _: self.turned_away.update([name] if told == FULL else []))

    def _on_end(self, _: Ledger, entry: Any, outcome: object) -> None:
        unheard = entry.routed and isinstance(outcome, Cancelled | TimedOut)
        self.note("ends", entry.request.request_id, unheard)

    def patience_of(self, request_id: str) -> float:
        """A slow router is late also for deadlines."""
        return super().patience_of(request_id) + self.slowed_s

    def at_rest(self) -> None:
        """As every machine, and whoever was refused is in a count."""
        super().at_rest()
        told = Counter(map(_reason, self.refused.values()))
        assert self.service.refused() == told, f"counted as refused are {self.service.refused()}, and told were {dict(told)}"

    def whereabouts(self, now_s: float) -> dict[str, str]:  # noqa: ARG002 - as in the base class
        """Where the flow is."""
        return {"flow": places.label(self.flow)}

    # -- rules ---------------------------------------------------------------------------------------------------------------------

    @initialize(rush=st.booleans(), schedule=schedule_bytes(), busy=st.integers(0, 3), line=st.lists(PRIORITY, max_size=12))
    def choose_line(self, rush: bool, schedule: bytes, busy: int, line: list[str]) -> None:
        """Most examples begin with work that takes long, and some who wait; half of them with a rush before that."""
        if not self.on_threads:
            if rush:
                self.rush(schedule)
            for _ in range(busy):
                self.nap("text", 2.0)
        for number, priority in enumerate(line):
            self.submit_for(CLIENTS[number % 3], priority)
        self.run(b"")

    @rule(client=st.sampled_from(CLIENTS), priority=PRIORITY)
    def submit(self, client: str, priority: str) -> None:
        """A new request."""
        self.submit_for(client, priority)

    @rule(priority=PRIORITY, schedule=schedule_bytes())
    def burst(self, priority: str, schedule: bytes) -> None:
        """Each client sends two."""
        for client in CLIENTS * 2:
            self.submit_for(client, priority)
        self.run(schedule)

    @rule(client=st.sampled_from(CLIENTS))
    def storm(self, client: str) -> None:
        """One client sends more in a row than it may."""
        for _ in range(LIMITS.burst + 1):
            self.submit_for(client, "high")

    @precondition(on_stage)
    @rule(client=st.sampled_from(CLIENTS), priority=PRIORITY, schedule=schedule_bytes())
    def take_back_unheard(self, client: str, priority: str, schedule: bytes) -> None:
        """A new request, taken back before the router has heard of it."""
        self.pause(Router)
        self.submit_for(client, priority)
        self.cancel_request(client, 0)
        self.run(b"")
        self.resume(Router)
        self.run(schedule)

    @rule(client=st.sampled_from(CLIENTS), priority=PRIORITY)
    def submit_in_a_hurry(self, client: str, priority: str) -> None:
        """A new request that has a second, the wait in line included."""
        self.submit_for(client, priority, deadline_s=1.0)

    @precondition(on_stage)
    @rule(seconds=st.sampled_from((0.3, 1.5, 4.0)))
    def delay(self, seconds: float) -> None:
        """A call takes long; while it does, its request keeps its place."""
        self.nap("text", seconds)

    @precondition(lambda self: self.requests)
    @rule(which=st.integers(0, 4), client=st.sampled_from(CLIENTS))
    def cancel(self, which: int, client: str) -> None:
        """A request is taken back: in line, at work, or too late."""
        self.cancel_request(client, which)

    @precondition(on_stage)
    @rule(actor=st.sampled_from(sorted(CRASHABLE)), at=st.integers(1, 3))
    def crash_actor(self, actor: str, at: int) -> None:
        """The router dies with its line, or the orchestrator with all that is at work."""
        self.crash_one(CRASHABLE[actor], at)

    @precondition(on_stage)
    @rule(client=st.sampled_from(CLIENTS))
    def crash_router_in_a_hurry(self, client: str) -> None:
        """The router dies of a request, while another is at work that has less time left than its work takes."""
        self.nap("text", 1.5)
        self.submit_for(client, "high", deadline_s=1.0)
        self.run(b"")
        self.advance(0.5, b"")
        self.crash_one(Router)
        self.submit_for(client, "low")
        self.run(b"")
        self.advance(1.5, b"")

    @precondition(on_stage)
    @rule(scene=st.sampled_from(SCENES), priority=PRIORITY, count=st.integers(1, LIMITS.most + 2), schedule=schedule_bytes())
    def scene(self, scene: str, priority: str, count: int, schedule: bytes) -> None:
        """Many requests, in a manner that shows where a limit is."""
        self.play(scene, priority, count)
        self.run(schedule)

    # -- the model's say -----------------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Each observation is one that the model allows, and nothing is left undone."""
        assert not self.overflows, f"there is room for {LIMITS.inbox}, and more wait: {self.overflows}"
        self._catch_up()
        self.flow = flow.looked(self.flow)
        if not self._at_rest():
            return
        wrong = flow.complaint(self.flow)
        assert wrong is None, wrong
        assert not self.to_withdraw, f"taken back or too late, and still made: {sorted(self.to_withdraw)}"
        crowded = self.perform(self._what_is_told)
        self._catch_up()
        assert crowded == self.crowded, f"crowded are said to be {crowded}, and are {self.crowded}"

    def _what_is_told(self) -> dict[str, bool]:
        """A request waits until it has its turn, and is remembered for a while; and which inboxes are said to be crowded."""
        for number, request_id in enumerate(islice(reversed(self.over), REMEMBERED + 2)):
            known = self.service.status(request_id) is not None
            assert known == (number < REMEMBERED), f"{request_id} is known: {known}; {number} have ended since"
        for request_id in (*self.flow.waiting, *self.flow.at_work):
            status = self.service.status(request_id)
            if status is not None and status.outcome is None:
                waits = request_id in self.flow.waiting
                assert (status.stage == "waiting") == waits, f"{request_id} is said to be in {status.stage}, and should wait: {waits}"
        pressed, told = flow.pressed(self.flow), self.service.health().checks["pressure"].status
        assert told == pressed, f"{len(self.flow.waiting)} wait, and the pressure is said to be {told!r} in place of {pressed!r}"
        inboxes = self.service.inboxes()
        refused = {name: inbox.refused for name, inbox in inboxes.items() if inbox.refused}
        assert refused == self.turned_away, f"turned away at full inboxes were {dict(self.turned_away)}, and counted {refused}"
        return {name: inbox.crowded for name, inbox in inboxes.items()}

    def _catch_up(self) -> None:
        """Go on with all that was noted."""
        for now_s, what, *rest in self.fresh():
            self._observes(now_s, what, rest)

    def _observes(self, now_s: float, what: str, rest: list[Any]) -> None:
        match what:
            case "admits":
                self._admits(now_s, *rest)
            case "looks":
                self.crowded[rest[0]] = flow.crowded(before=self.crowded.get(rest[0], False), waiting=rest[1], limit=LIMITS.inbox)
                assert rest[2] == self.crowded[rest[0]], f"{rest[0]}: {rest[1]} messages wait, and crowded is {rest[2]}"
                if rest[0] == names.ROUTER:
                    self.flow = flow.looked_in(self.flow, rest[1])
            case "begins" if rest[0] == names.MEME_GENERATOR:
                self.to_withdraw.clear()
            case "router" | "joins" | "leaves" | "takes" | "routes":
                self._line_moves(now_s, what, rest)
            case "ends":
                since_s = self.flow.at_work.get(rest[0])
                if since_s is not None:
                    self.latency_s[rest[0]] = now_s - since_s
                self.flow = flow.end(self.flow, rest[0])
                self.over.append(rest[0])
                if rest[1]:
                    self.to_withdraw.add(rest[0])
            case "hears" if rest[0] == names.ROUTER:
                self._router_hears(now_s, rest[1])
            case "hears" if isinstance(rest[1], Withdraw):
                self.to_withdraw.discard(rest[1].request_id)

    def _line_moves(self, now_s: float, what: str, rest: list[Any]) -> None:
        """The router does something with its line."""
        match what:
            case "router":
                self.flow = flow.router_restarts(self.flow, now_s)
            case "joins":
                self.flow = flow.join(self.flow, *rest)
            case "leaves":
                self.flow = flow.leave(self.flow, *rest)
            case "takes":
                expected, self.flow = flow.take(self.flow)
                assert rest[0] == expected, f"the turn went to {rest[0]}, and was {expected}'s"
            case "routes" if rest[1]:
                begun = flow.begin(self.flow, rest[0], now_s)
                assert begun is not None, f"{rest[0]} had its turn: {len(self.flow.at_work)} of {self.flow.size} places were taken"
                self.flow = begun

    def _admits(self, now_s: float, request: Any, result: Any) -> None:
        if not isinstance(result, Overloaded):
            verdict = ("accepted", 0.0)
        else:
            verdict = ("rate limited", result.retry_after_s) if isinstance(result, RateLimited) else ("overloaded", 0.0)
        legal = flow.arrive(self.flow, request.request_id, request.user_id, str(request.priority), now_s)
        for (word, early_s), state in legal:
            if verdict[0] == word and abs(early_s - verdict[1]) < 1e-6:
                self.flow = state
                return
        raise AssertionError(f"{request.request_id} was {verdict}; legal: {[each for each, _ in legal]}")

    def _nothing_overflows(self, address: Address) -> None:
        """Kept, and judged by `follow`: an actor would not let out what is raised here."""
        limited = sum(isinstance(message, (Submit, *BOUNDED)) for message in waiting_in(address))
        if limited > LIMITS.inbox:
            self.overflows[address.name] = limited

    def _router_hears(self, now_s: float, message: Any) -> None:
        self.flow = flow.looked(self.flow)
        if isinstance(message, Released) and message.latency_s is not None:
            own_s = self.latency_s.get(message.request_id)
            assert own_s is not None, f"{message}, and it never ended"
            assert abs(own_s - message.latency_s) < 1e-6, f"{message}, and it was at work for {own_s} s"
            self.flow = flow.finished(self.flow, message.latency_s, now_s)


def _reason(error: Exception) -> str:
    """Why somebody was refused, as they were told it."""
    if isinstance(error, RateLimited):
        return "rate limited"
    return "inbox full" if "inbox is full" in str(error) else "overloaded"


def _crowded(address: Address) -> bool:
    """What the address has made of the look that is over."""
    return address._crowded  # noqa: SLF001 - what it tells others is another look
