"""The routes of memes: make one (and wait, or not), look at it, list them."""

import hashlib
import uuid
from typing import Annotated, Any, Final

import anyio
from fastapi import APIRouter, Header, Path, Query, Request, Response

from dspy_meme_gen.api.awaiting import outcome_of, while_connected
from dspy_meme_gen.api.examples import KEY, MEME_ID, REQUEST_ID
from dspy_meme_gen.api.problems import KINDS, Problem
from dspy_meme_gen.api.schemas import (
    Accepted,
    MemeDocument,
    MemeList,
    MemeWish,
    Picture,
    ProblemDocument,
    StatusDocument,
    document_of,
    meme_document,
)
from dspy_meme_gen.api.strict import StrictRoute
from dspy_meme_gen.api.turns import Turns
from dspy_meme_gen.domain import Cancelled, Failed, GenerateMeme, Meme, Outcome, Priority, Rejected, TimedOut
from dspy_meme_gen.pipeline import Found, Pipeline

__all__ = ["meme_routes", "problems"]

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,128}$",
        examples=[KEY],
        description="The same key and body of the same user is the same request: it is carried out once, and answered alike each time.",
    ),
]
MemeId = Annotated[str, Path(examples=[MEME_ID])]
RETRY_AFTER_S: Final = 5.0
_TAG: Final = f'"{Picture.example()["sha256"]}"'
_PROBLEM: Final = ProblemDocument.model_json_schema()
_RETRY_AFTER: Final = {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1, "examples": [5]}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may answer besides success, for its schema."""
    return {status: _problem(status) | ({"headers": _RETRY_AFTER} if status in {429, 503} else {}) for status in (*statuses, 500)}


def _problem(status: int) -> dict[str, Any]:
    kind = next(kind for kind in KINDS.values() if kind.status == status)
    example = {"type": f"/problems/{kind.name}", "title": kind.title, "status": kind.status}
    return {"description": "a problem document", "content": {"application/problem+json": {"schema": _PROBLEM, "example": example}}}


def request_of(wish: MemeWish, key: str | None) -> GenerateMeme:
    """The request that the pipeline is given. A key counts for its user alone."""
    request_id = uuid.uuid4().hex if key is None else hashlib.sha256(f"{wish.user_id} {key}".encode()).hexdigest()
    fields = wish.model_dump() | {"priority": Priority(wish.priority)}
    return GenerateMeme.create(request_id=request_id, **fields)


def meme_routes(pipeline: Pipeline, turns: Turns) -> APIRouter:
    """The routes, over one pipeline."""
    routes = APIRouter(prefix="/api/v1/memes", tags=["memes"], route_class=StrictRoute)

    @routes.post(
        "/",
        status_code=201,
        responses=problems(400, 409, 413, 415, 422, 429, 503, 504) | {201: _LOCATION},
    )
    async def make(wish: MemeWish, http: Request, response: Response, key: Key = None) -> MemeDocument:
        """Make a meme and wait for it. If you go away, so does the work, unless it has an idempotency key to come back with."""
        request = request_of(wish, key)

        async def work() -> Outcome:
            async with turns.turn(request.priority):
                return await outcome_of(pipeline, request, cancel=key is None)

        meme = meme_or_problem(await while_connected(http, work))
        response.headers["Location"] = f"/api/v1/memes/{meme.id}"
        return meme_document(meme, topic=request.topic, style=request.style)

    @routes.post("/async", status_code=202, responses=problems(400, 409, 413, 415, 422, 429, 503) | {202: _LOCATION})
    async def make_later(wish: MemeWish, response: Response, key: Key = None) -> Accepted:
        """Have a meme made, and look at its status now and then."""
        request = request_of(wish, key)
        pipeline.submit(request)
        url = f"/api/v1/memes/status/{request.request_id}"
        response.headers["Location"] = url
        return Accepted(request_id=request.request_id, status_url=url)

    @routes.get("/status/{request_id}", responses=problems(404, 422))
    async def status(request_id: Annotated[str, Path(description="as POST async gave it", examples=[REQUEST_ID])]) -> StatusDocument:
        """How far a request has come."""
        found = pipeline.status(request_id)
        if found is None:
            raise Problem("not-found", "no request has this id, or it ended so long ago that it is forgotten")
        outcome, request = found.outcome, found.request
        meme = meme_document(outcome, topic=request.topic, style=request.style) if isinstance(outcome, Meme) else None
        reasons = list(outcome.reasons) if isinstance(outcome, Rejected) else []
        return StatusDocument(
            request_id=request_id, stage=found.stage, stages=list(found.stages), done=outcome is not None, meme=meme, reasons=reasons
        )

    _add_looking(routes, pipeline)
    return routes


def _add_looking(routes: APIRouter, pipeline: Pipeline) -> None:
    """The routes of what is made already."""

    @routes.get("/", responses=problems(422, 503))
    async def leaf(
        limit: Annotated[int, Query(ge=1, le=100, examples=[20])] = 20,
        start: Annotated[int | None, Query(ge=0, lt=2**63, examples=[41])] = None,
    ) -> MemeList:
        """The stored memes, newest first, page by page."""
        page = await anyio.to_thread.run_sync(lambda: pipeline.page(limit=limit, start=start))
        return MemeList(memes=[document_of(stored) for stored in page.memes], next=page.next)

    async def find(meme_id: str) -> Found:
        found = await anyio.to_thread.run_sync(pipeline.find, meme_id) if _is_id(meme_id) else None
        if found is None:
            raise Problem("not-found", "no meme has this id")
        return found

    @routes.get("/{meme_id}", responses=problems(404, 422, 503) | {200: {"headers": _DEGRADED}})
    async def look(meme_id: MemeId, response: Response) -> MemeDocument:
        """One meme. A recent one can be looked at also while the store is away; then the header X-Degraded says so."""
        found = await find(meme_id)
        if found.degraded:
            response.headers["X-Degraded"] = "store"
        return document_of(found.record)

    @routes.get("/{meme_id}/image", response_class=Response, responses=problems(404, 422, 503) | _PICTURE)
    async def picture(meme_id: MemeId, if_none_match: Annotated[str | None, Header(examples=[_TAG])] = None) -> Response:
        """Its picture, a PNG."""
        found = await find(meme_id)
        record = found.record
        tag = f'"{record.meme.image.sha256}"'
        headers = {"ETag": tag, "Cache-Control": "public, max-age=3600", "Content-Disposition": f'inline; filename="{record.meme.id}.png"'}
        if found.degraded:
            headers |= {"X-Degraded": "store", "Cache-Control": "no-store"}
        if if_none_match is not None and _names(tag, if_none_match):
            return Response(status_code=304, headers=headers)
        return Response(record.png, media_type="image/png", headers=headers)


_LOCATION: Final = {"headers": {"Location": {"required": True, "schema": {"type": "string", "examples": [f"/api/v1/memes/{MEME_ID}"]}}}}
_DEGRADED: Final = {
    "X-Degraded": {
        "description": "store: it came from memory, for the store cannot be asked",
        "schema": {"type": "string", "enum": ["store"], "examples": ["store"]},
    }
}
_PICTURE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "the PNG",
        "headers": _DEGRADED,
        # The bytes that every PNG begins with.
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}, "example": "\u0089PNG\r\n\u001a\n"}},
    },
    304: {"description": "the PNG that If-None-Match names is still the right one"},
}


def _names(tag: str, if_none_match: str) -> bool:
    """Whether If-None-Match names this tag. A proxy that compresses makes it a weak one, which is as good here (RFC 9110, 13.1.2)."""
    return any(each.strip().removeprefix("W/") in {tag, "*"} for each in if_none_match.split(","))


def _is_id(text: str) -> bool:
    """Whether a meme could have this id: nothing else is even looked up."""
    return len(text) == 18 and text.startswith("m-") and all(character in "0123456789abcdef" for character in text[2:])


def meme_or_problem(outcome: Outcome) -> Meme:
    """The meme of a good outcome. Raises Problem for any other; it tells the stage, and no internal."""
    match outcome:
        case Meme():
            return outcome
        case Rejected(reasons):
            raise Problem("rejected", members={"reasons": list(reasons)})
        case TimedOut():
            raise Problem("timed-out")
        case Cancelled():
            raise Problem("cancelled")
        case Failed(_, stage):
            raise Problem("generation-failed", f"the stage {stage} did not succeed", retry_after_s=RETRY_AFTER_S)
