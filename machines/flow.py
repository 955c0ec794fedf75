"""The flow machine: bursts, priorities, slow stages, cancels, deadlines and router crashes, in a service with very little room."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from dspy_meme_gen import names
from dspy_meme_gen.actors.meme_generator import MemeGenerator
from dspy_meme_gen.actors.router import Router
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import Priority, Progress
from dspy_meme_gen.errors import Overloaded, RateLimited
from dspy_meme_gen.ledger import Ledger
from dspy_meme_gen.messages import BOUNDED, Released, Submit
from dspy_meme_gen.resilience.waiting import Waiting
from greenroom.policies.drawn import schedule_bytes
from machines.part import CLIENTS, PartMachine, on_stage
from machines.places import flow as places
from machines.statistics import Statistics
from model import flow

if TYPE_CHECKING:
    from machines.taps import Taps

LIMITS: Final = flow.Limits(inbox=9, most_waiting=14, burst=5, rate_per_s=1.0, first=2, least=1, most=4, period_s=2.0, target_s=0.5)
PRIORITY: Final = st.sampled_from(flow.PRIORITIES)
CRASHABLE: Final[dict[str, type]] = {"router": Router, "generator": MemeGenerator}
HELD_UP_S: Final = 1.0
"""For how long a listener to progress holds the router up."""


class FlowMachine(PartMachine):
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
        "window_target_s": LIMITS.target_s,
        "cache_ttl_s": 0.0,
    }

    def set_taps(self, taps: Taps) -> None:
        """Each request's admission, turn and end under the ledger's lock, and what the router does with its line."""
        self.flow = flow.init(LIMITS, 0.0)
        self.latency_s: dict[str, float] = {}
        self.overflows: dict[str, int] = {}
        self.holds_up = False
        taps.after(Address, "_look", lambda _, address: self.note("looks", address.name, len(_waiting(address))))
        taps.after(Address, "_put", lambda _, address, __: self._nothing_overflows(address))
        taps.after(Ledger, "admit", lambda result, _, request: self.note("admits", request, result))
        taps.after(Ledger, "route", lambda entry, _, request_id: self.note("routes", request_id, entry is not None))
        taps.before(Ledger, "_close_entry", lambda _, entry, __: self.note("ends", entry.request.request_id))
        taps.before(Waiting, "__init__", lambda _: self.note("router"))
        taps.before(Waiting, "add", lambda _, priority, request_id: self.note("joins", request_id, str(priority)))
        taps.after(Waiting, "take", lambda request_id, _: self.note("takes", request_id))
        taps.before(Waiting, "remove", lambda _, request_id: self.note("leaves", request_id))
        taps.heard(lambda name, _, message: self.note("router hears", message) if name == names.ROUTER else None)

    def at_rest(self) -> None:
        """As every machine, and whoever was refused is in a count."""
        super().at_rest()
        told = Counter(map(_reason, self.refused.values()))
        assert self.service.refused() == told, f"counted as refused are {self.service.refused()}, and told were {dict(told)}"

    def whereabouts(self, now_s: float) -> dict[str, str]:  # noqa: ARG002 - as in the base class
        """Where the flow is."""
        return {"flow": places.label(self.flow)}

    # -- rules ---------------------------------------------------------------------------------------------------------------------

    @initialize(rush=st.booleans(), schedule=schedule_bytes(), busy=st.integers(0, 3), line=st.lists(PRIORITY, max_size=8))
    def choose_line(self, rush: bool, schedule: bytes, busy: int, line: list[str]) -> None:
        """Most examples begin with work that takes long, and some who wait; half of them with a rush before that."""
        if not self.on_threads:
            if rush:
                self._rush(schedule)
            for _ in range(busy):
                self.nap("text", 2.0)
        for number, priority in enumerate(line):
            self._submit(CLIENTS[number % 3], priority)
        self.run(b"")

    @rule(client=st.sampled_from(CLIENTS), priority=PRIORITY)
    def submit(self, client: str, priority: str) -> None:
        """A new request."""
        self._submit(client, priority)

    @rule(priority=PRIORITY, schedule=schedule_bytes())
    def burst(self, priority: str, schedule: bytes) -> None:
        """Each client sends two."""
        for client in CLIENTS * 2:
            self._submit(client, priority)
        self.run(schedule)

    @rule(client=st.sampled_from(CLIENTS))
    def storm(self, client: str) -> None:
        """One client sends more in a row than it may."""
        for _ in range(LIMITS.burst + 1):
            self._submit(client, "high")

    @rule(client=st.sampled_from(CLIENTS), priority=PRIORITY)
    def submit_in_a_hurry(self, client: str, priority: str) -> None:
        """A new request that has a second, the wait in line included."""
        self._submit(client, priority, deadline_s=1.0)

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
        self._submit(client, "high", deadline_s=1.0)
        self.run(b"")
        self.advance(0.5, b"")
        self.crash_one(Router)
        self._submit(client, "low")
        self.run(b"")
        self.advance(1.5, b"")

    def _rush(self, schedule: bytes) -> None:
        """While the router is held up its inbox fills, but for one place, and then all clients want that at once."""
        self.holds_up = True
        self.explained_s += HELD_UP_S
        self._submit("ann", "high", user_id="guest")
        self.run(b"")
        for number in range(LIMITS.inbox - 1):
            self._submit(CLIENTS[number % 3], "high", user_id=f"guest {number}")
        self.run(b"")
        for client in CLIENTS:
            self._submit(client, "high", user_id=f"guest {client}")
        self.run(schedule)
        self.advance(HELD_UP_S, b"")

    def _on_progress(self, progress: Progress) -> None:
        super()._on_progress(progress)
        if progress.stage == "routing" and self.holds_up:
            self.holds_up = False
            time.sleep(HELD_UP_S)

    def _submit(self, client: str, priority: str, **fields: Any) -> None:
        self.submit_request(client, f"cats {len(self.requests)}", **{"user_id": client} | fields, priority=Priority(priority))

    # -- the model's say -----------------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Each observation is one that the model allows, and nothing is left undone."""
        assert not self.overflows, f"there is room for {LIMITS.inbox}, and more wait: {self.overflows}"
        for now_s, what, *rest in self.fresh():
            match what:
                case "admits":
                    self._admits(now_s, *rest)
                case "looks" if rest[0] == names.ROUTER:
                    self.flow = flow.looked_in(self.flow, rest[1])
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
                case "ends":
                    since_s = self.flow.at_work.get(rest[0])
                    if since_s is not None:
                        self.latency_s[rest[0]] = now_s - since_s
                    self.flow = flow.end(self.flow, rest[0])
                case "router hears":
                    self._router_hears(now_s, rest[0])
        self.flow = flow.looked(self.flow)
        wrong = flow.complaint(self.flow)
        assert wrong is None or not self._at_rest(), wrong

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
        limited = sum(isinstance(message, (Submit, *BOUNDED)) for message in _waiting(address))
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


def _waiting(address: Address) -> list[Any]:
    """What an inbox holds, as the stage has it: looking is no step of anybody."""
    ref: Any = address.ref
    return [] if ref is None else list(ref.actor_inbox.waiting())
