"""A served MemesPy, as in tests/resilience."""

from __future__ import annotations

from tests.resilience.conftest import served

__all__ = ["served"]
