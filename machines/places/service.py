"""Where the service can be, as its clients know it: several parts of it are each somewhere."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from machines.coverage import Places

if TYPE_CHECKING:
    from model.service import Books, Limits

_WAYS = (
    ("server takes requests", "server drains"),
    ("pipeline runs", "pipeline stops", "pipeline stopped"),
    ("store is up", "store is away", "store is up"),
    ("no key is known", "a key is known"),
)
_TURNS = ("nobody waits", "a turn is free", "all turns are taken", "some are in line", "more than the line takes")


def labels(books: Books) -> dict[str, str]:
    """The name of the place of each part."""
    return {
        "server": "server takes requests" if books.draining is None else "server drains",
        "pipeline": "pipeline runs" if books.stopping is None else "pipeline stops" if books.stopped is None else "pipeline stopped",
        "store": "store is away" if books.outages and books.outages[-1][1] else "store is up",
        "keys": "a key is known" if any(user for user, _ in books.owners) else "no key is known",
        "turns": turns(len(books.makers()), books.limits),
    }


def turns(makers: int, limits: Limits) -> str:
    """The name for so many who wait for a meme of theirs; those beyond the line are about to be turned away."""
    most = limits.at_once + limits.in_line
    return _TURNS[(makers > 0) + (makers >= limits.at_once) + (makers > limits.at_once) + (makers > most)]


def places() -> Places:
    """Each part's way; clients come and go one at a time, and at least two are served at once."""
    steps = [step for way in _WAYS for step in pairwise(way)]
    steps += [step for one, other in pairwise(_TURNS) for step in ((one, other), (other, one))]
    return Places(tuple(dict.fromkeys(state for step in steps for state in step)), tuple(steps))
