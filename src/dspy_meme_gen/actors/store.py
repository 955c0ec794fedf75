"""The store's actor writes memes down, or keeps them in the outbox until it can."""

import logging
import time
from functools import partial

from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.actors.worker import Worker
from dspy_meme_gen.address import Address
from dspy_meme_gen.messages import DrainOutbox, Recover, StoreMeme, Task, Work
from dspy_meme_gen.ports import MemeStore, Outbox, TimerHandle, Timers

__all__ = ["Store"]

logger = logging.getLogger("memespy.store")


class Store(Worker):
    """The only one that writes to the meme store. Nothing is written before what has waited longer.

    While the outbox holds something, a timer is armed that tries again every `drain_s` seconds.

    What its request has given up waiting for it leaves alone: the orchestrator has put that record into the outbox itself, and a newer one
    of the same meme may have taken its place since.
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
        self._expires_at_s = float("inf")  # of the message being handled

    def handle(self, message: object) -> None:
        """Drain the outbox, or do a task."""
        if isinstance(message, DrainOutbox | Recover):
            self._drain()
            return
        if isinstance(message, Work):
            self._expires_at_s = message.expires_at_s
        super().handle(message)

    def perform(self, task: Task) -> bool:
        """True if the record is stored, False if it waits in the outbox. Raises TimeoutError if nobody waits for the answer any more."""
        assert isinstance(task, StoreMeme), task
        drained = self._drain()
        self._check_time()
        if drained:
            try:
                self._store.put(task.record)
            except Exception as error:  # noqa: BLE001 - whatever the store raises, the record is kept
                self._wait_for_the_store(error)
                self._check_time()
            else:
                return True
        self._outbox.add(task.record)
        return False

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

    def _check_time(self) -> None:
        if time.monotonic() >= self._expires_at_s:
            raise TimeoutError("the request has given up waiting for the store: its record is the orchestrator's to put into the outbox")

    def _wait_for_the_store(self, error: Exception) -> None:
        logger.warning("the store raised %s; trying again in %g s", type(error).__name__, self._drain_s)
        self._timer = self._timers.call_later(self._drain_s, partial(self._address.tell, DrainOutbox()))

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
