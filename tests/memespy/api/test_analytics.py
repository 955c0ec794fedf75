"""Analytics over what was stored at known times."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from dspy_meme_gen.api.analytics import analytics_routes
from dspy_meme_gen.domain import MemePage, MemeText, StoredMeme
from tests.memespy.contracts.memes import record

NOW_S = 1_000_000.0


class Stored:
    """What a pipeline has stored, newest first, in pages."""

    def __init__(self, *memes):
        text = MemeText("top", "bottom")
        self.memes = [StoredMeme(replace(record(f"m-{number}").meme, text=text), *each) for number, each in enumerate(memes)]

    def page(self, *, limit, start=None):
        start = start or 0
        following = start + limit if start + limit < len(self.memes) else None
        return MemePage(tuple(self.memes[start : start + limit]), following)


@pytest.fixture
def ask():
    async def asking(stored, path):
        app = FastAPI()
        app.include_router(analytics_routes(stored, lambda: NOW_S))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://memespy.test") as client:
            return (await client.get(f"/api/v1/analytics/{path}")).json()

    return asking


def at(age_s, topic="cats"):
    return topic, None, None, NOW_S - age_s


async def test_a_period_ends_where_it_ends_also_within_a_page(ask):
    stored = Stored(at(0), at(3600), at(3600.5), at(86_400), at(86_401))
    counted = {period: (await ask(stored, f"stats/{period}"))["memes"] for period in ("hour", "day", "week", "all")}
    assert counted == {"hour": 2, "day": 4, "week": 5, "all": 5}


async def test_a_period_goes_on_over_pages(ask):
    stored = Stored(*(at(number) for number in range(250)), at(7200))
    assert (await ask(stored, "stats/hour"))["memes"] == 250
    assert (await ask(stored, "stats/hour"))["complete"]


async def test_a_word_counts_once_for_each_meme(ask):
    stored = Stored(at(0, "Cats and cats"), at(1, "cats, CATS, dogs"), at(2, "dogs"), at(90_000, "birds"))
    words = (await ask(stored, "trending"))["words"]
    assert words == [{"word": "cats", "memes": 2}, {"word": "dogs", "memes": 2}, {"word": "and", "memes": 1}]
