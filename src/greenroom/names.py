"""The names of what a stage makes, counted by the stage; and what is said where nobody is there to wait."""

from __future__ import annotations

from typing import Any

from greenroom.errors import OutsideStage, StageClosed, StageError


class Names:
    """Gives names in the order of making, so that they are the same in every execution of a schedule."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def next_number(self, kind: str) -> int:
        """1, 2, … for each kind of thing."""
        count = self.names[kind] = self.names.get(kind, 0) + 1
        return count

    def numbered_name(self, kind: str) -> str:
        """``Lock-1``, ``Lock-2``, … in the order of making."""
        return f"{kind}-{self.next_number(kind)}"

    def unique_name(self, wanted: str) -> str:
        """``wanted``, with a number behind it if a task bears that name already."""
        count = self.next_number(wanted)
        return wanted if count == 1 else self.unique_name(f"{wanted}~{count}")


def nobody_can_wait(operation: str, target: Any, *, closing: bool) -> StageError:
    """The error for a wait outside every task, or (``closing``) for what belongs to a stage that is closed."""
    name = getattr(target, "greenroom_name", target)
    if closing:
        return StageClosed(
            f"{operation} on {name} would have to wait, but {name} was made in an earlier execution, which is over: "
            "something outlived it (a global, a cache, a default argument); let each execution make its own"
        )
    return OutsideStage(
        f"{operation} on {name} would have to wait, but no task is running: "
        "code outside the stage can only use what is already there; do the waiting inside a task"
    )
