"""What can happen to a pipeline, as values: the alphabet of `pipeline.step`. The result of each is in its docstring."""

from dataclasses import dataclass
from typing import TypeAlias

from model.values import Payload, Request
from model.world import Faults


@dataclass(frozen=True, slots=True)
class Submit:
    """A client hands a valid request in: "accepted" (also when it is known already), "conflict" or "stopped"."""

    request: Request


@dataclass(frozen=True, slots=True)
class Finish:
    """An accepted request gets its outcome, once: its Ending."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """A client takes a request back: True if that came before its outcome, which is Cancelled then."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Advance:
    """The service's clock now reads `now_s`: None. Illegal past the deadline of a request in flight: its outcome was due."""

    now_s: float


@dataclass(frozen=True, slots=True)
class Crash:
    """An actor has died: "restarted", "escalated" or "stopped" (nobody cares any more).

    `actor` is the name of the port that it works, or "cache", "generator", "router".
    """

    actor: str


@dataclass(frozen=True, slots=True)
class Outage:
    """The database goes away (down) or comes back: None."""

    down: bool


@dataclass(frozen=True, slots=True)
class Inject:
    """From now on the port calls for this payload meet these faults: None. None of the store: it is an Outage that fails a write."""

    payload: Payload
    faults: Faults


@dataclass(frozen=True, slots=True)
class Inspect:
    """Someone looks at the store: (the records, by meme id; the records that wait in the outbox, in order)."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The pipeline takes no more, and fails what is still in flight after the grace period: None."""

    grace_s: float


Call: TypeAlias = Submit | Finish | Cancel | Advance | Crash | Outage | Inject | Inspect | Stop
