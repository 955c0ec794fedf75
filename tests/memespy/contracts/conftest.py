"""Every implementation of every port, by name: a suite that asks for a port is run once for each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dspy_meme_gen.adapters.language_model import LanguageModel
from dspy_meme_gen.adapters.memory_cache import MemoryCache
from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.adapters.openai_chat import OpenAIChat
from dspy_meme_gen.adapters.redis_cache import RedisCache
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from dspy_meme_gen.adapters.sqlite_outbox import SqliteOutbox
from dspy_meme_gen.ports import Clock, MemeCache, Outbox
from tests.memespy.contracts.openai_stub import KEY, OpenAIStub

INTEGRATION = pytest.mark.integration


class ManualClock:
    """A clock that is set by hand."""

    def __init__(self, wall_s: float = 1_000_000.0) -> None:
        self.now_s = wall_s

    def wall_s(self) -> float:
        return self.now_s

    def monotonic_s(self) -> float:
        return self.now_s


@dataclass
class CacheUnderTest:
    """How a cache is made, and how its time is made to pass without waiting for it."""

    make: Callable[..., MemeCache]
    pass_time: Callable[[float], None]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["SQLite in memory", "SQLite", pytest.param("PostgreSQL", marks=INTEGRATION)])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[SqlAlchemyStore]:
    urls = {"SQLite in memory": "sqlite://", "SQLite": f"sqlite:///{tmp_path}/new folder/memes.db"}
    url = urls.get(request.param) or request.getfixturevalue("postgres_url")
    store = SqlAlchemyStore(url, clock=clock)
    yield store
    store.close()


@pytest.fixture(params=["in process", pytest.param("Redis", marks=INTEGRATION)])
def caches(request: pytest.FixtureRequest, clock: ManualClock, tmp_path: Path) -> Iterator[CacheUnderTest]:
    if request.param == "in process":

        def pass_time(seconds: float) -> None:
            clock.now_s += seconds

        yield CacheUnderTest(lambda ttl_s: MemoryCache(1000, ttl_s, clock=clock), pass_time)
        return
    yield from _redis_caches(request.getfixturevalue("redis_url"), tmp_path.name)


def _redis_caches(url: str, namespace: str) -> Iterator[CacheUnderTest]:
    import redis  # noqa: PLC0415 - only where there is one

    admin = redis.Redis.from_url(url)
    made: list[RedisCache] = []

    def make(ttl_s: float) -> MemeCache:
        made.append(RedisCache(url, namespace=namespace, ttl_s=ttl_s, limit_s=5.0))
        return made[-1]

    def pass_time(seconds: float) -> None:
        # The server's clock is its own: what it holds is made to end earlier instead.
        for key in admin.scan_iter(f"memespy:{namespace}:*"):
            admin.pexpire(key, int(admin.pttl(key) - seconds * 1000))

    yield CacheUnderTest(make, pass_time)
    for cache in made:
        cache.close()
    for key in admin.scan_iter(f"memespy:{namespace}:*"):
        admin.delete(key)
    admin.close()


@pytest.fixture(params=["in memory", "SQLite"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    if request.param == "in memory":
        yield MemoryOutbox()
        return
    outbox = SqliteOutbox(tmp_path / "new folder" / "outbox.db")
    yield outbox
    outbox.close()


@pytest.fixture(params=["OpenAI", "DSPy"])
def language_model(request: pytest.FixtureRequest, openai_stub: OpenAIStub) -> Iterator[LanguageModel]:
    model: Any
    if request.param == "OpenAI":
        model = OpenAIChat(openai_stub.url, KEY, "stub-1", limit_s=10.0)
        yield model
        model.close()
        return
    pytest.importorskip("dspy", reason="DSPy is not installed: pip install 'greenroom[dspy]'")
    from dspy_meme_gen.adapters.dspy_chat import DspyChat  # noqa: PLC0415 - an extra

    yield DspyChat(openai_stub.url, KEY, "stub-1", limit_s=10.0)
