"""The supervisor starts crashed actors again, with those of their group that must not go on without them, until it happens too often."""

import logging
from collections.abc import Callable
from functools import partial

from dspy_meme_gen import names
from dspy_meme_gen.actors.supervised import Identity, SupervisedActor
from dspy_meme_gen.address import Address
from dspy_meme_gen.errors import RestartLimitExceeded
from dspy_meme_gen.messages import ChildFailed, ChildRestarted, InspectChildren, Recover, StartAwaited
from dspy_meme_gen.ports import Timers
from dspy_meme_gen.roster import Roster

__all__ = ["Supervisor"]

logger = logging.getLogger("memespy.supervisor")


class Supervisor(SupervisedActor):
    """Replaces a dead child, points its address at the new incarnation, and only then tells those who may have lost something by it.

    It holds nothing of its own: the roster outlives it. When it dies itself it starts its successor with its last breath, which then looks
    for children whose failure was told to the dead; such a restart counts like any other. Beyond the limits it calls `give_up` and rests.
    """

    def __init__(self, identity: Identity, *, address: Address, roster: Roster, timers: Timers, give_up: Callable[[], None]) -> None:
        super().__init__(identity)
        self._address = address
        self._roster = roster
        self._timers = timers
        self._give_up = give_up

    def handle(self, message: object) -> None:
        """Restart a child and its like, go on with what was waited for, or look at all of them."""
        if isinstance(message, ChildFailed):
            self._failed(message.name, message.incarnation)
            self._start_awaited()
        elif isinstance(message, StartAwaited):
            self._start_awaited()
        elif isinstance(message, InspectChildren):
            self._inspect()

    def on_death(self) -> None:
        """The address is pointed at the successor before it inspects: a failure is told to it, or was there to be seen."""
        self._failed(self.identity.name, self.identity.incarnation)
        self._start_awaited(now=self.identity.name)
        self._address.tell(InspectChildren())

    def _failed(self, name: str, dead: int) -> None:
        try:
            plan = self._roster.failed(name, dead)
        except RestartLimitExceeded as error:
            logger.critical("giving up on %s: %s", name, error)
            self._give_up()
            return
        if plan is None:
            return
        for ref in self._roster.living(plan.actors):
            # Its end is told like every other; that it is awaited says that it counts for nothing.
            ref.stop(block=False)
        if plan.delay_s > 0:
            logger.info("%s crashed again and is started again in %.1f s", name, plan.delay_s)
            self._timers.call_later(plan.delay_s, partial(self._address.tell, StartAwaited()))

    def _start_awaited(self, *, now: str | None = None) -> None:
        for name, incarnation in self._roster.start_awaited(now=now):
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
                self._failed(address.name, incarnation)
            elif incarnation > 1:
                # The predecessor may have died between restarting this one and saying so. Said twice, it does nothing.
                self._announce(address.name, incarnation)
        self._start_awaited()
        # A pause that the predecessor began may have ended without anybody to tell.
        self._timers.call_later(1.0, partial(self._address.tell, StartAwaited()))
