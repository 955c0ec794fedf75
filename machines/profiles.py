"""The Hypothesis profiles dev, ci, fuzz, replay and threads; ``conftest.py`` and ``python -m machines`` register them here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase, MultiplexedDatabase, ReadOnlyDatabase

from greenroom.failures import replay_settings

NAMES: Final = ("dev", "ci", "fuzz", "replay", "threads")
ROOT: Final = Path(__file__).resolve().parent.parent
LOCAL: Final = ROOT / ".hypothesis" / "examples"
CORPUS: Final = ROOT / "tests" / "property_based" / "corpus"  # failures that were worth keeping, committed
# A real pipeline is slow to start, and a machine's data is large: neither says that a test is wrong.
_CHECKS: Final = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


def database() -> ExampleDatabase:
    """What failed here before, and the committed corpus, which is never written to."""
    return MultiplexedDatabase(DirectoryBasedExampleDatabase(LOCAL), ReadOnlyDatabase(DirectoryBasedExampleDatabase(CORPUS)))


def register() -> None:
    """Register all profiles, and load ``dev``, or ``ci`` where CI is set.

    Hypothesis's own ``ci``, which it loads when CI=true, has no database: ours replaces it.
    """
    common = {"deadline": None, "database": database(), "suppress_health_check": _CHECKS, "print_blob": True}
    settings.register_profile("dev", settings(max_examples=100, stateful_step_count=30, **common))
    settings.register_profile("ci", settings(max_examples=150, stateful_step_count=30, **common))
    settings.register_profile("fuzz", settings(max_examples=100_000, stateful_step_count=60, **common))
    settings.register_profile("threads", settings(max_examples=25, stateful_step_count=15, **common))
    settings.register_profile("replay", replay_settings(settings.get_profile("dev")))
    settings.load_profile("ci" if os.environ.get("CI") else "dev")
