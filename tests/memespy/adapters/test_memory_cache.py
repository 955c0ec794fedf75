"""The cache is LRU, and serves nothing past its time."""

import time
from typing import Any

import pytest

from dspy_meme_gen.adapters.memory_cache import MemoryCache


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def keys(cache: MemoryCache, candidates: str) -> str:
    return "".join(key for key in candidates if cache.get(key) is not None)


def put(cache: MemoryCache, key: str) -> None:
    meme: Any = f"meme {key}"
    cache.put(key, meme)


def test_the_least_recently_used_goes_first_and_a_hit_is_a_use(clock: list[float]) -> None:
    cache = MemoryCache(2, 60)
    put(cache, "a")
    put(cache, "b")
    assert cache.get("a") is not None
    put(cache, "c")
    assert keys(cache, "abc") == "ac"
    assert len(cache) == 2


def test_a_value_is_served_until_just_before_its_time(clock: list[float]) -> None:
    cache = MemoryCache(2, 60)
    put(cache, "a")
    clock[0] += 59.999
    assert keys(cache, "a") == "a"
    clock[0] = 160.0
    assert keys(cache, "a") == ""
    assert len(cache) == 0


def test_a_put_makes_a_value_young_again(clock: list[float]) -> None:
    cache = MemoryCache(2, 60)
    put(cache, "a")
    clock[0] += 59
    put(cache, "a")
    clock[0] += 59
    assert keys(cache, "a") == "a"


@pytest.mark.parametrize(("capacity", "ttl_s"), [(0, 60), (2, 0)])
def test_no_room_or_no_time_keeps_nothing(clock: list[float], capacity: int, ttl_s: float) -> None:
    cache = MemoryCache(capacity, ttl_s)
    put(cache, "a")
    assert (keys(cache, "a"), len(cache)) == ("", 0)
