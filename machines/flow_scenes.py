"""Scenes of the flow machine: many requests, in a manner that shows where a limit is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from dspy_meme_gen import names
from dspy_meme_gen.actors.meme_generator import MemeGenerator
from dspy_meme_gen.actors.router import OFFER_AGAIN_S, Router
from dspy_meme_gen.domain import Priority, Progress
from machines.part import CLIENTS, PartMachine
from model import flow

if TYPE_CHECKING:
    from dspy_meme_gen.address import Address

LIMITS: Final = flow.Limits(inbox=9, most_waiting=20, burst=5, rate_per_s=1.0, first=2, least=1, most=4, period_s=2.0, target_s=0.5)
SCENES: Final = ("crowd", "busy", "passed over", "left", "slow router", "deaf orchestrator")
IDLE_S: Final = 20.0
"""By then all that was under way has ended."""
SLOW_S: Final = 0.1
"""How long a slow router takes for a message."""
QUICK_S: Final = 0.3
HELD_UP_S: Final = 1.0
"""For how long a listener to progress holds the router up."""
DEAF_S: Final = 3.5 * OFFER_AGAIN_S


class FlowScenes(PartMachine):
    """What clients do in a scene; the machine says what holds. `flow` is the model's state, `slowed_s` for how long the router was slow."""

    flow: flow.Flow
    slowed_s: float
    holds_up: bool

    def play(self, scene: str, priority: str, count: int) -> None:
        """One of SCENES."""
        self.script.slow["text"].clear()
        if scene == "crowd":
            self._crowd(priority)
        elif scene == "busy":
            self.advance(IDLE_S, b"")
            self._keep_busy(self.flow.size + 1 if priority == "low" else count, 1)
        elif scene == "slow router":
            self._drain_slowly(count)
        elif scene == "deaf orchestrator":
            self._fill_the_orchestrator()
        elif scene == "left":
            self._pass_over(flow.PATIENCE - 1 - count % 2, leaves=True)
        else:
            self._pass_over(count + 4)

    def _crowd(self, priority: str) -> None:
        """While all work takes long the line grows, until there is room in it for one more of a priority, and two come."""
        for _ in range(2 * LIMITS.most_waiting):
            self.follow()
            if (len(self.flow.waiting) + 1) * 20 >= flow.FULL_FOR[priority] * LIMITS.most_waiting:
                break
            self._guests(1, "high", 4.0)
            self.run(b"")
        self._guests(2, priority, QUICK_S)

    def _drain_slowly(self, read: int) -> None:
        """The router's inbox is full; when so many messages of it are read, one more comes."""
        self.pause(Router)
        for _ in range(LIMITS.inbox):
            self._guests(1, "high", 0.0)
            self.run(b"")
        filled = len(waiting_in(self.service.addresses[names.ROUTER]))
        if filled:
            self.explained_s += (filled + 1) * SLOW_S
            self.slowed_s += (filled + 1) * SLOW_S
            self.slow(Router, SLOW_S, messages=filled)
        self.resume(Router)
        self.advance((read + 0.5) * SLOW_S, b"")
        self._guests(1, "high", 0.0)
        self.run(b"")
        self.advance(filled * SLOW_S, b"")

    def _fill_the_orchestrator(self) -> None:
        """The orchestrator's inbox is full, of those who were taken back; whoever has a turn then is brought to it again and again."""
        self.pause(MemeGenerator)
        inbox = self.service.addresses[names.MEME_GENERATOR]
        for _ in range(LIMITS.inbox):
            if len(waiting_in(inbox)) >= LIMITS.inbox:
                break
            self._guests(1, "high", 0.0)
            self.run(b"")
            self.cancel_request("cid", 0)
            self.run(b"")
        self._guests(1, "high", 0.0)
        self.run(b"")
        self.explained_s += DEAF_S
        self.advance(DEAF_S, b"")
        self.resume(MemeGenerator)
        self.run(b"")
        self.advance(OFFER_AGAIN_S, b"")

    def _keep_busy(self, *counts: int) -> None:
        """For a period so many come at once, for the next so many, and none takes long; then more come than can be at work."""
        for count in (count for count in counts for _ in range(2)):
            self._guests(count, "high", QUICK_S)
            self.run(b"")
            self.advance(LIMITS.period_s / 2, b"")
        self._guests(LIMITS.most + 1, "normal", 2.0)

    def _pass_over(self, turns: int, *, leaves: bool = False) -> None:
        """Somebody with low priority waits while so many others have their turns, and perhaps leaves, and another one comes."""
        self._guests(LIMITS.most, "high", QUICK_S)
        self.run(b"")
        self._guests(1, "low", QUICK_S)
        last = len(self.requests)
        self._guests(turns, "high", QUICK_S)
        self.run(b"")
        for _ in range(turns):
            self.advance(QUICK_S / 2, b"")
        if leaves:
            self.cancel_request("cid", len(self.requests) - last)
            self._guests(1, "low", QUICK_S)
        self._guests(3, "high", QUICK_S)

    def _guests(self, count: int, priority: str, seconds: float) -> None:
        """So many requests of users who were never seen before, each of which takes so long."""
        for number in range(count):
            self.nap("text", seconds)
            self.submit_for(CLIENTS[number % 3], priority, user_id=f"guest {len(self.requests)}")

    def rush(self, schedule: bytes) -> None:
        """While the router is held up its inbox fills, but for one place, and then all clients want that at once."""
        self.holds_up = True
        self.explained_s += HELD_UP_S
        self.submit_for("ann", "high", user_id="guest")
        self.run(b"")
        for number in range(LIMITS.inbox - 1):
            self.submit_for(CLIENTS[number % 3], "high", user_id=f"guest {number}")
        self.run(b"")
        for client in CLIENTS:
            self.submit_for(client, "high", user_id=f"guest {client}")
        self.run(schedule)
        self.advance(HELD_UP_S, b"")

    def _on_progress(self, progress: Progress) -> None:
        super()._on_progress(progress)
        if progress.stage == "routing" and self.holds_up:
            self.holds_up = False
            time.sleep(HELD_UP_S)

    def submit_for(self, client: str, priority: str, **fields: Any) -> None:
        """A new request of a client."""
        self.submit_request(client, f"cats {len(self.requests)}", **{"user_id": client} | fields, priority=Priority(priority))


def waiting_in(address: Address) -> list[Any]:
    """What an inbox holds, as the stage has it: looking is no step of anybody."""
    ref: Any = address.ref
    return [] if ref is None else list(ref.actor_inbox.waiting())
