"""Random numbers and UUIDs as a simulated task sees them: the same in every execution.

Each task has a generator of its own, seeded by its place among the tasks. So drawing is no shared state: what one task draws does not
depend on what the others have drawn before.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from typing import TYPE_CHECKING, Any, Final

from greenroom.elsewhere import here
from greenroom.task import Task, current_task

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULE_FUNCTIONS: Final = (
    "random", "betavariate", "choice", "choices", "expovariate", "gammavariate", "gauss", "getrandbits", "getstate",
    "lognormvariate", "normalvariate", "paretovariate", "randbytes", "randint", "random", "randrange", "sample", "seed", "setstate",
    "shuffle", "triangular", "uniform", "vonmisesvariate", "weibullvariate",
)  # fmt: skip

_MOST_UUIDS: Final = 10_000
_uuids: Final[dict[tuple[tuple[int, ...], int], uuid.UUID]] = {}  # the same in every execution, and every actor that starts draws one


def module_functions() -> list[str]:
    """The functions of ``random`` that draw from its hidden generator, as far as this Python has them."""
    return [name for name in _MODULE_FUNCTIONS if hasattr(random, name)]


def simulated(name: str) -> Callable[..., Any]:
    """``random.<name>`` on the stage's own generator."""

    def draw(*args: Any, **kwargs: Any) -> Any:
        if name == "seed" and args[:1] in ((), (None,)) and not kwargs.get("a"):
            args = (_generator().getrandbits(64),)
        return getattr(_generator(), name)(*args, **kwargs)

    draw.__name__ = name
    return draw


def _generator(task: Task | None = None) -> random.Random:
    task = task or current_task() or here()
    assert task is not None, "only a task sees simulated random numbers"
    if task.random is None:
        task.random = _RealRandom(repr(task.path))
    return task.random


_RealRandom: Final = random.Random


class Random(random.Random):
    """``random.Random``; where it is given no seed, the task gives it one."""

    def seed(self, a: Any = None, version: int = 2) -> None:
        task = current_task() or here()
        super().seed(_generator(task).getrandbits(64) if a is None and task is not None else a, version)


def urandom(size: int) -> bytes:
    """``os.urandom``."""
    return _generator().randbytes(size)


def uuid4() -> uuid.UUID:
    """``uuid.uuid4``: a valid version-4 UUID, made of the task's place among the tasks and how many it has drawn."""
    task = current_task() or here()
    assert task is not None
    task.uuids += 1
    drawn = (task.path, task.uuids)
    known = _uuids.get(drawn)
    if known is None:
        if len(_uuids) >= _MOST_UUIDS:
            _uuids.clear()
        known = _uuids[drawn] = uuid.UUID(bytes=hashlib.sha256(repr(drawn).encode()).digest()[:16], version=4)
    return known


def uuid1(node: int | None = None, clock_seq: int | None = None) -> uuid.UUID:
    """``uuid.uuid1``: a valid version-1 UUID from the stage's clock and generator."""
    task = current_task()
    assert task is not None
    ticks = task.scheduler.clock.now_ns // 100 + 0x01B21DD213814000 + _generator(task).getrandbits(8)
    sequence = _generator(task).getrandbits(14) if clock_seq is None else clock_seq
    fields = (ticks & 0xFFFFFFFF, (ticks >> 32) & 0xFFFF, (ticks >> 48) & 0x0FFF, (sequence >> 8) & 0x3F, sequence & 0xFF)
    return uuid.UUID(fields=(*fields, 0x020000000001 if node is None else node), version=1)
