"""What the pipeline finds outside: the content functions and the faults of its ports.

The same `World` stands behind the service's ports and behind the model, so the two can only differ in what the pipeline does with it.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol, TypeAlias

from model.values import Prompt, Score, Text, Verification


class VerificationLike(Protocol):
    """A verifier's answer, the model's or the service's."""

    @property
    def passed(self) -> bool: ...
    @property
    def score(self) -> float: ...
    @property
    def reason(self) -> str: ...


class PartsLike(Protocol):
    """A scorer's answer, each part in 0..1."""

    @property
    def humor(self) -> float: ...
    @property
    def clarity(self) -> float: ...
    @property
    def creativity(self) -> float: ...
    @property
    def shareability(self) -> float: ...


class ImageLike(Protocol):
    """A rendered image: its bytes and its size in pixels."""

    @property
    def png(self) -> bytes: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


@dataclass(frozen=True, slots=True)
class World:
    """The content functions: pure, total, and the same for equal arguments."""

    text: Callable[[Prompt, int], Text]
    verify: Callable[[str, Text, Prompt], VerificationLike]
    score: Callable[[Text, Prompt], PartsLike]
    refine: Callable[[Text, Prompt, Score, int], Text]
    render: Callable[[Text, str], ImageLike]
    placeholder: Callable[[Text, str], ImageLike]


@dataclass(frozen=True, slots=True)
class Fault:
    """One call of a port goes wrong: it raises an error of this class name, or it hangs past its time limit.

    A worker that hangs keeps others waiting, which the model does not follow: let a call hang only while one request is in flight.
    """

    error: str = "PortDown"
    hangs: bool = False


Queue: TypeAlias = tuple[Fault | None, ...]
"""What the coming calls of one port meet, None for nothing; calls past the end meet nothing."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong while one payload is worked on, port by port."""

    text: Queue = ()
    appropriateness: Queue = ()
    factuality: Queue = ()
    instructions: Queue = ()
    scorer: Queue = ()
    refiner: Queue = ()
    image: Queue = ()
    store: Queue = ()

    def at(self, port: str, index: int) -> Fault | None:
        """What the call number `index` (from 0) of a port meets."""
        queue: Queue = getattr(self, port)
        return queue[index] if index < len(queue) else None

    @property
    def queues(self) -> tuple[Queue, ...]:
        """Every port's queue, in the order of PORTS."""
        return tuple(getattr(self, port) for port in PORTS)

    def after(self, calls: "Calls") -> "Faults":
        """What is left when so many calls have been made."""
        return Faults(*(queue[made:] for queue, made in zip(self.queues, calls, strict=True)))


PORTS = tuple(field.name for field in fields(Faults))
"""The names under which faults are given and calls are counted."""

Calls: TypeAlias = tuple[int, ...]
"""How often each port was called, in the order of PORTS."""

NO_CALLS: Calls = (0,) * len(PORTS)

NO_FAULTS = Faults()


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of the contract. `lateness_s` is how late a timer may be: 0 in virtual time, more on real threads."""

    text_retries: int = 1
    retry_backoff_s: float = 0.1
    call_limit_s: float = 10.0
    render_limit_s: float = 30.0
    cache_capacity: int = 1000
    cache_ttl_s: float = 3600.0
    restart_limit: int = 5
    restart_window_s: float = 60.0
    outbox_drain_s: float = 5.0
    lateness_s: float = 0.0


def verification_from(kind: str, like: VerificationLike) -> Verification:
    """The model's view of a verifier's answer."""
    return Verification(kind, like.passed, like.score, like.reason)
