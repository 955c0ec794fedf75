"""What goes into the pipeline and what comes out.

These are the model's own values. They bear the names and the fields of the service's, so that whoever compares the two can turn the one
into the other field by field, and tests/model holds the names together.
"""

import hashlib
import json
from collections.abc import Hashable
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Protocol, TypeAlias

TIE_S = 1e-6
"""How near two sums of seconds may lie for either order to be right."""

KINDS = ("appropriateness", "factuality", "instructions")
"""The three verifications, in the order in which reasons are given."""

Text: TypeAlias = Hashable
"""What a text function returned; the model hands it on and never looks inside."""


class RequestLike(Protocol):
    """A valid, normalised request: the service's `GenerateMeme`, or any object with these attributes."""

    @property
    def request_id(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def style(self) -> str | None: ...
    @property
    def context(self) -> str | None: ...
    @property
    def max_refinements(self) -> int: ...
    @property
    def target_score(self) -> float: ...
    @property
    def deadline_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Payload:
    """The fields of a request that change its result."""

    topic: str
    format: str = "classic"
    style: str | None = None
    context: str | None = None
    max_refinements: int = 3
    target_score: float = 0.7

    @property
    def key(self) -> str:
        """SHA-256 of the canonical JSON, in hex: what the cache goes by."""
        return _key(self)

    @property
    def meme_id(self) -> str:
        """The id of the meme that comes of it."""
        return f"m-{self.key[:16]}"

    @property
    def prompt(self) -> "Prompt":
        """What the text functions see of it."""
        return Prompt(self.topic, self.format, self.style, self.context)


@lru_cache(maxsize=1024)
def _key(payload: Payload) -> str:
    document = {field.name: getattr(payload, field.name) for field in fields(payload)}
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a text is made from and judged against."""

    topic: str
    format: str
    style: str | None
    context: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """One submission of a payload; equal ids with equal payloads are the same submission."""

    request_id: str
    payload: Payload
    deadline_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Verification:
    """One verifier's answer; `score` is in 0..1."""

    kind: str
    passed: bool
    score: float
    reason: str


@dataclass(frozen=True, slots=True)
class Score:
    """The parts of a score and their weighed total, each in 0..1."""

    humor: float
    clarity: float
    creativity: float
    shareability: float
    total: float


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where the image is, and what it is."""

    reference: str
    sha256: str
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Meme:
    """A completed request; `degraded` says what it had to do without, sorted."""

    id: str
    text: Text
    format: str
    image: ImageRef
    score: Score
    verification: tuple[Verification, ...]
    refinement_count: int
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What is stored of a meme: it as generated, what was asked for, and the image."""

    meme: Meme
    topic: str
    style: str | None
    context: str | None
    png: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """No acceptable text was found; why, one reason for each failed kind."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The class name of the error that nothing could make up for, and the stage it happened in."""

    error: str
    stage: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The client took it back in time."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The deadline came first."""


Outcome: TypeAlias = Meme | Rejected | Failed | Cancelled | TimedOut

TERMINAL = {Meme: "completed", Rejected: "rejected", Failed: "failed", Cancelled: "cancelled", TimedOut: "timed_out"}
"""The last stage of a request, by the class of its outcome."""


@dataclass(frozen=True, slots=True)
class Ending:
    """All that a client can know of a finished request: its outcome, and every stage that was reported, the terminal one last."""

    outcome: Outcome
    stages: tuple[str, ...]


def request_from(like: RequestLike) -> Request:
    """The model's view of a request."""
    payload = Payload(like.topic, like.format, like.style, like.context, like.max_refinements, like.target_score)
    return Request(like.request_id, payload, like.deadline_s)
