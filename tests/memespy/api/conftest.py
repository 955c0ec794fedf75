"""A pipeline, the application over it, and a client in the same process."""

from __future__ import annotations

from contextlib import asynccontextmanager

import httpx
import pytest

from dspy_meme_gen.adapters.recalling_store import RecallingStore
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.settings import Settings


class Api:
    """What a test has: the client, the pipeline, the application."""

    def __init__(self, pipeline, settings):
        self.pipeline = pipeline
        self.app = create_app(pipeline, settings)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://memespy.test")

    async def make(self, topic="cats", *, key=None, **fields):
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.client.post("/api/v1/memes/", json={"topic": topic, **fields}, headers=headers)


@pytest.fixture
def serve(script, tmp_path):
    """Serves the script's ports over a store of its own."""

    @asynccontextmanager
    async def serving(*, recalled=False, **chosen):
        settings = Settings(database_url=f"sqlite:///{tmp_path / 'memes.db'}", **({"user_burst": 10_000, "health_period_s": 0} | chosen))
        ports = script.ports(ThreadedTimers())
        store = SqlAlchemyStore(settings.database())
        object.__setattr__(ports, "store", RecallingStore(store, 1_000_000) if recalled else store)
        with start_pipeline(settings, ports) as pipeline:
            api = Api(pipeline, settings)
            async with api.client:
                yield api

    return serving
