"""The values MemesPy speaks in: the request, what is made of it on the way, and the outcome. Nothing here acts."""

import enum
import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

__all__ = [
    "FLAGS",
    "FORMATS",
    "KINDS",
    "STAGES",
    "TERMINAL_STAGES",
    "Cancelled",
    "Failed",
    "GenerateMeme",
    "ImageRef",
    "Meme",
    "MemePage",
    "MemeRecord",
    "MemeText",
    "Outcome",
    "Priority",
    "Progress",
    "Rejected",
    "RenderedImage",
    "Score",
    "ScoreParts",
    "StoredMeme",
    "TextPrompt",
    "TimedOut",
    "Verification",
    "image_ref",
    "meme_id",
    "payload_key",
    "terminal_stage",
    "validate",
]

FORMATS = ("classic", "drake", "two-buttons", "distracted", "expanding-brain")
"""The known meme formats, each with a layout of its own."""

KINDS = ("appropriateness", "factuality", "instructions")
"""The kinds of verification, in the order in which reasons are given."""

STAGES = ("routing", "cache", "text", "verification", "scoring", "refining", "image", "storing")
"""The stages of a request, in order; verification to refining may repeat."""

TERMINAL_STAGES = ("completed", "rejected", "failed", "cancelled", "timed_out")
"""The names of the last progress report: exactly one of them ends each accepted request."""

FLAGS = ("factuality_unverified", "image_placeholder", "instructions_unverified", "refinement_failed", "score_default", "store_deferred")
"""What a degraded meme may have gone without."""


class Priority(enum.StrEnum):
    """How urgent a request is; it changes when a meme is made, never which."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class GenerateMeme:
    """A request for one meme. As constructed it is unchecked; `validate` or `create` make it fit for use.

    `request_id` is the idempotency key. `deadline_s` is in seconds from acceptance.
    topic, format, style, context, max_refinements and target_score are the *payload*: the fields that change the result.
    """

    request_id: str
    topic: str
    format: str = "classic"
    style: str | None = None
    context: str | None = None
    user_id: str = "anonymous"
    priority: Priority = Priority.NORMAL
    max_refinements: int = 3
    target_score: float = 0.7
    deadline_s: float = 30.0

    @classmethod
    def create(cls, **fields: Any) -> "GenerateMeme":  # noqa: ANN401 - anything may come in; validate says what is wrong with it
        """A checked and normalised request. Raises InvalidRequest (bad values) or TypeError (unknown or missing fields)."""
        return validate(cls(**fields))


@dataclass(frozen=True, slots=True)
class TextPrompt:
    """What a text is written about, and judged by."""

    topic: str
    format: str
    style: str | None
    context: str | None

    @classmethod
    def of(cls, request: GenerateMeme) -> "TextPrompt":
        """The prompt of a validated request."""
        return cls(request.topic, request.format, request.style, request.context)


@dataclass(frozen=True, slots=True)
class MemeText:
    """The two captions of a meme; either may be empty."""

    top: str
    bottom: str


@dataclass(frozen=True, slots=True)
class Verification:
    """A verifier's judgement. `score` is 0 (worst) to 1 (best); ValueError if it is not. `reason` is for people."""

    kind: str
    passed: bool
    score: float
    reason: str

    def __post_init__(self) -> None:
        """Refuse a score that later comparisons would silently misread."""
        _require_unit(f"{self.kind} score", self.score)


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """A scorer's marks, each 0 to 1; ValueError if one is not."""

    humor: float
    clarity: float
    creativity: float
    shareability: float

    def __post_init__(self) -> None:
        """Refuse marks that would make the total meaningless."""
        for name in ("humor", "clarity", "creativity", "shareability"):
            _require_unit(name, getattr(self, name))


