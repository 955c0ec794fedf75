"""Real servers that are killed and come back, or stop answering and go on: an error in time, and the same client works again."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dspy_meme_gen.adapters.redis_cache import RedisCache
from dspy_meme_gen.adapters.sqlalchemy_store import SqlAlchemyStore
from tests.memespy.contracts.conftest import ManualClock
from tests.memespy.contracts.memes import meme, record
from tests.services import PostgresServer, RedisServer

pytestmark = pytest.mark.integration

PATIENCE_S = 30
"""Far more than the deadlines that are set here; whoever waits longer waits for ever."""


def in_time(call: Callable[[], Any]) -> Any:
    """What a call returned or raised; a failure if it does not come back."""
    ended: list[Any] = []

    def run() -> None:
        try:
            ended.append(call())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            ended.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert ended, "the call did not come back: it has no deadline"
    return ended[0]


class TestPostgreSQL:
    @pytest.fixture
    def store(self, postgres: PostgresServer) -> Iterator[SqlAlchemyStore]:
        import psycopg  # noqa: PLC0415 - an extra

        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS outages CASCADE")
            connection.execute("CREATE SCHEMA outages")
        store = SqlAlchemyStore(f"{postgres.url}?options=-csearch_path%3Doutages", limit_s=0.5)
        store.put(record("m-1"))
        yield store
        postgres.restore()
        store.close()

    def test_a_server_that_is_killed_is_an_error_and_comes_back(self, store: SqlAlchemyStore, postgres: PostgresServer) -> None:
        postgres.kill()
        for call in (lambda: store.put(record("m-2")), lambda: store.get("m-1"), store.all, lambda: store.page(limit=1)):
            assert isinstance(in_time(call), Exception)
        assert store.trouble() == "OperationalError"
        postgres.start()
        assert in_time(lambda: store.put(record("m-2"))) is None
        assert (store.all(), store.trouble()) == ((record("m-1"), record("m-2")), None)

    def test_a_restart_that_nobody_noticed_costs_nothing(self, store: SqlAlchemyStore, postgres: PostgresServer) -> None:
        postgres.kill()
        postgres.start()
        assert in_time(lambda: store.get("m-1")) == record("m-1")

    def test_a_server_that_is_paused_is_an_error_in_time_and_comes_back(self, store: SqlAlchemyStore, postgres: PostgresServer) -> None:
        postgres.pause()
        # The first call meets an open connection, the next ones must make a new one: both have an end.
        for call in (lambda: store.put(record("m-2")), lambda: store.get("m-1"), lambda: store.put(record("m-3"))):
            assert isinstance(in_time(call), Exception)
        postgres.resume()
        for identity in ("m-2", "m-3", "m-2"):
            assert in_time(lambda identity=identity: store.put(record(identity))) is None
        assert [each.id for each in store.all()] == ["m-1", "m-2", "m-3"]

    def test_a_server_that_was_never_there_is_an_error_until_it_is(self, store: SqlAlchemyStore, postgres: PostgresServer) -> None:
        store.close()
        postgres.kill()
        assert isinstance(in_time(lambda: store.get("m-1")), Exception)
        postgres.start()
        assert in_time(lambda: store.get("m-1")) == record("m-1")

    def test_a_row_that_is_locked_is_an_error_in_time(self, store: SqlAlchemyStore, postgres: PostgresServer) -> None:
        import psycopg  # noqa: PLC0415 - an extra

        with psycopg.connect(postgres.url) as other:
            other.execute("SELECT * FROM outages.memes FOR UPDATE")
            assert isinstance(in_time(lambda: store.put(record("m-1", "dogs"))), Exception)
            assert in_time(lambda: store.get("m-1")) == record("m-1")
        assert in_time(lambda: store.put(record("m-1", "dogs"))) is None

    def test_the_server_knows_the_limit_too(self, store: SqlAlchemyStore) -> None:
        with store._connected() as connection:
            limits = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ("statement_timeout", "lock_timeout")]
        assert limits == ["500ms", "500ms"]

    def test_threads_that_meet_an_outage_all_come_back(self, store: SqlAlchemyStore, postgres: PostgresServer) -> None:
        postgres.pause()
        results: list[Any] = []
        threads = [threading.Thread(target=lambda: results.append(in_time(lambda: store.get("m-1")))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        postgres.resume()
        assert [isinstance(result, Exception) for result in results] == [True] * 6
        assert in_time(lambda: store.get("m-1")) == record("m-1")


class TestRedis:
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def cache(self, redis_server: RedisServer, clock: ManualClock) -> Iterator[RedisCache]:
        cache = RedisCache(redis_server.url, namespace="outages", ttl_s=600, limit_s=0.2, rest_s=1.0, clock=clock)
        cache.put("a", meme())
        assert cache.get("a") == meme()
        yield cache
        cache.close()

    def test_a_server_that_is_killed_is_a_miss_and_comes_back(
        self, cache: RedisCache, redis_server: RedisServer, clock: ManualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        redis_server.kill()
        assert in_time(lambda: cache.get("a")) is None
        assert cache.trouble() == "ConnectionError"
        clock.now_s += 1.0
        assert in_time(lambda: cache.put("a", meme())) is None
        redis_server.start()
        clock.now_s += 1.0
        cache.put("b", meme())
        assert (in_time(lambda: cache.get("b")), cache.trouble()) == (meme(), None)
        assert [entry.levelname for entry in caplog.records if entry.name == "memespy.cache"] == ["WARNING", "WARNING"]

    def test_a_restart_that_nobody_noticed_is_only_a_miss(self, cache: RedisCache, redis_server: RedisServer) -> None:
        redis_server.kill()
        redis_server.start()
        assert in_time(lambda: cache.get("a")) is None
        cache.put("a", meme())
        assert (cache.get("a"), cache.trouble()) == (meme(), None)

    def test_a_server_that_is_paused_is_a_miss_in_time_and_comes_back(
        self, cache: RedisCache, redis_server: RedisServer, clock: ManualClock
    ) -> None:
        redis_server.pause()
        assert in_time(lambda: cache.get("a")) is None
        assert cache.trouble() == "TimeoutError"
        redis_server.resume()
        clock.now_s += 1.0
        assert in_time(lambda: cache.get("a")) == meme()

    def test_after_a_failure_it_is_left_alone_for_a_while(self, cache: RedisCache, redis_server: RedisServer, clock: ManualClock) -> None:
        redis_server.kill()
        cache.get("a")
        redis_server.start()
        cache.put("a", meme())
        clock.now_s += 0.99
        assert cache.get("a") is None
        clock.now_s += 0.01
        assert cache.get("a") is None  # nothing was kept while it rested
        cache.put("a", meme())
        assert cache.get("a") == meme()

    def test_what_is_no_meme_is_a_miss(self, cache: RedisCache, redis_server: RedisServer) -> None:
        import redis  # noqa: PLC0415 - an extra

        admin = redis.Redis.from_url(redis_server.url)
        for garbage in (b"", b"\xff", b"{}", b"[]", b'{"id": 1}', b"null"):
            admin.set("memespy:outages:a", garbage, px=60_000)
            assert cache.get("a") is None
        admin.delete("memespy:outages:a")
        admin.lpush("memespy:outages:a", b"a list")
        assert cache.get("a") is None
        admin.delete("memespy:outages:a")
        admin.close()

    def test_an_answer_that_took_longer_than_a_value_had_left_is_a_miss(self, cache: RedisCache, clock: ManualClock) -> None:
        slow = _Slow(clock, by_s=601)
        cache._redis, real = slow.around(cache._redis), cache._redis
        assert cache.get("a") is None
        cache._redis = real
        assert cache.get("a") == meme()

    def test_a_value_without_an_end_is_not_served(self, cache: RedisCache, redis_server: RedisServer) -> None:
        import redis  # noqa: PLC0415 - an extra

        admin = redis.Redis.from_url(redis_server.url)
        admin.persist("memespy:outages:a")
        assert cache.get("a") is None
        admin.close()


class _Slow:
    """Lets time pass while a question is on its way."""

    def __init__(self, clock: ManualClock, by_s: float) -> None:
        self.clock, self.by_s = clock, by_s

    def around(self, real: Any) -> Any:
        outer = self

        class Client:
            def pipeline(self, **options: Any) -> Any:
                outer.clock.now_s += outer.by_s
                return real.pipeline(**options)

        return Client()
