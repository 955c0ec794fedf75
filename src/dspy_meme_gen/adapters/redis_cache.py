"""A cache in Redis, or anything that speaks its protocol: shared by all processes that make the same memes."""

import logging
import threading
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dspy_meme_gen.adapters.records import meme_from_json, meme_to_json
from dspy_meme_gen.adapters.system_clock import SystemClock
from dspy_meme_gen.domain import Meme
from dspy_meme_gen.ports import Clock

__all__ = ["RedisCache"]

logger = logging.getLogger("memespy.cache")


class RedisCache:
    """Each meme for less than `ttl_s` seconds after it was put; 0 keeps nothing. How many there is room for is the server's business.

    Keys are `memespy:<namespace>:<key>`: the namespace must tell apart whatever would make another meme of the same payload. An outage is a
    miss, and a put that does nothing: a call takes at most about twice `limit_s` seconds, nothing is tried twice, and after a failure the
    server is left alone for `rest_s` seconds. Raises nothing. Any thread may call.
    """

    def __init__(  # noqa: PLR0913 - one parameter for each number
        self, url: str, *, namespace: str, ttl_s: float, limit_s: float = 0.25, rest_s: float = 1.0, clock: Clock | None = None
    ) -> None:
        self._prefix = f"memespy:{namespace}:"
        self._ttl_ms = int(ttl_s * 1000)
        self._rest_s = rest_s
        self._clock: Clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._resting_until_s = float("-inf")
        self._trouble: str | None = None
        # Its own retries would make a lookup wait for ten seconds, and the pool replaces a connection that its server closed anyway.
        self._redis = redis.Redis.from_url(
            url, socket_timeout=limit_s, socket_connect_timeout=limit_s, retry=Retry(NoBackoff(), 0), health_check_interval=0
        )

    def get(self, key: str) -> Meme | None:
        """The meme under this key, or None; also None when its time ran out while the answer was on its way."""
        if self._resting() or self._ttl_ms <= 0:
            return None
        asked_at_s = self._clock.monotonic_s()
        try:
            with self._redis.pipeline(transaction=True) as both:
                value, left_ms = _asked(both, self._prefix + key)
            took_ms = (self._clock.monotonic_s() - asked_at_s) * 1000
            meme = None if value is None or not took_ms < left_ms else meme_from_json(value)
        except (redis.RedisError, OSError) as error:
            self._failed(error)
            return None
        except (ValueError, KeyError, TypeError) as error:
            logger.warning("the cache holds something that is no meme (%s); it counts as a miss", type(error).__name__)
            return None
        self._worked()
        return meme

    def put(self, key: str, meme: Meme) -> None:
        """Keep a meme."""
        if self._resting() or self._ttl_ms <= 0:
            return
        try:
            self._redis.set(self._prefix + key, meme_to_json(meme), px=self._ttl_ms)
        except (redis.RedisError, OSError) as error:
            self._failed(error)
        else:
            self._worked()

    def trouble(self) -> str | None:
        """The class of what the last attempt raised, or None."""
        return self._trouble

    def close(self) -> None:
        """Let go of the connections; a later call opens new ones."""
        self._redis.close()

    def _resting(self) -> bool:
        return self._clock.monotonic_s() < self._resting_until_s

    def _failed(self, error: Exception) -> None:
        with self._lock:
            first, self._trouble = self._trouble is None, type(error).__name__
            self._resting_until_s = self._clock.monotonic_s() + self._rest_s
        if first:
            # Once for each outage. The class alone: what a server says may repeat what it was sent.
            logger.warning("the cache raised %s; memes are made without it until it works again", type(error).__name__)

    def _worked(self) -> None:
        if self._trouble is not None:
            with self._lock:
                self._trouble = None
            logger.warning("the cache works again")


def _asked(both: Any, key: str) -> tuple[bytes | None, int]:  # noqa: ANN401 - redis-py's types know no pipelines
    """A value, and how many milliseconds it has left."""
    value, left_ms = both.get(key).pttl(key).execute()
    return value, left_ms
