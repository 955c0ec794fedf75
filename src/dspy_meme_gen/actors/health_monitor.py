"""The health monitor looks at the outside world now and then, so that nobody who asks has to wait for it."""

import logging
from collections.abc import Callable, Mapping
from functools import partial

from dspy_meme_gen.actors.supervised import Identity, SupervisedActor
from dspy_meme_gen.address import Address
from dspy_meme_gen.health import Check, Checks
from dspy_meme_gen.messages import LookAround, Recover
from dspy_meme_gen.ports import TimerHandle, Timers

__all__ = ["HealthMonitor"]

logger = logging.getLogger("memespy.health")


class HealthMonitor(SupervisedActor):
    """Calls each probe every `period_s` seconds; what one raises is why that part is degraded. It alone waits for them."""

    def __init__(  # noqa: PLR0913 - one parameter for each thing it needs
        self,
        identity: Identity,
        *,
        address: Address,
        probes: Mapping[str, Callable[[], object]],
        checks: Checks,
        timers: Timers,
        period_s: float,
    ) -> None:
        super().__init__(identity)
        self._address = address
        self._probes = probes
        self._checks = checks
        self._timers = timers
        self._period_s = period_s
        self._timer: TimerHandle | None = None

    def on_start(self) -> None:
        """The first look comes after a period: a service that has just started has its adapters' word that they work."""
        self._checks.begin()
        self._arm()

    def handle(self, message: object) -> None:
        """Look at everything, and again after a while."""
        if isinstance(message, LookAround | Recover):
            self._checks.write({name: _look(name, probe) for name, probe in self._probes.items()})
            self._arm()

    def on_death(self) -> None:
        """The next incarnation arms its own timer."""
        if self._timer is not None:
            self._timer.cancel()
        super().on_death()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timers.call_later(self._period_s, partial(self._address.tell, LookAround()))


def _look(name: str, probe: Callable[[], object]) -> Check:
    try:
        probe()
    except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
        logger.warning("%s does not answer: %s", name, type(error).__name__)
        return Check("degraded", f"does not answer ({type(error).__name__})")
    return Check("ok")
