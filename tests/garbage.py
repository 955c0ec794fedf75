"""Collections of garbage that look at new objects alone: dozens of them would otherwise take most of a test's time."""

from __future__ import annotations

import gc
from contextlib import contextmanager


@contextmanager
def new_objects_alone():
    """What is there at the beginning is not looked through again, by `gc.collect` and `gc.get_objects`, until the end."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
