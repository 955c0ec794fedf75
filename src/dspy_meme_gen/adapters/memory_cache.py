"""A cache in memory: least recently used goes first, and nothing is served past its time."""

from collections import OrderedDict

from dspy_meme_gen.adapters.system_clock import SystemClock
from dspy_meme_gen.domain import Meme
from dspy_meme_gen.ports import Clock

__all__ = ["MemoryCache"]


class MemoryCache:
    """At most `capacity` memes, each for less than `ttl_s` seconds after it was put; 0 of either keeps nothing. For one thread."""

    def __init__(self, capacity: int, ttl_s: float, *, clock: Clock | None = None) -> None:
        self._capacity = capacity
        self._ttl_s = ttl_s
        self._clock: Clock = clock or SystemClock()
        self._entries: OrderedDict[str, tuple[Meme, float]] = OrderedDict()

    def get(self, key: str) -> Meme | None:
        """The meme under this key, now the most recently used, or None. A hit makes it no younger."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        meme, put_at_s = entry
        if self._clock.monotonic_s() - put_at_s >= self._ttl_s:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return meme

    def put(self, key: str, meme: Meme) -> None:
        """Keep a meme, as the most recently used; beyond the capacity the least recently used one goes."""
        if self._ttl_s <= 0 or self._capacity <= 0:
            return
        self._entries[key] = (meme, self._clock.monotonic_s())
        self._entries.move_to_end(key)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    def __len__(self) -> int:
        """How many memes are kept, those past their time included."""
        return len(self._entries)
