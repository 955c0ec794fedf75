"""The store's actor writes memes down, or keeps them in the outbox until it can."""

import logging
from functools import partial

from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.actors.worker import Worker
from dspy_meme_gen.address import Address
from dspy_meme_gen.messages import DrainOutbox, Recover, StoreMeme, Task
from dspy_meme_gen.ports import MemeStore, Outbox, TimerHandle, Timers

__all__ = ["Store"]

logger = logging.getLogger("memespy.store")


class Store(Worker):
    """The only one that writes to the meme store. Nothing is written before what has waited longer.

    While the outbox holds something, a timer is armed that tries again every `drain_s` seconds.
    """

    def __init__(  # noqa: PLR0913 - one parameter for each thing it needs
        self, identity: Identity, replies: Address, *, address: Address, store: MemeStore, outbox: Outbox, timers: Timers, drain_s: float
    ) -> None:
        super().__init__(identity, replies)
        self._address = address
        self._store = store
        self._outbox = outbox
        self._timers = timers
        self._drain_s = drain_s
        self._timer: TimerHandle | None = None

    def handle(self, message: object) -> None:
        """Drain the outbox, or do a task."""
        if isinstance(message, DrainOutbox | Recover):
            self._drain()
        else:
            super().handle(message)

    def perform(self, task: Task) -> bool:
        """True if the record is stored, False if it waits in the outbox."""
        assert isinstance(task, StoreMeme), task
        if not self._drain():
            self._outbox.add(task.record)
            return False
        try:
            self._store.put(task.record)
        except Exception as error:  # noqa: BLE001 - whatever the store raises, the record is kept
            self._wait_for_the_store(error)
            self._outbox.add(task.record)
            return False
        return True

    def on_death(self) -> None:
        """The next incarnation arms its own timer."""
        self._disarm()
        super().on_death()

    def _drain(self) -> bool:
        """Write what waits; whether the outbox is empty now."""
        self._disarm()
        try:
            self._outbox.drain(self._store.put)
        except Exception as error:  # noqa: BLE001 - as in perform
            self._wait_for_the_store(error)
            return False
        return True

    def _wait_for_the_store(self, error: Exception) -> None:
        logger.warning("the store raised %s; trying again in %g s", type(error).__name__, self._drain_s)
        self._timer = self._timers.call_later(self._drain_s, partial(self._address.tell, DrainOutbox()))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
