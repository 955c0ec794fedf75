"""What goes wrong, as problem documents (RFC 9457): a stable type, a title, a status, and never an internal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.responses import JSONResponse, Response

__all__ = ["KINDS", "Kind", "Problem", "problem_response"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: its name (the end of its type), its HTTP status, its title, and what it means."""

    name: str
    status: int
    title: str
    meaning: str


KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind("malformed", 400, "The body is no JSON document that can be read", "Send one JSON object, UTF-8, each key once, no NaN."),
        Kind("not-found", 404, "There is no such thing here", "The path, or the id in it, is unknown."),
        Kind("method-not-allowed", 405, "This path knows another method", "The header Allow lists what it knows."),
        Kind("conflict", 409, "The idempotency key was used for another request", "Use a new key for a new request."),
        Kind("cancelled", 409, "The request was cancelled", "Send it again under a new idempotency key if it is still wanted."),
        Kind("too-large", 413, "The body is too large", "No request needs more than 64 KiB."),
        Kind("unsupported-media-type", 415, "The body is not JSON", "Send it with the header Content-Type: application/json."),
        Kind("invalid", 422, "The request breaks a rule", "The field errors lists every field that is unfit, and why."),
        Kind("rejected", 422, "No text for this topic is fit to publish", "The field reasons has what the verifiers say."),
        Kind("rate-limited", 429, "Too many requests from this user", "The header Retry-After says when to come back."),
        Kind("internal", 500, "Something went wrong here", "It was logged under the request id of the header X-Request-Id."),
        Kind("generation-failed", 503, "The meme could not be made", "A part of the service does not work at the moment; try again later."),
        Kind("overloaded", 503, "Too much is under way", "The header Retry-After says when to come back."),
        Kind("unavailable", 503, "The service cannot do this at the moment", "Try again after what the header Retry-After says."),
        Kind("timed-out", 504, "The deadline passed before the meme was finished", "Give it a longer deadline_s, or try again later."),
    )
}


@dataclass(eq=False)
class Problem(Exception):
    """Raised by a route; becomes a problem document. `members` are added to it, `retry_after_s` becomes the header."""

    name: str
    detail: str = ""
    members: Mapping[str, Any] = field(default_factory=dict)
    retry_after_s: float | None = None

    @property
    def response(self) -> Response:
        """The document."""
        return problem_response(self.name, self.detail, self.members, self.retry_after_s)


def problem_response(
    name: str, detail: str = "", members: Mapping[str, Any] | None = None, retry_after_s: float | None = None, **headers: str
) -> Response:
    """A problem document. Retry-After is in whole seconds, at least 1."""
    kind = KINDS[name]
    document = {"type": f"/problems/{kind.name}", "title": kind.title, "status": kind.status}
    document |= ({"detail": detail} if detail else {}) | dict(members or {})
    if retry_after_s is not None:
        headers["Retry-After"] = str(max(1, int(retry_after_s + 0.999)))
    return JSONResponse(document, kind.status, headers, media_type="application/problem+json")
