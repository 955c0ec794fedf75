"""The documents of the API. What comes in is strict and closed: an unknown field is a mistake, and is said to be one."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from dspy_meme_gen.api.examples import MEME_ID, REQUEST_ID, Shown, shown
from dspy_meme_gen.domain import FORMATS, Meme, MemeRecord, StoredMeme

__all__ = [
    "Accepted",
    "HealthReport",
    "Liveness",
    "MemeDocument",
    "MemeList",
    "MemeWish",
    "Picture",
    "PriorityName",
    "ProblemDocument",
    "ProblemKind",
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


class _In(Shown):
    model_config = ConfigDict(strict=True, extra="forbid")


class MemeWish(_In):
    """A meme that somebody wants."""

    in_whole: ClassVar = ("topic", "format", "style")
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
    format: Annotated[FormatName, Field(description="The layout.", examples=["classic"])] = "classic"
    style: Annotated[_Style | None, Field(description="Its tone.", examples=["sarcastic"])] = None
    context: Annotated[_Context | None, Field(description="What else to bear in mind.", examples=["for those who work from home"])] = None
    user_id: Annotated[Identifier, Field(description="Who asks: limits and idempotency keys go by user.", examples=["ada"])] = "anonymous"
    priority: Annotated[PriorityName, shown("normal")] = "normal"
    max_refinements: Annotated[
        int, Field(ge=0, le=3, description="How often a text may be improved.", examples=[3]), BeforeValidator(_whole)
    ] = 3
    target_score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, description="A score that is good enough.", examples=[0.7])] = 0.7
    deadline_s: Annotated[
        float, Field(gt=0, le=MOST_DEADLINE_S, allow_inf_nan=False, description="Seconds that it may take.", examples=[30.0])
    ] = 30.0


class SearchWish(_In):
    """What to look for among the stored memes: all of it must hold."""

    text: Annotated[str, Field(max_length=100, description="In its topic or its captions, whatever the case.", examples=["monday"])] = ""
    format: Annotated[FormatName | None, shown("classic")] = None
    min_score: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, examples=[0.5])] = 0.0
    limit: Annotated[int, Field(ge=1, le=100, examples=[20]), BeforeValidator(_whole)] = 20


class Captions(Shown):
    """The two captions; either may be empty."""

    top: Annotated[str, shown("I don't always deal with monday meetings")]
    bottom: Annotated[str, shown("but when I do, it is 3 am (how wonderful)")]


class Picture(Shown):
    """Where the PNG is, and how to know that it is the right one."""

    url: Annotated[str, shown(f"/api/v1/memes/{MEME_ID}/image")]
    sha256: Annotated[str, shown("18a3285a6202e3299203aa9c9c783e9d4cbc9258829e462e42faaa1bce87d0de")]
    size_bytes: Annotated[int, shown(76094)]
    width: Annotated[int, shown(800)]
    height: Annotated[int, shown(600)]


class Marks(Shown):
    """The marks, 0 to 1, and their weighted total."""

    humor: Annotated[float, shown(0.92)]
    clarity: Annotated[float, shown(0.942)]
    creativity: Annotated[float, shown(0.9176)]
    shareability: Annotated[float, shown(0.8)]
    total: Annotated[float, shown(0.90102)]


class Verdict(Shown):
    """What a verifier said."""

    kind: Annotated[str, shown("appropriateness")]
    passed: Annotated[bool, Field(examples=[True])]
    score: Annotated[float, shown(1.0)]
    reason: Annotated[str, shown("nothing objectionable was found")]


class MemeDocument(Shown):
    """A meme. `degraded` lists what it had to go without."""

    id: Annotated[str, shown(MEME_ID)]
    topic: Annotated[str, shown("monday meetings")]
    format: Annotated[FormatName, shown("classic")]
    style: Annotated[str | None, shown("sarcastic")]
    text: Annotated[Captions, shown(Captions.example())]
    image: Annotated[Picture, shown(Picture.example())]
    score: Annotated[Marks, shown(Marks.example())]
    verification: Annotated[
        list[Verdict],
        shown(
            [
                Verdict.example(),
                {"kind": "factuality", "passed": True, "score": 1.0, "reason": "no absurd claim was found"},
                {"kind": "instructions", "passed": True, "score": 1.0, "reason": "the text is short and on topic"},
            ]
        ),
    ]
    refinement_count: Annotated[int, shown(0)]
    degraded: Annotated[list[str], shown([], ["image_placeholder"])]


class Accepted(Shown):
    """A request was taken; its status says how it comes on."""

    request_id: Annotated[str, shown(REQUEST_ID)]
    status_url: Annotated[str, shown(f"/api/v1/memes/status/{REQUEST_ID}")]


class StatusDocument(Shown):
    """How far a request has come: waiting, a stage, or its end (completed, rejected, failed, cancelled, timed_out).

    `stages` are those that it came through so far, as often as it did.
    """

    request_id: Annotated[str, shown(REQUEST_ID)]
    stage: Annotated[str, shown("completed")]
    stages: Annotated[list[str], shown(["routing", "cache", "text", "verification", "scoring", "image", "storing"])]
    done: Annotated[bool, Field(examples=[True])]
    meme: Annotated[MemeDocument | None, shown(MemeDocument.example())]
    reasons: Annotated[list[str], shown([], ["the text contains violence"])]


class MemeList(Shown):
    """Memes, newest first. `next` is the `start` of the following page, null on the last."""

    memes: Annotated[list[MemeDocument], shown([MemeDocument.example()])]
    next: Annotated[int | None, shown(41)]


class CheckDocument(Shown):
    """One thing that was looked at."""

    status: Annotated[Literal["ok", "degraded", "down"], shown("degraded")]
    detail: Annotated[str, shown("3 memes wait for the store")]


class HealthReport(Shown):
    """How the service is."""

    status: Annotated[Literal["ok", "degraded", "down"], shown("degraded")]
    checks: Annotated[dict[str, CheckDocument], shown({"actors": {"status": "ok", "detail": ""}, "outbox": CheckDocument.example()})]


class Liveness(Shown):
    """The process answers."""

    status: Annotated[Literal["ok"], shown("ok")]


class ProblemDocument(Shown):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="allow")
    in_whole: ClassVar = ("type", "title", "status")

    type: Annotated[str, shown("/problems/not-found")]
    title: Annotated[str, shown("There is no such thing here")]
    status: Annotated[int, shown(404)]
    detail: Annotated[str, shown("no meme has this id")] = ""


class ProblemKind(Shown):
    """What a type of problem means."""

    type: Annotated[str, shown("/problems/invalid")]
    title: Annotated[str, shown("The request breaks a rule")]
    status: Annotated[int, shown(422)]
    meaning: Annotated[str, shown("The field errors lists every field that is unfit, and why.")]


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
