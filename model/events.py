"""What is seen of a pipeline's life, as values: the alphabet of `lifecycle.step`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Admits:
    """A request is taken."""

    request: str


@dataclass(frozen=True, slots=True)
class Settles:
    """A request gets its outcome at `now_s`; `error` where the pipeline itself gave it: "ServiceStopped", "RestartLimitExceeded"."""

    request: str
    error: str
    now_s: float


@dataclass(frozen=True, slots=True)
class GivesUp:
    """Somebody died once too often."""


@dataclass(frozen=True, slots=True)
class Closes:
    """A stop begins, which grants this grace to what is in flight."""

    grace_s: float
    now_s: float


@dataclass(frozen=True, slots=True)
class Ends:
    """Nobody is started again any more: the actors are about to be stopped."""


@dataclass(frozen=True, slots=True)
class Starts:
    """An incarnation of an actor is started."""

    actor: str


@dataclass(frozen=True, slots=True)
class IsTold:
    """The stop asks an actor to end. `alive` are the actors that live, and for how many seconds each was in ports since it was asked."""

    actor: str
    alive: Mapping[str, float]
    now_s: float


@dataclass(frozen=True, slots=True)
class Uses:
    """A port is called `by` an actor, by the "stop" itself (which drains the outbox), or by a "client" (who looks for a meme)."""

    port: str
    by: str
    drains: bool = False


@dataclass(frozen=True, slots=True)
class LetsGo:
    """A port is closed; `alive` as for IsTold."""

    port: str
    alive: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Returns:
    """A call of stop returns; `alive` as for IsTold, and so many memes wait in the outbox."""

    alive: Mapping[str, float]
    waiting: int


@dataclass(frozen=True, slots=True)
class Rests:
    """Nothing goes on by itself until time passes; `inside` is whether somebody is inside a call of a port."""

    now_s: float
    inside: bool


Event: TypeAlias = Admits | Settles | GivesUp | Closes | Ends | Starts | IsTold | Uses | LetsGo | Returns | Rests
