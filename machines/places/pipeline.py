"""Where a request can be: its stage, or how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from machines.coverage import Places
from model.stages import ABORTS, NEXT
from model.values import TERMINAL

if TYPE_CHECKING:
    from collections.abc import Iterator


def label(stage: str, *, degraded: bool = False) -> str:
    """The name of a request's stage; a degraded meme is an end of its own."""
    return f"{stage}, degraded" if degraded else stage


def places() -> Places:
    """What may follow what; an orchestrator that dies takes its requests back to the cache, once each."""
    transitions = tuple(dict.fromkeys(_transitions()))
    return Places(tuple(dict.fromkeys(state for step in transitions for state in step)), transitions)


def _transitions() -> Iterator[tuple[str, str]]:
    for before, following in NEXT.items():
        if not before:
            continue
        for after in sorted(following):
            yield before, after
            if after == "completed":  # also from the cache: who has waited for another's work is given what came of it
                yield before, label(after, degraded=True)
        for after in sorted(ABORTS):
            yield before, after
        if before not in ("routing", "cache") and before not in TERMINAL.values():
            yield before, "cache"
