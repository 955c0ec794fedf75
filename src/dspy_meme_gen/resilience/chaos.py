"""Chaos in a service that is at work: a share of the calls of some ports fails or takes longer, and never more than so many a minute.

What it does is what happens to ports anyway, so everything that the service has against failures is tried out: retries, breakers, the
outbox, memes that go without something. An answer is never changed: a wrong answer would be published.
"""

import logging
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Final, ParamSpec, TypeVar

from dspy_meme_gen.errors import InjectedFault

__all__ = ["CHAOS_KINDS", "CHAOS_PORTS", "Chaos", "ChaosPolicy"]

CHAOS_KINDS: Final = ("raise", "delay")
CHAOS_PORTS: Final[dict[str, tuple[str, ...]]] = {
    "text": ("generate",),
    "appropriateness": ("verify",),
    "factuality": ("verify",),
    "instructions": ("verify",),
    "scorer": ("score",),
    "refiner": ("refine",),
    "image": ("render",),
    "store": ("put",),
    "cache": ("get", "put"),
}
"""Which calls of a port may be spoiled. Of the store only writes, which wait in the outbox; not the outbox itself."""

_MINUTE_S: Final = 60.0
logger = logging.getLogger("memespy.chaos")
_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class ChaosPolicy:
    """A `share` of the calls of these ports is spoiled, at most `per_minute` of all; a delay takes `delay_s`.

    While there is a file `off_file` nothing is spoiled. The same seed spoils the same calls of each port, up to the bound.
    """

    share: float
    ports: tuple[str, ...]
    off_file: Path
    kinds: tuple[str, ...] = CHAOS_KINDS
    delay_s: float = 1.0
    seed: int = 0
    per_minute: int = 30


class Chaos:
    """Decorators that spoil a share of the calls of what they are put around. Any thread may call what is decorated."""

    def __init__(self, policy: ChaosPolicy) -> None:
        self.policy = policy
        self._lock = threading.Lock()
        self._sources = {port: random.Random(f"{policy.seed} {port}") for port in policy.ports}
        self._lately_s: deque[float] = deque()
        self._spoiled: Counter[tuple[str, str]] = Counter()

    def spoils(self, port: str) -> Callable[[Callable[_Arguments, _Answer]], Callable[_Arguments, _Answer]]:
        """The decorator for calls of a port of the policy: a call raises InjectedFault instead, or begins later, when it is its turn."""
        assert port in self._sources, port

        def decorate(call: Callable[_Arguments, _Answer]) -> Callable[_Arguments, _Answer]:
            @wraps(call)
            def spoiled(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Answer:
                self._meet(port)
                return call(*arguments, **named)

            return spoiled

        return decorate

    def is_off(self) -> bool:
        """Whether the file that switches it off is there."""
        return self.policy.off_file.exists()

    def spoiled(self) -> dict[tuple[str, str], int]:
        """How many calls were spoiled, by port and kind."""
        with self._lock:
            return dict(self._spoiled)

    def told(self) -> str:
        """What it does, in a line."""
        policy = self.policy
        if self.is_off():
            return f"switched off by {policy.off_file}"
        how = f"{' or '.join(policy.kinds)}, at most {policy.per_minute} a minute; the file {policy.off_file} switches it off"
        return f"spoils {policy.share:.0%} of the calls of {', '.join(policy.ports)} ({how})"

    def announce(self) -> None:
        """Say so in the log: nobody is to look for a fault that was asked for."""
        logger.warning(
            "CHAOS IS ON: this service %s", self.told(), extra={"fields": {"share": self.policy.share, "seed": self.policy.seed}}
        )

    def _meet(self, port: str) -> None:
        kind = self._drawn(port)
        if kind == "raise":
            raise InjectedFault(f"chaos: a call of {port} was made to fail on purpose")
        if kind == "delay":
            time.sleep(self.policy.delay_s)

    def _drawn(self, port: str) -> str | None:
        """What happens to this call. Two numbers are drawn each time, so that neither the bound nor the file moves what comes later."""
        with self._lock:
            source = self._sources[port]
            met, kind = source.random() < self.policy.share, source.choice(self.policy.kinds)
            if not met or not self._may_spoil() or self.is_off():
                return None
            self._lately_s.append(time.monotonic())
            self._spoiled[port, kind] += 1
            return kind

    def _may_spoil(self) -> bool:
        now_s = time.monotonic()
        while self._lately_s and now_s - self._lately_s[0] >= _MINUTE_S:
            self._lately_s.popleft()
        return len(self._lately_s) < self.policy.per_minute
