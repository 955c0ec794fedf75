"""Supervision as values: whom a failure takes with it, and when it is too much.

The strategies are Erlang/OTP's ("Supervision Principles", Design Principles manual): one for one, one for all, rest for one.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["RestartPolicy", "Restarts", "Strategy", "affected"]


class Strategy(enum.StrEnum):
    """Who is started again when a child dies. ESCALATE starts nobody: the failure is the parent's."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"
    ESCALATE = "escalate"


def affected(strategy: Strategy, children: Sequence[str], failed: str) -> tuple[str, ...]:
    """The children to start again, in order of start. Raises ValueError if `failed` is none of them."""
    place = list(children).index(failed)
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return (failed,)
        case Strategy.ONE_FOR_ALL:
            return tuple(children)
        case Strategy.REST_FOR_ONE:
            return tuple(children[place:])
        case Strategy.ESCALATE:
            return ()


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """At most `most` restarts within any `window_s` seconds; a restart exactly that old no longer counts."""

    most: int = 5
    window_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Restarts:
    """The restarts that still count, oldest first. Times are seconds of any clock that does not go back."""

    policy: RestartPolicy = RestartPolicy()
    at_s: tuple[float, ...] = field(default=())

    def again(self, now_s: float) -> "Restarts | None":
        """With one more restart now; None if that is one too many, and then it does not count."""
        recent = tuple(past_s for past_s in self.at_s if now_s - past_s < self.policy.window_s)
        return None if len(recent) >= self.policy.most else Restarts(self.policy, (*recent, now_s))
