"""How many examples a machine takes to find what is wrong."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import HypothesisException, StopTest, UnsatisfiedAssumption

from machines.statistics import Statistics

if TYPE_CHECKING:
    from greenroom import ActorMachine


@dataclass(slots=True)
class Watch:
    """The examples begun until the first that failed, and what that raised. Those that Hypothesis runs again are not counted."""

    examples: int = 0
    error: BaseException | None = None

    def failed(self, error: BaseException | None) -> None:
        """Keep the first failure; how Hypothesis ends an example, or a person the run, is none."""
        if self.error is None and error is not None and not isinstance(error, _NO_FAILURES):
            self.error = error


_NO_FAILURES = (StopTest, UnsatisfiedAssumption, HypothesisException, KeyboardInterrupt)


def watched(machine: type[ActorMachine]) -> tuple[type[ActorMachine], Watch]:
    """The same machine, and what is learnt of its examples."""
    watch = Watch()

    def begin(self: Any) -> None:
        watch.examples += watch.error is None
        try:
            machine.__init__(self)
        except BaseException as error:
            watch.failed(error)
            raise

    def end(self: Any) -> None:
        watch.failed(sys.exc_info()[1])
        try:
            machine.teardown(self)
        except BaseException as error:
            watch.failed(error)
            raise

    made: Any = type(machine.__name__, (machine,), {"__init__": begin, "teardown": end, "statistics": Statistics()})
    return made, watch


def finding(most: int) -> settings:
    """As the profile ci with `most` examples, but nothing is stored, and nothing shrunk: that would take most of the time."""
    return settings(
        max_examples=most,
        stateful_step_count=30,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
