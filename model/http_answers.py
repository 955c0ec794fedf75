"""What answers look like: problems, memes, and what each outcome of a request becomes over HTTP."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from model.http import PROBLEMS
from model.values import Cancelled, Failed, Meme, Outcome, Rejected, TimedOut

RETRY_AFTER: Final[Mapping[str, int]] = {"generation-failed": 5, "unavailable": 5, "overloaded": 1}
"""After how many seconds to come back; a rate limit computes its own."""
MEMBERS: Final = frozenset({"type", "title", "status", "detail", "errors", "reasons"})


class Illegal(Exception):
    """An answer that no correct service gives; says what one would have given."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came over the wire; names of headers are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The header of that name, several joined as HTTP joins them; None if there is none."""
        values = [value for each, value in self.headers if each == name]
        return ", ".join(values) if values else None

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return (self.header("content-type") or "").partition(";")[0]

    def document(self) -> Any:  # noqa: ANN401 - any JSON document
        """The body as JSON. Raises Illegal if it is none."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Illegal(f"the body is no JSON: {self.body[:200]!r}") from error


def require(condition: object, message: str) -> None:
    """Raise Illegal where a condition does not hold."""
    if not condition:
        raise Illegal(message)


def problem_of(answer: Answer) -> tuple[str, dict[str, Any]]:
    """The name of the problem that an answer tells of, and its document. Raises Illegal if it is not told as it must be."""
    require(answer.media_type == "application/problem+json", f"an error of type {answer.media_type!r}: expected application/problem+json")
    document = answer.document()
    require(isinstance(document, dict) and {"type", "title", "status"} <= set(document) <= MEMBERS, f"no problem document: {document}")
    name = str(document["type"]).removeprefix("/problems/")
    require(name in PROBLEMS and document["type"] == f"/problems/{name}", f"{document['type']!r} is no type of problem")
    require(answer.status == document["status"] == PROBLEMS[name], f"{name} has status {PROBLEMS[name]}, not {answer.status}: {document}")
    after = answer.header("retry-after")
    if name in RETRY_AFTER:
        require(after == str(RETRY_AFTER[name]), f"{name} says Retry-After {after}, expected {RETRY_AFTER[name]}")
    elif name == "rate-limited":
        require(after is not None and after.isascii() and after.isdigit() and int(after) >= 1, f"{name} says Retry-After {after}")
    else:
        require(after is None, f"{name} says Retry-After {after}, and there is nothing to wait for")
    return name, document


def meme_document(meme: Meme, topic: str, style: str | None) -> dict[str, Any]:
    """A meme as it is shown."""
    return {
        "id": meme.id,
        "topic": topic,
        "format": meme.format,
        "style": style,
        "text": _captions(meme),
        "image": {
            "url": f"/api/v1/memes/{meme.id}/image",
            "sha256": meme.image.sha256,
            "size_bytes": meme.image.size_bytes,
            "width": meme.image.width,
            "height": meme.image.height,
        },
        "score": {name: getattr(meme.score, name) for name in ("humor", "clarity", "creativity", "shareability", "total")},
        "verification": [
            {"kind": each.kind, "passed": each.passed, "score": each.score, "reason": each.reason} for each in meme.verification
        ],
        "refinement_count": meme.refinement_count,
        "degraded": list(meme.degraded),
    }


def _captions(meme: Meme) -> dict[str, Any]:
    text: Any = meme.text  # a text is whatever the world writes
    return {"top": text.top, "bottom": text.bottom}


Told = tuple[str, str]
"""An outcome as a client can tell it: its terminal stage, and what else is said of it, as text."""


def told(outcome: Outcome, topic: str, style: str | None) -> Told:
    """What a client can tell of an outcome."""
    match outcome:
        case Meme():
            return "completed", json.dumps(meme_document(outcome, topic, style), sort_keys=True)
        case Rejected(reasons):
            return "rejected", json.dumps(list(reasons))
        case TimedOut():
            return "timed_out", ""
        case Cancelled():
            return "cancelled", ""
        case Failed(_, stage):
            return "failed", stage


def told_by(answer: Answer) -> Told:
    """The outcome that an answer to a maker tells. Raises Illegal if it tells none as it must be told."""
    if answer.status == 201:
        document = answer.document()
        require(isinstance(document, dict) and isinstance(document.get("id"), str), f"no meme: {document}")
        expected = f"/api/v1/memes/{document['id']}"
        require(answer.header("location") == expected, f"Location is {answer.header('location')!r}, expected {expected!r}")
        return "completed", json.dumps(document, sort_keys=True)
    name, document = problem_of(answer)
    match name:
        case "rejected":
            return "rejected", json.dumps(document.get("reasons"))
        case "timed-out" | "cancelled":
            return name.replace("-", "_"), ""
        case "generation-failed":
            detail = str(document.get("detail"))
            stage = detail.removeprefix("the stage ").removesuffix(" did not succeed")
            require(detail == f"the stage {stage} did not succeed", f"a failure tells its stage alone, not {detail!r}")
            return "failed", stage
    raise Illegal(f"{name} is no outcome of a request")


def tag_of(picture: bytes) -> str:
    """The ETag of a picture."""
    return f'"{hashlib.sha256(picture).hexdigest()}"'


def names_tag(if_none_match: str | None, tag: str) -> bool:
    """Whether If-None-Match names a tag: weak or not, alone, in a list, or as everything (RFC 9110, 13.1.2)."""
    named = [each.strip() for each in (if_none_match or "").split(",")]
    return any(each in {tag, f"W/{tag}", "*"} for each in named)
