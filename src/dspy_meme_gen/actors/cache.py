"""The cache: memes that were made before, by payload key."""

import logging

from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.actors.worker import Worker
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import Meme
from dspy_meme_gen.messages import LookUp, Remember, Task
from dspy_meme_gen.ports import MemeCache

__all__ = ["Cache"]

logger = logging.getLogger("memespy.cache")


class Cache(Worker):
    """Holds the cache's port. What is lost with it, or never gets into it, costs time and changes no result."""

    def __init__(self, identity: Identity, replies: Address, cache: MemeCache) -> None:
        super().__init__(identity, replies)
        self._cache = cache

    def handle(self, message: object) -> None:
        """Remember a meme, or look one up."""
        if isinstance(message, Remember):
            self._remember(message)
        else:
            super().handle(message)

    def perform(self, task: Task) -> Meme | None:
        """The meme under a key, or None."""
        assert isinstance(task, LookUp), task
        return self._cache.get(task.key)

    def _remember(self, message: Remember) -> None:
        try:
            self._cache.put(message.key, message.meme)
        except Exception as error:  # noqa: BLE001 - nobody waits for an answer, and a meme that is not kept is made again
            logger.warning("the cache raised %s; a meme is not kept", type(error).__name__)
