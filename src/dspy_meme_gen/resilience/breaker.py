"""A circuit breaker as a value: who owns it replaces it, and no call ever waits for another.

The pattern is Nygard's ("Release It!", 2nd ed. 2018, section 5.2). What published breakers get wrong is decided here: calls run side by
side; a call that is refused changes nothing, so refusals cannot keep it open; half-open lets one probe through at a time, and a probe
that is given up leaves its place to the next.
"""

from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["Breaker", "BreakerPolicy", "State", "Ticket"]

State = Literal["closed", "open", "half-open"]


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """After `failures` failures in a row it opens, for `recovery_s` seconds; `successes` probes in a row close it again."""

    failures: int = 5
    recovery_s: float = 60.0
    successes: int = 2


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a call that was let through gives back with its result. What it says of an earlier era no longer counts."""

    era: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of one breaker. Times are seconds of any clock that does not go back.

    `era` counts how often it has opened or closed: calls that began before that say nothing about now. `failed` counts failures in a row
    while closed, `succeeded` probes in a row since it was open.
    """

    policy: BreakerPolicy = BreakerPolicy()
    era: int = 0
    failed: int = 0
    succeeded: int = 0
    open_until_s: float | None = None
    probing: bool = False

    def state(self, now_s: float) -> State:
        """Closed, open, or (as soon as the recovery time is over) half-open."""
        if self.open_until_s is None:
            return "closed"
        return "open" if now_s < self.open_until_s else "half-open"

    def admit(self, now_s: float) -> tuple["Breaker", Ticket | None]:
        """The breaker from now on, and a ticket for the call; no ticket where it must not be made, and then nothing has changed."""
        state = self.state(now_s)
        if state == "closed":
            return self, Ticket(self.era, probe=False)
        if state == "open" or self.probing:
            return self, None
        return replace(self, probing=True), Ticket(self.era, probe=True)

    def success(self, ticket: Ticket) -> "Breaker":
        """After a call went well."""
        if ticket.era != self.era:
            return self
        if not ticket.probe:
            return replace(self, failed=0)
        if self.succeeded + 1 < self.policy.successes:
            return replace(self, succeeded=self.succeeded + 1, probing=False)
        return Breaker(self.policy, era=self.era + 1)

    def failure(self, ticket: Ticket, now_s: float) -> "Breaker":
        """After a call failed or took too long."""
        if ticket.era != self.era:
            return self
        if not ticket.probe and self.failed + 1 < self.policy.failures:
            return replace(self, failed=self.failed + 1)
        return Breaker(self.policy, era=self.era + 1, open_until_s=now_s + self.policy.recovery_s)

    def given_up(self, ticket: Ticket) -> "Breaker":
        """After a call whose result nobody waits for any more (cancelled, crashed with its caller): it says nothing either way."""
        if ticket.era != self.era or not ticket.probe:
            return self
        return replace(self, probing=False)

    def retry_after_s(self, now_s: float) -> float:
        """Seconds until a call may be let through; 0 where one may be now, as far as time goes."""
        return 0.0 if self.open_until_s is None else max(0.0, self.open_until_s - now_s)
