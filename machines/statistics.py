"""What a run of a machine amounted to: counted over all its examples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from machines.coverage import Coverage

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_CHECKS: Final = 3
EXAMPLES_A_CHECK: Final = 20


@dataclass(slots=True)
class Statistics:
    """Sums and extremes over the examples of one machine. Latencies in virtual seconds and in scheduling points."""

    examples: int = 0
    steps: int = 0
    operations: int = 0
    observations: int = 0
    invariants: int = 0
    schedules: set[int] = field(default_factory=set)
    deepest_inbox: int = 0
    deepest_inbox_of: str = ""
    worst_latency_s: float = 0.0
    worst_latency_steps: int = 0
    memory_checks: int = 0
    memory_leaks: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    coverage: Coverage = field(default_factory=Coverage)
    listener: Callable[[], None] | None = None

    def memory_check_is_due(self) -> bool:
        """Whether another look at memory, which is slow, is worth its time: Hypothesis likes to draw again what brought one about.

        Once something leaked the answer is always yes, so an example that failed of it fails when it is run again.
        """
        return self.memory_leaks > 0 or self.memory_checks < FIRST_CHECKS + self.examples // EXAMPLES_A_CHECK

    def example_ended(self) -> None:
        """Tell whoever shows the progress."""
        if self.listener is not None:
            self.listener()
