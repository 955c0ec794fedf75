"""A worker does one task at a time for the orchestrator and tells how it went."""

import abc
import logging
from typing import TypeVar

from dspy_meme_gen.actors.supervised import Identity, SupervisedActor
from dspy_meme_gen.address import Address
from dspy_meme_gen.messages import Task, Work, WorkDone, WorkFailed

__all__ = ["Worker", "expect"]

logger = logging.getLogger("memespy.worker")

Value = TypeVar("Value")


def expect(kind: type[Value], value: object) -> Value:
    """The value, if a port kept its word about its type. Raises TypeError, which then counts as the port's."""
    if not isinstance(value, kind):
        raise TypeError(f"a port returned {type(value).__name__}; expected {kind.__name__}")
    return value


class Worker(SupervisedActor):
    """Holds a port. It may be inside a port call for long; whatever the port raises is told to the orchestrator and kills nobody."""

    def __init__(self, identity: Identity, replies: Address) -> None:
        super().__init__(identity)
        self._replies = replies

    def handle(self, message: object) -> None:
        """Do the task of a Work message."""
        if not isinstance(message, Work):
            return
        try:
            value = self.perform(message.task)
        except Exception as error:  # noqa: BLE001 - a port may raise anything; which class it was is the orchestrator's to judge
            logger.info("%s: the port raised %s", self.identity.name, type(error).__name__)
            self._replies.tell(WorkFailed(message.request_id, message.serial, type(error).__name__))
        else:
            self._replies.tell(WorkDone(message.request_id, message.serial, value))

    @abc.abstractmethod
    def perform(self, task: Task) -> object:
        """Call the port; what it raises goes to the orchestrator."""
