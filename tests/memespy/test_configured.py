"""Adapters are picked by the settings, and work together: real servers, a stub of OpenAI's API, and what happens when they go away."""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.adapters.model_judges import ModelScorer, ModelVerifier
from dspy_meme_gen.adapters.model_text import ModelRefiner, ModelTextModel
from dspy_meme_gen.adapters.offline_text import OfflineTextModel
from dspy_meme_gen.adapters.openai_images import OpenAIImageModel
from dspy_meme_gen.adapters.pillow_images import PillowImageModel
from dspy_meme_gen.adapters.redis_cache import RedisCache
from dspy_meme_gen.adapters.sqlite_outbox import SqliteOutbox
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import configured_ports, start_pipeline
from dspy_meme_gen.domain import Failed, GenerateMeme, Meme, MemeRecord
from dspy_meme_gen.errors import InvalidSettings
from dspy_meme_gen.pipeline import Pipeline
from dspy_meme_gen.ports import Closeable, Ports
from dspy_meme_gen.settings import Settings
from tests.memespy.contracts.openai_stub import KEY, OpenAIStub, Reply
from tests.memespy.fakes import PATIENCE_S, ManualTimers
from tests.services import PostgresServer, RedisServer

POSTGRES = "postgresql://me@127.0.0.1:1/memes"
SMALL: dict[str, Any] = {"image_width": 64, "image_height": 48, "database_limit_s": 0.5, "redis_limit_s": 0.2}


def ports_for(**fields: Any) -> Ports:
    ports = configured_ports(Settings(**{"database_url": "sqlite://", **SMALL, **fields}))
    for port in (ports.text, ports.image, ports.cache, ports.timers):
        if isinstance(port, Closeable):
            port.close()
    return ports


def test_nothing_configured_needs_nothing() -> None:
    ports = ports_for()
    assert isinstance(ports.text, OfflineTextModel)
    assert isinstance(ports.image, PillowImageModel)
    assert (ports.cache, ports.outbox) == (None, None)


def test_a_key_brings_a_language_model_to_all_who_can_use_one() -> None:
    ports = ports_for(openai_api_key=KEY)
    kinds = (ports.text, ports.scorer, ports.refiner, ports.appropriateness, ports.factuality, ports.instructions)
    assert [type(port) for port in kinds] == [ModelTextModel, ModelScorer, ModelRefiner, ModelVerifier, ModelVerifier, ModelVerifier]
    assert isinstance(ports.image, PillowImageModel)
    assert isinstance(ports_for(openai_api_key=KEY, image_backend="openai").image, OpenAIImageModel)


def test_a_database_elsewhere_brings_an_outbox_that_lasts_of_its_own(tmp_path: Path) -> None:
    folder = str(tmp_path)
    first, again, other = (ports_for(database_url=url, outbox_folder=folder).outbox for url in (POSTGRES, POSTGRES, POSTGRES + "2"))
    assert isinstance(first, SqliteOutbox)
    assert isinstance(again, SqliteOutbox)
    assert isinstance(other, SqliteOutbox)
    assert first._path == again._path != other._path
    assert first._path.parent == tmp_path


def prefix(**fields: Any) -> str:
    cache = ports_for(redis_url="redis://127.0.0.1:1", **fields).cache
    assert isinstance(cache, RedisCache)
    return cache._prefix


def test_only_memes_that_cannot_differ_are_shared_through_redis() -> None:
    model = {"openai_api_key": KEY}
    pictures = {**model, "image_backend": "openai"}
    differing: list[dict[str, Any]] = [
        {},
        {"database_url": "sqlite:///other.db"},
        {"image_width": 65},
        {"image_height": 49},
        model,
        {**model, "openai_base_url": "http://127.0.0.1:1/v1"},
        {**model, "text_model": "another"},
        pictures,
        {**pictures, "image_model": "another"},
    ]
    base = {"database_url": "sqlite:///memes.db"}
    assert len({prefix(**{**base, **fields}) for fields in differing}) == len(differing)
    same: list[dict[str, Any]] = [{}, {"cache_ttl_s": 5.0}, {"log_level": "DEBUG"}, {"text_model": "not used"}]
    assert {prefix(**{**base, **fields}) for fields in same} == {prefix(**base)}


def test_a_store_in_memory_shares_nothing_through_redis() -> None:
    assert prefix() != prefix()


@pytest.mark.parametrize(
    ("extra", "fields"),
    [
        ("redis", {"redis_url": "redis://127.0.0.1:1"}),
        ("dspy", {"text_backend": "dspy", "openai_api_key": KEY}),
        ("monitoring", {"contract_share": 0.5}),
    ],
)
def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, extra: str, fields: dict[str, Any]) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InvalidSettings, match=rf"pip install 'greenroom\[memespy,{extra}\]'"):
        ports_for(**fields)


# Together


@pytest.fixture
def begin() -> Iterator[Callable[..., Pipeline]]:
    pipelines: list[Pipeline] = []

    def start(ports: Callable[[Ports], Ports] = lambda ports: ports, **fields: Any) -> Pipeline:
        settings = Settings(**{"database_url": "sqlite://", **SMALL, **fields})
        pipelines.append(start_pipeline(settings, ports(configured_ports(settings))))
        return pipelines[-1]

    yield start
    for pipeline in pipelines:
        pipeline.stop(grace_s=0)


def make(pipeline: Pipeline, topic: str = "my cats", request_id: str | None = None) -> Any:
    return pipeline.submit(GenerateMeme(request_id or topic, topic)).get(timeout=3 * PATIENCE_S)


