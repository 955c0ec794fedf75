"""What every cache keeps to: it may forget, and never serves what is past its time."""

from dataclasses import replace

from tests.memespy.contracts.conftest import CacheUnderTest
from tests.memespy.contracts.memes import meme


def test_what_was_put_is_got_whole(caches: CacheUnderTest) -> None:
    cache = caches.make(60)
    cache.put("a", meme())
    assert (cache.get("a"), cache.get("b")) == (meme(), None)


def test_a_put_replaces(caches: CacheUnderTest) -> None:
    cache = caches.make(60)
    cache.put("a", meme("m-1"))
    cache.put("a", replace(meme("m-2"), degraded=()))
    assert cache.get("a") == replace(meme("m-2"), degraded=())


def test_nothing_is_served_past_its_time_and_a_hit_makes_it_no_younger(caches: CacheUnderTest) -> None:
    cache = caches.make(600)
    cache.put("a", meme())
    caches.pass_time(400)
    assert cache.get("a") == meme()
    caches.pass_time(200)
    assert cache.get("a") is None


def test_a_put_makes_it_young_again(caches: CacheUnderTest) -> None:
    cache = caches.make(600)
    cache.put("a", meme())
    caches.pass_time(400)
    cache.put("a", meme())
    caches.pass_time(400)
    assert cache.get("a") == meme()


def test_without_time_nothing_is_kept(caches: CacheUnderTest) -> None:
    cache = caches.make(0)
    cache.put("a", meme())
    assert cache.get("a") is None


def test_without_time_nothing_is_served_that_another_has_kept(caches: CacheUnderTest) -> None:
    caches.make(60).put("a", meme())
    assert caches.make(0).get("a") is None


def test_keys_are_not_mixed_up(caches: CacheUnderTest) -> None:
    cache = caches.make(60)
    keys = ["a", "A", "a ", "ab", "a*", "", "é", "a:b"]
    for number, key in enumerate(keys):
        cache.put(key, meme(f"m-{number}"))
    assert [cache.get(key) for key in keys] == [meme(f"m-{number}") for number in range(len(keys))]
