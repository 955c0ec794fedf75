"""One independent random generator for each execution of a seeded policy."""

from __future__ import annotations

from random import Random


def generator(seed: int, execution: int) -> Random:
    """The generator of that execution: the same in every process."""
    return Random((seed << 40) ^ (execution * 0x9E3779B1))
