"""What a policy is: the oracle that decides who runs next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.task import Task


class Policy(Protocol):
    """Makes the choices of one execution after another.

    A choice is an index; 0 is always the default order. Among tasks, -1 holds the default back until nothing else can run. A policy
    sees the pending ``operation`` and ``target`` of each option, and nothing that would let it change them. One that is systematic may
    have a method ``exhausted() -> str`` as well: asked before each execution, it says what has been tried in full once nothing is left
    to try ("every schedule"), else "". One with an attribute ``trace`` (a ``greenroom.dependence.Trace``) is told of steps without a
    choice by ``only(task)``, and of the end of an execution by ``finish()``.
    """

    def begin(self, execution: int) -> None:
        """Get ready for the execution of that number, counted from 0."""

    def choose(self, options: Sequence[Task]) -> int:
        """Pick one of at least two tasks that could run now; the default comes first."""

    def choose_value(self, count: int) -> int:
        """Pick one of ``count`` >= 2 values for the program under test."""