@dataclass(frozen=True, slots=True)
class Score:
    """The marks of a text and what they come to: `total` is 0 to 1, rounded to 6 digits."""

    humor: float
    clarity: float
    creativity: float
    shareability: float
    total: float

    @classmethod
    def of(cls, parts: ScoreParts, *, unfactual: bool, doubtful: bool) -> "Score":
        """The weighted total of the parts: x 0.7 if the text is unfactual, x 0.5 if its appropriateness is doubtful."""
        total = 0.35 * parts.humor + 0.25 * parts.clarity + 0.20 * parts.creativity + 0.20 * parts.shareability
        if unfactual:
            total *= 0.7
        if doubtful:
            total *= 0.5
        return cls(parts.humor, parts.clarity, parts.creativity, parts.shareability, round(total, 6))


@dataclass(frozen=True, slots=True)
class RenderedImage:
    """A PNG as it left the image model; width and height in pixels."""

    png: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where a meme's image is, and how to know that it is the right one. Width and height in pixels."""

    reference: str
    sha256: str
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Meme:
    """The good outcome. Equal payloads give equal memes: no clock, no random id, no request_id in it."""

    id: str
    text: MemeText
    format: str
    image: ImageRef
    score: Score
    verification: tuple[Verification, ...]
    refinement_count: int
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """The text could not be made fit to publish; `reasons` are the failed verifiers', in the order of KINDS."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The request could not be finished: `error` is an exception's class name, `stage` the stage it happened in."""

    error: str
    stage: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller withdrew the request before it was finished."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The request's deadline passed before it was finished."""


Outcome = Meme | Rejected | Failed | Cancelled | TimedOut


@dataclass(frozen=True, slots=True)
class MemeRecord:
    """What is stored of a meme: the meme as generated (never flagged store_deferred), what was asked for, and the PNG."""

    meme: Meme
    topic: str
    style: str | None
    context: str | None
    png: bytes

    @property
    def id(self) -> str:
        """The meme's id, which is the record's key."""
        return self.meme.id


@dataclass(frozen=True, slots=True)
class StoredMeme:
    """A stored meme as lists show it, without its picture. `stored_at_s` is when it was first stored, in seconds since 1970 (UTC)."""

    meme: Meme
    topic: str
    style: str | None
    context: str | None
    stored_at_s: float


@dataclass(frozen=True, slots=True)
class MemePage:
    """A part of the list of all memes. `next` is where the following page begins, or None after the last."""

    memes: tuple[StoredMeme, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage of a request has begun, or (a terminal stage) the request has ended. `detail` is for people."""

    request_id: str
    stage: str
    detail: str = ""


def terminal_stage(outcome: Outcome) -> str:
    """The name of the last progress report of a request with this outcome."""
    match outcome:
        case Meme():
            return "completed"
        case Rejected():
            return "rejected"
        case Failed():
            return "failed"
        case Cancelled():
            return "cancelled"
        case TimedOut():
            return "timed_out"


def payload_key(request: GenerateMeme) -> str:
    """The sha256 (hex) of the payload of a validated request: of its JSON, keys sorted, no spaces, ASCII only."""
    payload = {
        "topic": request.topic,
        "format": request.format,
        "style": request.style,
        "context": request.context,
        "max_refinements": request.max_refinements,
        "target_score": request.target_score,
    }
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def meme_id(key: str) -> str:
    """The id of the meme with this payload key: "m-" and the first 16 hex characters of it."""
    return f"m-{key[:16]}"


def image_ref(identity: str, image: RenderedImage) -> ImageRef:
    """The reference to a meme's image: "<meme id>.png". No user text is ever part of it."""
    return ImageRef(f"{identity}.png", hashlib.sha256(image.png).hexdigest(), len(image.png), image.width, image.height)


def validate(request: GenerateMeme) -> GenerateMeme:
    """The same request, normalised (see `validation`). Raises InvalidRequest, which lists every problem, not the first alone."""
    from dspy_meme_gen import validation  # noqa: PLC0415 - validation builds domain values: the two files are one module in two pages

    return validation.validate(request)


def _require_unit(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}; expected a number from 0 to 1")
