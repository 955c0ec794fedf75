"""Where the cache can be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from machines.coverage import Places, reachable
from model import cache
from model.cache import Cache, Get, Put

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

_TTL_S = 2.0
_Moment = tuple[Cache, float]


def label(state: Cache, now_s: float) -> str:
    """The name of a cache's state."""
    if state.ttl_s <= 0:
        return "keeps nothing"
    if not state.entries:
        return "empty"
    room = "full" if len(state.entries) == state.capacity else "partly full"
    return room if len(cache.keys(state, now_s=now_s)) == len(state.entries) else f"{room}, with an expired entry"


def places() -> Places:
    """With room for one or two of three keys, and from the beginning again, as after a crash."""
    starts = [(Cache(capacity, ttl_s), 0.0) for capacity in (1, 2) for ttl_s in (_TTL_S, 0.0)]
    return reachable(starts, _moves, lambda moment: label(*moment), _same)


def _moves(moment: _Moment) -> Iterator[_Moment]:
    state, now_s = moment
    yield state, now_s + 1.0
    yield replace(state, entries=()), now_s
    for key in "abc":
        yield from ((after, now_s) for _, after in cache.step(state, Get(key, now_s)))
        yield from ((after, now_s) for _, after in cache.step(state, Put(key, "meme", now_s)))


def _same(moment: _Moment) -> Hashable:
    state, now_s = moment
    return state.capacity, state.ttl_s, tuple((entry.key, min(now_s - entry.put_at_s, _TTL_S)) for entry in state.entries)
