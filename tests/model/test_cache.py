"""The cache: recency, capacity, time to live."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.cache import Cache, Get, Put, get, keys, put, step

CALLS = st.lists(
    st.one_of(
        st.builds(Get, st.sampled_from("abc"), st.integers(0, 3)),
        st.builds(Put, st.sampled_from("abc"), st.integers(0, 1), st.integers(0, 3)),
    ),
    max_size=12,
)


def filled(*names, capacity=3, ttl_s=10.0):
    cache = Cache(capacity, ttl_s)
    for name in names:
        cache = put(cache, name, name.upper(), now_s=0)
    return cache


def test_a_value_is_found_under_its_key_alone():
    cache = filled("a", "b")
    assert get(cache, "a", now_s=0)[0] == "A"
    assert get(cache, "c", now_s=0) == (None, cache)


def test_the_least_recently_put_goes_first():
    assert keys(filled("a", "b", "c", "d"), now_s=0) == ("b", "c", "d")


def test_a_hit_saves_from_eviction():
    _, cache = get(filled("a", "b", "c"), "a", now_s=0)
    assert keys(put(cache, "d", "D", now_s=0), now_s=0) == ("c", "a", "d")


def test_a_value_put_again_is_the_youngest_and_the_newest():
    cache = put(filled("a", "b", "c"), "a", "new", now_s=5)
    assert keys(cache, now_s=5) == ("b", "c", "a")
    assert get(cache, "a", now_s=14.9)[0] == "new"


@pytest.mark.parametrize(("now_s", "found"), [(0, "A"), (9.999, "A"), (10, None), (11, None)])
def test_a_value_as_old_as_the_ttl_is_not_served(now_s, found):
    assert get(filled("a"), "a", now_s=now_s)[0] == found


def test_a_hit_does_not_make_a_value_younger():
    _, cache = get(filled("a"), "a", now_s=9)
    assert get(cache, "a", now_s=10) == (None, Cache(3, 10.0))


@pytest.mark.parametrize("cache", [Cache(3, 0), Cache(0, 10.0)])
def test_no_time_or_no_room_keeps_nothing(cache):
    assert put(cache, "a", "A", now_s=0) == cache


@given(CALLS, st.integers(1, 2))
def test_it_never_holds_more_than_its_capacity_nor_a_key_twice(calls, capacity):
    cache = Cache(capacity, 2)
    for call in calls:
        [(_, cache)] = step(cache, call)
        held = [entry.key for entry in cache.entries]
        assert len(held) <= capacity
        assert len(held) == len(set(held))


@given(CALLS)
def test_a_value_served_is_the_last_one_put_and_young_enough(calls):
    cache, last, now_s = Cache(3, 2), {}, 0
    for call in calls:
        now_s = max(now_s, call.now_s)
        if isinstance(call, Put):
            [(_, cache)] = step(cache, Put(call.key, call.value, now_s))
            last[call.key] = (call.value, now_s)
        else:
            [(value, cache)] = step(cache, Get(call.key, now_s))
            assert value is None or (value, True) == (last[call.key][0], now_s - last[call.key][1] < 2)
            assert value is not None or call.key not in last or now_s - last[call.key][1] >= 2
