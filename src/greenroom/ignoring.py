"""Which promises a scenario or a machine means to break."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenroom import errors
from greenroom.errors import BlockedForReal, NondeterminismEscaped, PromiseBroken, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


def switched_off(ignore: Iterable[Any]) -> tuple[type[PromiseBroken], ...]:
    """What ``ignore`` says, checked: the promises that a scenario or a machine means to break.

    Raises:
        UsageError: it is no collection of promises; the message says which there are.
    """
    if isinstance(ignore, type | str):
        raise UsageError(f"ignore takes a list of classes, as in ignore=[greenroom.LeftBehind], not {ignore!r}")
    kinds = tuple(ignore)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, PromiseBroken)):
            why = _WHY_NOT.get(kind, "") if isinstance(kind, type) else ""
            raise UsageError(f"ignore takes classes such as greenroom.LeftBehind, not {_shown(kind)}{why}; there are {_promises()}")
    return kinds


_WHY_NOT: dict[Any, str] = {
    NondeterminismEscaped: ": a failure that cannot be seen again cannot be shown; take away what differs between two executions",
    BlockedForReal: ": a task that waits outside the stage cannot go on; put a fake in the place of what it waits for",
}


def _promises() -> str:
    promises = sorted((kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PromiseBroken)), key=_shown)
    return ", ".join(map(_shown, promises))


def _shown(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else repr(kind)
