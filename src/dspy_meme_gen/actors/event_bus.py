"""The event bus tells everybody who wants to know how each request comes on."""

import logging

from dspy_meme_gen.actors.supervised import Identity, SupervisedActor
from dspy_meme_gen.address import Address
from dspy_meme_gen.messages import Happened
from dspy_meme_gen.subscribers import SubscriberGone, Subscribers

__all__ = ["EventBus"]

logger = logging.getLogger("memespy.event_bus")


class EventBus(SupervisedActor):
    """One listener after another; one that raises is logged and hears of the next event all the same, one that is gone is taken off.

    What is in its inbox when it crashes is not told again: events are news, and what became of a request is in the ledger.
    """

    def __init__(self, identity: Identity, subscribers: Subscribers, metrics: Address) -> None:
        super().__init__(identity)
        self._subscribers = subscribers
        self._metrics = metrics

    def handle(self, message: object) -> None:
        """Pass an event on."""
        if not isinstance(message, Happened):
            return
        self._metrics.tell(message)
        for number, listener in self._subscribers.all():
            try:
                listener(message.progress)
            except SubscriberGone:
                self._subscribers.remove(number)
            except Exception:
                logger.exception("a listener raised at stage %s of a request; the others hear of it all the same", message.progress.stage)