def test_a_language_model_makes_a_meme(begin: Callable[..., Pipeline], openai_stub: OpenAIStub) -> None:
    outcome = make(begin(openai_base_url=openai_stub.url, openai_api_key=KEY, image_backend="openai"))
    assert isinstance(outcome, Meme)
    assert (outcome.text.top, outcome.degraded) == ("me: cats", ())
    assert outcome.score.total == pytest.approx(0.35 * 0.9 + 0.25 * 0.8 + 0.2 * 0.7 + 0.2 * 0.6)


def test_a_language_model_that_fails_once_is_asked_once_more(begin: Callable[..., Pipeline], openai_stub: OpenAIStub) -> None:
    openai_stub.next.append(Reply(status=503))
    assert isinstance(make(begin(openai_base_url=openai_stub.url, retry_backoff_s=0.0)), Meme)


def test_a_language_model_that_is_out_of_order_fails_the_request_by_its_class(
    begin: Callable[..., Pipeline], openai_stub: OpenAIStub
) -> None:
    openai_stub.next.extend([Reply(status=401), Reply(status=401)])
    assert make(begin(openai_base_url=openai_stub.url, retry_backoff_s=0.0)) == Failed("ModelRefused", "text")


@pytest.mark.integration
def test_processes_share_their_memes_through_redis(begin: Callable[..., Pipeline], redis_url: str, tmp_path: Path) -> None:
    shared = {"redis_url": redis_url, "database_url": f"sqlite:///{tmp_path}/memes.db"}
    stages: list[str] = []
    first = make(begin(**shared))
    second = make(begin(lambda ports: replace(ports, progress=lambda news: stages.append(news.stage)), **shared))
    assert first == second
    assert stages == ["routing", "cache", "completed"]


@pytest.mark.integration
def test_without_redis_memes_are_made_all_the_same(begin: Callable[..., Pipeline], redis_server: RedisServer) -> None:
    pipeline = begin(redis_url=redis_server.url)
    first = make(pipeline, request_id="r1")
    assert pipeline.health().checks["cache"].status == "ok"
    redis_server.pause()
    assert make(pipeline, request_id="r2") == first
    assert pipeline.health().checks["cache"].detail == "out of order (TimeoutError); memes are made without it"
    redis_server.kill()
    assert make(pipeline, request_id="r3") == first


@pytest.mark.integration
def test_an_outage_of_the_database_loses_no_meme_and_stores_none_twice(
    begin: Callable[..., Pipeline], postgres_url: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    timers = ManualTimers()
    fields = {"database_url": _at(postgres_url, postgres), "outbox_folder": str(tmp_path), "database_rest_s": 0.0}
    pipeline = begin(lambda ports: replace(ports, timers=timers), **fields)
    before = make(pipeline, "before")
    postgres.kill()
    during = [make(pipeline, f"during {number}") for number in range(3)]
    assert [each.degraded for each in during] == [("store_deferred",)] * 3
    assert [each.id for each in pipeline.deferred()] == [each.id for each in during]
    assert pipeline.deferred_count() == 3
    assert pipeline.record(during[0].id) is not None
    postgres.start()
    after = make(pipeline, "after")
    assert [each.id for each in pipeline.stored()] == [each.id for each in (before, *during, after)]
    assert pipeline.deferred() == ()


@pytest.mark.integration
def test_what_waited_when_a_pipeline_ended_is_stored_by_the_next(
    begin: Callable[..., Pipeline], postgres_url: str, postgres: PostgresServer, tmp_path: Path
) -> None:
    fields = {"database_url": _at(postgres_url, postgres), "outbox_folder": str(tmp_path)}
    first = begin(**fields)
    postgres.pause()
    memes = [make(first, topic) for topic in ("cats", "dogs")]
    first.stop(grace_s=0)
    postgres.resume()
    second = begin(**fields)
    make(second, "birds")
    assert [each.id for each in second.stored()][:2] == [each.id for each in memes]
    assert len(second.stored()) == 3


def test_a_reply_that_is_lost_between_write_and_reply_stores_nothing_twice(begin: Callable[..., Pipeline], tmp_path: Path) -> None:
    writes: list[str] = []

    def losing(ports: Ports) -> Ports:
        put = ports.store.put

        def put_and_fail(record: MemeRecord) -> None:
            put(record)
            writes.append(record.id)
            if len(writes) == 1:
                raise ConnectionError("the reply was lost")

        monkey: Any = ports.store
        monkey.put = put_and_fail
        return replace(ports, outbox=SqliteOutbox(tmp_path / "outbox.db"))

    pipeline = begin(losing, outbox_drain_s=0.01)
    first = make(pipeline, "cats")
    second = make(pipeline, "dogs")
    assert (first.degraded, second.degraded) == (("store_deferred",), ())
    assert [each.id for each in pipeline.stored()] == [first.id, second.id]
    assert writes[:2] == [first.id, first.id]


@pytest.mark.parametrize(("durable", "told"), [(True, "stays in the outbox until the next start"), (False, "is lost")])
def test_a_stop_says_what_becomes_of_that_which_waits(
    begin: Callable[..., Pipeline], tmp_path: Path, caplog: pytest.LogCaptureFixture, durable: bool, told: str
) -> None:
    def down(ports: Ports) -> Ports:
        monkey: Any = ports.store
        monkey.put = _down
        outbox = SqliteOutbox(tmp_path / "outbox.db") if durable else MemoryOutbox()
        return replace(ports, outbox=outbox, timers=ThreadedTimers())

    pipeline = begin(down)
    make(pipeline)
    pipeline.stop()
    assert told in caplog.text


def _down(record: MemeRecord) -> None:
    raise ConnectionError("down")


def _at(url: str, server: PostgresServer) -> str:
    """The test's own schema on the server that may be killed; one that was given by DATABASE_URL may not."""
    if str(server.port) not in url:
        pytest.skip("DATABASE_URL names a server that is not ours to kill")
    return url
