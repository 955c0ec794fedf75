"""The supervisor starts crashed actors again, one for one, until it happens too often."""

import logging
from collections.abc import Callable

from dspy_meme_gen import names
from dspy_meme_gen.actors.supervised import Identity, SupervisedActor
from dspy_meme_gen.errors import RestartLimitExceeded
from dspy_meme_gen.messages import ChildFailed, ChildRestarted, InspectChildren, Recover
from dspy_meme_gen.roster import Roster

__all__ = ["Supervisor"]

logger = logging.getLogger("memespy.supervisor")


class Supervisor(SupervisedActor):
    """Replaces a dead child, points its address at the new incarnation, and only then tells those who may have lost something by it.

    It holds nothing of its own: the roster outlives it. When it dies itself it starts its successor with its last breath, which then looks
    for children whose failure was told to the dead; such a restart counts like any other. Beyond the limit it calls `give_up` and rests.
    """

    def __init__(self, identity: Identity, roster: Roster, give_up: Callable[[], None]) -> None:
        super().__init__(identity)
        self._roster = roster
        self._give_up = give_up

    def handle(self, message: object) -> None:
        """Restart one child, or look at all of them."""
        if isinstance(message, ChildFailed):
            self._restart(message.name, message.incarnation)
        elif isinstance(message, InspectChildren):
            self._inspect()

    def on_death(self) -> None:
        """The address is pointed at the successor before it inspects: a failure is told to it, or was there to be seen."""
        self._restart(self.identity.name, self.identity.incarnation)
        self.identity.supervisor.tell(InspectChildren())

    def _restart(self, name: str, dead: int) -> None:
        try:
            incarnation = self._roster.restart(name, dead)
        except RestartLimitExceeded as error:
            logger.critical("giving up on %s: %s", name, error)
            self._give_up()
            return
        if incarnation is not None:
            logger.warning("%s crashed and was started again (incarnation %d)", name, incarnation)
            self._announce(name, incarnation)

    def _announce(self, name: str, incarnation: int) -> None:
        for address in self._roster.addresses():
            if address.name == name != names.SUPERVISOR:
                address.tell(Recover())
            if address.name in {names.MEME_GENERATOR, names.ROUTER}:
                address.tell(ChildRestarted(name, incarnation))

    def _inspect(self) -> None:
        for address in self._roster.addresses():
            ref, incarnation = address.ref, address.incarnation
            if ref is not None and not ref.is_alive():
                self._restart(address.name, incarnation)
            elif incarnation > 1:
                # The predecessor may have died between restarting this one and saying so. Said twice, it does nothing.
                self._announce(address.name, incarnation)
