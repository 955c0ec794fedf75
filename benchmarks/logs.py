"""What the tasks of a random program have seen; in a module without actors, so that no actor shares it."""

from __future__ import annotations

from typing import Any

_logs: dict[str, list[Any]] = {}


def clear() -> None:
    """Forget everything."""
    _logs.clear()


def add(task: str, seen: Any) -> None:
    """The task of that name has seen something."""
    _logs.setdefault(task, []).append(seen)


def length(task: str) -> int:
    """How much the task of that name has seen."""
    return len(_logs[task])


def outcome() -> str:
    """All that was seen, as a text."""
    return repr({task: _logs[task] for task in sorted(_logs)})
