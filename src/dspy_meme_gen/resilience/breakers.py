"""The breakers of a pipeline, one for each kind of work that may fail."""

from collections.abc import Mapping

from dspy_meme_gen.resilience.breaker import Breaker, BreakerPolicy, State, Ticket

__all__ = ["Breakers"]


class Breakers:
    """A breaker by name. It outlives the actor that uses it, which alone changes it; any thread may look.

    Work without a breaker of its own is always let through, and its tickets count for nothing.
    """

    ALWAYS = Ticket(era=-1, probe=False)

    def __init__(self, policies: Mapping[str, BreakerPolicy]) -> None:
        self._breakers = {name: Breaker(policy) for name, policy in policies.items()}

    def states(self, now_s: float) -> dict[str, State]:
        """The state of each breaker."""
        return {name: breaker.state(now_s) for name, breaker in self._breakers.items()}

    def admit(self, name: str, now_s: float) -> Ticket | None:
        """A ticket for one call, or None where it must not be made."""
        if name not in self._breakers:
            return self.ALWAYS
        self._breakers[name], ticket = self._breakers[name].admit(now_s)
        return ticket

    def success(self, name: str, ticket: Ticket) -> None:
        """The call went well."""
        if ticket is not self.ALWAYS:
            self._breakers[name] = self._breakers[name].success(ticket)

    def failure(self, name: str, ticket: Ticket, now_s: float) -> None:
        """The call failed, or took too long."""
        if ticket is not self.ALWAYS:
            self._breakers[name] = self._breakers[name].failure(ticket, now_s)

    def given_up(self, name: str, ticket: Ticket) -> None:
        """Nobody waits for the call any more."""
        if ticket is not self.ALWAYS:
            self._breakers[name] = self._breakers[name].given_up(ticket)
