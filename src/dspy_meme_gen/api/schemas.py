"""The documents of the API. What comes in is strict and closed: an unknown field is a mistake, and is said to be one."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from dspy_meme_gen.domain import FORMATS, Meme, MemeRecord, StoredMeme

__all__ = [
    "Accepted",
    "HealthReport",
    "MemeDocument",
    "MemeList",
    "MemeWish",
    "PriorityName",
    "ProblemDocument",
    "SearchWish",
    "StatusDocument",
    "meme_document",
]

FormatName = Literal["classic", "drake", "two-buttons", "distracted", "expanding-brain"]
PriorityName = Literal["low", "normal", "high"]
MOST_DEADLINE_S = 120.0
Identifier = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]

# The rules of `validation` as regular expressions that Python and browsers both know, for the published schema: nothing is checked here.
_CONTROLS: Final = r"\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f"
_WHITE: Final = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_TEXT: Final = {"pattern": f"^[^{_CONTROLS}]*$"}
_SOME_TEXT: Final = {"pattern": f"^[^{_CONTROLS}]*[^{_CONTROLS}{_WHITE}][^{_CONTROLS}]*$"}


def _whole(value: object) -> object:
    """JSON has one type of number: 1.0 is the whole number 1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Style = Annotated[str, Field(min_length=1, max_length=50, json_schema_extra=_SOME_TEXT)]
_Context = Annotated[str, Field(max_length=1000, json_schema_extra=_TEXT)]

assert FormatName.__args__ == FORMATS, "the schema lists the formats that the domain knows"  # type: ignore[attr-defined]


class _In(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class MemeWish(_In):
    """A meme that somebody wants."""

    topic: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            description="What it is about: 1 to 100 characters after white space is tidied up.",
            examples=["monday meetings"],
            json_schema_extra=_SOME_TEXT,
        ),
    ]
    format: Annotated[FormatName, Field(description="The layout.")] = "classic"
    style: Annotated[_Style | None, Field(description="Its tone.", examples=["sarcastic"])] = None
    context: Annotated[_Context | None, Field(description="What else to bear in mind.")] = None
    user_id: Annotated[Identifier, Field(description="Who asks: limits and idempotency keys go by user.")] = "anonymous"
    priority: PriorityName = "normal"
    max_refinements: Annotated[int, Field(ge=0, le=3, description="How often a text may be improved."), BeforeValidator(_whole)] = 3
    target_score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, description="A score that is good enough.")] = 0.7
    deadline_s: Annotated[float, Field(gt=0, le=MOST_DEADLINE_S, allow_inf_nan=False, description="Seconds that it may take.")] = 30.0


class SearchWish(_In):
    """What to look for among the stored memes: all of it must hold."""

    text: Annotated[str, Field(max_length=100, description="In its topic or its captions, whatever the case.", examples=["monday"])] = ""
    format: FormatName | None = None
    min_score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    limit: Annotated[int, Field(ge=1, le=100), BeforeValidator(_whole)] = 20


class Captions(BaseModel):
    """The two captions; either may be empty."""

    top: str
    bottom: str


class Picture(BaseModel):
    """Where the PNG is, and how to know that it is the right one."""

    url: str
    sha256: str
    size_bytes: int
    width: int
    height: int


class Marks(BaseModel):
    """The marks, 0 to 1, and their weighted total."""

    humor: float
    clarity: float
    creativity: float
    shareability: float
    total: float


class Verdict(BaseModel):
    """What a verifier said."""

    kind: str
    passed: bool
    score: float
    reason: str


class MemeDocument(BaseModel):
    """A meme. `degraded` lists what it had to go without."""

    id: str
    topic: str
    format: FormatName
    style: str | None
    text: Captions
    image: Picture
    score: Marks
    verification: list[Verdict]
    refinement_count: int
    degraded: list[str]


class Accepted(BaseModel):
    """A request was taken; its status says how it comes on."""

    request_id: str
    status_url: str


class StatusDocument(BaseModel):
    """How far a request has come: waiting, a stage, or its end (completed, rejected, failed, cancelled, timed_out).

    `stages` are those that it came through so far, as often as it did.
    """

    request_id: str
    stage: str
    stages: list[str]
    done: bool
    meme: MemeDocument | None
    reasons: list[str]


class MemeList(BaseModel):
    """Memes, newest first. `next` is the `start` of the following page, null on the last."""

    memes: list[MemeDocument]
    next: int | None


class CheckDocument(BaseModel):
    """One thing that was looked at."""

    status: Literal["ok", "degraded", "down"]
    detail: str


class HealthReport(BaseModel):
    """How the service is."""

    status: Literal["ok", "degraded", "down"]
    checks: dict[str, CheckDocument]


class ProblemDocument(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str = ""


def meme_document(meme: Meme, *, topic: str, style: str | None) -> MemeDocument:
    """A meme as the API shows it."""
    image, score = meme.image, meme.score
    return MemeDocument(
        id=meme.id,
        topic=topic,
        format=meme.format,  # type: ignore[arg-type]  # one of FORMATS, as the assertion above says
        style=style,
        text=Captions(top=meme.text.top, bottom=meme.text.bottom),
        image=Picture(
            url=f"/api/v1/memes/{meme.id}/image", sha256=image.sha256, size_bytes=image.size_bytes, width=image.width, height=image.height
        ),
        score=Marks(
            humor=score.humor, clarity=score.clarity, creativity=score.creativity, shareability=score.shareability, total=score.total
        ),
        verification=[Verdict(kind=each.kind, passed=each.passed, score=each.score, reason=each.reason) for each in meme.verification],
        refinement_count=meme.refinement_count,
        degraded=list(meme.degraded),
    )


def document_of(stored: StoredMeme | MemeRecord) -> MemeDocument:
    """A stored meme as the API shows it."""
    return meme_document(stored.meme, topic=stored.topic, style=stored.style)
