"""What was made lately: counts, what many wanted, and a search."""

import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Final, Literal

import anyio
from fastapi import APIRouter, Path, Query
from pydantic import Field

from dspy_meme_gen.api.examples import Shown, shown
from dspy_meme_gen.api.memes import problems
from dspy_meme_gen.api.schemas import MemeDocument, SearchWish, document_of
from dspy_meme_gen.api.strict import StrictRoute
from dspy_meme_gen.domain import StoredMeme
from dspy_meme_gen.pipeline import Pipeline

__all__ = ["analytics_routes"]

Period = Literal["hour", "day", "week", "month", "all"]
_SECONDS: Final[dict[str, float]] = {"hour": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000, "all": float("inf")}
_MOST_READ: Final = 5_000
_PAGE: Final = 100
_WORD: Final = re.compile(r"[^\W\d_]{3,}")


class Stats(Shown):
    """Counts over the memes that were stored in a period. `complete` is false where only the latest 5,000 were counted."""

    period: Annotated[Period, shown("day")]
    memes: Annotated[int, shown(12)]
    by_format: Annotated[dict[str, int], shown({"classic": 9, "drake": 3})]
    degraded: Annotated[int, shown(1)]
    mean_score: Annotated[float | None, shown(0.91659)]
    best: Annotated[MemeDocument | None, shown(MemeDocument.example())]
    complete: Annotated[bool, Field(examples=[True])]


class Trend(Shown):
    """A word, and how many memes of the period have it in their topic."""

    word: Annotated[str, shown("monday")]
    memes: Annotated[int, shown(7)]


class Trends(Shown):
    """The words that most topics have."""

    period: Annotated[Period, shown("day")]
    words: Annotated[list[Trend], shown([Trend.example()])]


class Found(Shown):
    """What a search found, newest first. `complete` is false where only the latest 5,000 memes were looked at."""

    memes: Annotated[list[MemeDocument], shown([MemeDocument.example()])]
    complete: Annotated[bool, Field(examples=[True])]


def analytics_routes(pipeline: Pipeline, wall_s: Callable[[], float] = time.time) -> APIRouter:
    """The routes, over what one pipeline has stored."""
    routes = APIRouter(prefix="/api/v1/analytics", tags=["analytics"], route_class=StrictRoute)

    async def latest(period: Period) -> tuple[list[StoredMeme], bool]:
        since_s = wall_s() - _SECONDS[period]
        return await anyio.to_thread.run_sync(lambda: _read(pipeline, lambda stored: stored.stored_at_s >= since_s))

    @routes.get("/stats/{period}", responses=problems(422, 503))
    async def stats(period: Annotated[Period, Path(examples=["day"])]) -> Stats:
        """Counts over a period."""
        memes, complete = await latest(period)
        scores = [stored.meme.score.total for stored in memes]
        best = max(memes, key=lambda stored: (stored.meme.score.total, stored.stored_at_s), default=None)
        return Stats(
            period=period,
            memes=len(memes),
            by_format=dict(sorted(Counter(stored.meme.format for stored in memes).items())),
            degraded=sum(bool(stored.meme.degraded) for stored in memes),
            mean_score=round(sum(scores) / len(scores), 6) if scores else None,
            best=None if best is None else document_of(best),
            complete=complete,
        )

    @routes.get("/trending", responses=problems(422, 503))
    async def trending(
        period: Annotated[Period, Query(examples=["day"])] = "day", limit: Annotated[int, Query(ge=1, le=50, examples=[10])] = 10
    ) -> Trends:
        """What many wanted lately."""
        memes, _ = await latest(period)
        words = Counter(word for stored in memes for word in sorted(set(_WORD.findall(stored.topic.casefold()))))
        first = sorted(words.items(), key=lambda entry: (-entry[1], entry[0]))[:limit]
        return Trends(period=period, words=[Trend(word=word, memes=count) for word, count in first])

    @routes.post("/search", responses=problems(400, 413, 415, 422, 503))
    async def search(wish: SearchWish) -> Found:
        """Look for memes."""
        memes, complete = await anyio.to_thread.run_sync(lambda: _read(pipeline, lambda _: True))
        found = [document_of(stored) for stored in memes if _fits(stored, wish)]
        return Found(memes=found[: wish.limit], complete=complete or len(found) >= wish.limit)

    return routes


def _read(pipeline: Pipeline, recent: Callable[[StoredMeme], bool]) -> tuple[list[StoredMeme], bool]:
    """The latest memes as long as they are recent, and whether these are all."""
    memes: list[StoredMeme] = []
    start: int | None = None
    while len(memes) < _MOST_READ:
        page = pipeline.page(limit=_PAGE, start=start)
        fresh = [stored for stored in page.memes if recent(stored)]
        memes += fresh
        if page.next is None or len(fresh) < len(page.memes):
            return memes, True
        start = page.next
    return memes, False


def _fits(stored: StoredMeme, wish: SearchWish) -> bool:
    meme = stored.meme
    texts = (stored.topic, meme.text.top, meme.text.bottom)
    return (
        any(wish.text.casefold() in text.casefold() for text in texts)
        and wish.format in {None, meme.format}
        and meme.score.total >= wish.min_score
    )
