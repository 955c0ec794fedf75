"""Every pipeline that a test starts is stopped, and must leave nothing behind."""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pykka
import pytest

from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.pipeline import Pipeline
from dspy_meme_gen.settings import Settings
from tests.memespy.contracts.openai_stub import OpenAIStub
from tests.memespy.fakes import PATIENCE_S, ManualTimers, Script
from tests.services import own_postgres, own_redis, postgres, postgres_url, redis_server, redis_url

__all__ = ["own_postgres", "own_redis", "postgres", "postgres_url", "redis_server", "redis_url"]


class Start(Protocol):
    def __call__(self, *, timers: Any = None, **settings: Any) -> Pipeline: ...


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    logger = logging.getLogger("pykka")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # it logs every crash with its traceback, and here crashes are wanted
    before = threading.enumerate()
    yield
    logger.setLevel(level)
    for thread in threading.enumerate():
        if thread not in before:
            thread.join(PATIENCE_S)
    assert [thread for thread in threading.enumerate() if thread not in before] == []
    assert pykka.ActorRegistry.get_all() == []


@pytest.fixture(autouse=True)
def _nothing_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has in the environment must not change what a test does."""
    proxies = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    for variable in ("DATABASE_URL", "REDIS_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL", "LOG_LEVEL", *proxies):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def openai_stub() -> Iterator[OpenAIStub]:
    stub = OpenAIStub()
    yield stub
    stub.close()


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def manual_timers() -> ManualTimers:
    return ManualTimers()


@pytest.fixture
def start(script: Script) -> Iterator[Start]:
    """Starts a pipeline on the script's ports."""
    pipelines: list[Pipeline] = []

    def begin(*, timers: Any = None, **settings: Any) -> Pipeline:
        pipelines.append(
            start_pipeline(Settings(**({"restart_backoff_s": 0} | settings)), script.ports(timers or ThreadedTimers()), flat=True)
        )
        return pipelines[-1]

    yield begin
    for pipeline in pipelines:
        pipeline.stop(grace_s=0)


@pytest.fixture
def in_threads() -> Callable[[int, Callable[[int], Any]], list[Any]]:
    """Runs a function on several threads at once, with each thread's number; what they returned or raised, in order."""

    def run(count: int, function: Callable[[int], Any]) -> list[Any]:
        results: list[Any] = [None] * count
        ready = threading.Barrier(count)

        def body(number: int) -> None:
            ready.wait(PATIENCE_S)
            try:
                results[number] = function(number)
            except Exception as error:  # noqa: BLE001 - the test looks at it
                results[number] = error

        threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(3 * PATIENCE_S)
        assert not any(thread.is_alive() for thread in threads)
        return results

    return run
