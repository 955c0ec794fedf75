"""How many examples a machine takes to find what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from machines.statistics import Statistics

if TYPE_CHECKING:
    from machines.part import PartMachine


def examples_to_find(machine: type[PartMachine], *, most: int = 150, seed_number: int = 0) -> int | None:
    """The number of the first example that fails, None if none of `most` does. Nothing is shrunk: that would take most of the time."""
    chosen = settings(
        max_examples=most,
        stateful_step_count=30,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    counted = type(machine.__name__, (machine,), {"statistics": Statistics()})
    try:
        run_state_machine_as_test(seed(seed_number)(counted), settings=chosen)
    except Exception:  # noqa: BLE001 - whichever claim breaks first
        return counted.statistics.examples
    return None
