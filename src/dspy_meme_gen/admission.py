"""Admission: who is taken, and who is told to come back later. Nobody is refused in silence, and each refusal is counted."""

from collections import Counter

from dspy_meme_gen.domain import GenerateMeme
from dspy_meme_gen.errors import Overloaded, RateLimited
from dspy_meme_gen.resilience.bucket import BucketPolicy, Buckets
from dspy_meme_gen.resilience.pressure import Pressure, pressure_of
from dspy_meme_gen.settings import Settings

__all__ = ["Admission"]

RETRY_AFTER_S = 1.0
"""What somebody who is refused under pressure is told to wait."""


class Admission:
    """What a new request has to pass. Not safe for several threads at once: the ledger calls it with its lock held.

    `memory_share` is how much of the memory it may take the process takes, 0 to 1; whoever watches that writes it. `refused` counts
    refusals by their reason.
    """

    def __init__(self, settings: Settings) -> None:
        self._max_waiting = settings.max_waiting
        self._buckets = Buckets(BucketPolicy(settings.user_rate_per_s, settings.user_burst))
        self.memory_share = 0.0
        self.refused: Counter[str] = Counter()

    def pressure(self, waiting: int) -> Pressure:
        """How full the service is: the line of those who wait, or its memory, whichever is fuller."""
        return max(pressure_of(waiting, self._max_waiting), pressure_of(self.memory_share, 1.0))

    def check(self, request: GenerateMeme, waiting: int, now_s: float, *, room: bool = True) -> None:
        """Take a new request; `waiting` others are in line, and whoever gives them their turns has `room` to hear of it, or not.

        Raises Overloaded or RateLimited, and then nothing was taken.
        """
        if not room:
            self.refused["inbox full"] += 1
            raise Overloaded(f"the router's inbox is full; try again in {RETRY_AFTER_S:g} s", RETRY_AFTER_S)
        pressure = self.pressure(waiting)
        if not pressure.admits(request.priority):
            self.refused["overloaded"] += 1
            raise Overloaded(
                f"{waiting} requests wait already (pressure {pressure.name.lower()}), and this one has {request.priority} priority; "
                f"try again in {RETRY_AFTER_S:g} s",
                RETRY_AFTER_S,
            )
        wait_s = self._buckets.take(request.user_id, now_s)
        if wait_s > 0:
            self.refused["rate limited"] += 1
            raise RateLimited(f"this user sends too many requests; try again in {wait_s:.3g} s", wait_s)
