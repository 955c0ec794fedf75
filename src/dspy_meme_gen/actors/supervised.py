"""What all actors of the pipeline have in common: a name, an incarnation, and a supervisor that hears of their death."""

import abc
from dataclasses import dataclass
from types import TracebackType

import pykka

from dspy_meme_gen.address import Address
from dspy_meme_gen.messages import ChildFailed, Crash

__all__ = ["Identity", "OnPurposeError", "SupervisedActor"]


class OnPurposeError(Exception):
    """A Crash message was handled."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which actor this is: its name, the number of this incarnation, and whom to tell when it dies."""

    name: str
    incarnation: int
    supervisor: Address


class SupervisedActor(pykka.ThreadingActor, abc.ABC):
    """An actor whose death, by an error of its own or by a stop that nobody but the pipeline may ask for, is told to the supervisor."""

    def __init__(self, identity: Identity) -> None:
        super().__init__()
        self.identity = identity

    def on_receive(self, message: object) -> None:
        """Handle a message; a Crash raises, here for every actor alike."""
        if isinstance(message, Crash):
            raise OnPurposeError(message.reason)
        self.handle(message)

    @abc.abstractmethod
    def handle(self, message: object) -> None:
        """Do what the message asks for. What is raised here kills the actor. Messages that are not for it are ignored."""

    def on_failure(
        self,
        exception_type: type[BaseException] | None,  # noqa: ARG002 - Pykka's hook; Pykka has logged all three
        exception_value: BaseException | None,  # noqa: ARG002
        traceback: TracebackType | None,  # noqa: ARG002
    ) -> None:
        """Pykka has marked this actor as dead already: whoever looks now sees it so."""
        self.on_death()

    def on_stop(self) -> None:
        """A stop is a death too. When the pipeline itself stops, it has closed the supervisor's address first, and nobody is told."""
        self.on_death()

    def on_death(self) -> None:
        """Tell the supervisor. It is the last thing this incarnation does."""
        self.identity.supervisor.tell(ChildFailed(self.identity.name, self.identity.incarnation))
