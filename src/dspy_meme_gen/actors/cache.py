"""The cache: memes that were made before, by payload key."""

from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.actors.worker import Worker
from dspy_meme_gen.adapters.memory_cache import MemoryCache
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import Meme
from dspy_meme_gen.messages import LookUp, Remember, Task

__all__ = ["Cache"]


class Cache(Worker):
    """Holds the entries themselves: a crash loses them, which costs time and changes no result."""

    def __init__(self, identity: Identity, replies: Address, memory: MemoryCache) -> None:
        super().__init__(identity, replies)
        self._memory = memory

    def handle(self, message: object) -> None:
        """Remember a meme, or look one up."""
        if isinstance(message, Remember):
            self._memory.put(message.key, message.meme)
        else:
            super().handle(message)

    def perform(self, task: Task) -> Meme | None:
        """The meme under a key, or None."""
        assert isinstance(task, LookUp), task
        return self._memory.get(task.key)
