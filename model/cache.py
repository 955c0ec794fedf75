"""The cache: least recently used goes first, and nothing is served past its time.

A `Cache` is a value. `get` and `put` are its rules; `step` is the same as a transition function, for checkers.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and the virtual second it was put in; a hit does not make it younger."""

    key: str
    value: Hashable
    put_at_s: float


@dataclass(frozen=True, slots=True)
class Cache:
    """Entries from the least to the most recently used; `ttl_s` 0 keeps nothing."""

    capacity: int = 1000
    ttl_s: float = 3600.0
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Get:
    """Look a key up; the result is its value or None."""

    key: str
    now_s: float


@dataclass(frozen=True, slots=True)
class Put:
    """Keep a value; the result is None."""

    key: str
    value: Hashable
    now_s: float


Call: TypeAlias = Get | Put


def init() -> Cache:
    """An empty cache with the numbers of the contract."""
    return Cache()


def step(state: Cache, call: Call) -> tuple[tuple[Hashable, Cache], ...]:
    """Every legal (result, state); a cache has exactly one."""
    match call:
        case Get(key, now_s):
            return (get(state, key, now_s=now_s),)
        case Put(key, value, now_s):
            return ((None, put(state, key, value, now_s=now_s)),)


def get(cache: Cache, key: str, *, now_s: float) -> tuple[Hashable, Cache]:
    """The value of a key, or None; a hit makes it the most recently used, an expired entry is dropped."""
    for entry in cache.entries:
        if entry.key == key:
            rest = _without(cache, key)
            if _expired(cache, entry, now_s):
                return None, replace(cache, entries=rest)
            return entry.value, replace(cache, entries=(*rest, entry))
    return None, cache


def put(cache: Cache, key: str, value: Hashable, *, now_s: float) -> Cache:
    """The cache with this value as its most recently used; past the capacity the least recently used entries go."""
    if cache.ttl_s <= 0 or cache.capacity <= 0:
        return cache
    entries = (*_without(cache, key), Entry(key, value, now_s))
    return replace(cache, entries=entries[-cache.capacity :])


def keys(cache: Cache, *, now_s: float) -> tuple[str, ...]:
    """The keys that could still be hit, from the least to the most recently used."""
    return tuple(entry.key for entry in cache.entries if not _expired(cache, entry, now_s))


def _without(cache: Cache, key: str) -> tuple[Entry, ...]:
    return tuple(entry for entry in cache.entries if entry.key != key)


def _expired(cache: Cache, entry: Entry, now_s: float) -> bool:
    return now_s - entry.put_at_s >= cache.ttl_s
