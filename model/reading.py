"""What a reader may be told while writes go on: a read looks twice, into the outbox at one moment and into the database at a later one.

A read is judged by its `window`: every state that the store may have been in, moment by moment, while the read was under way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from model.store import Records
from model.values import Record
from model.writing import Writing, held, of_meme, settled

Window: TypeAlias = Sequence[tuple[Writing, ...]]
"""The states that were possible at each moment of a read, in order."""

RAISES: Literal["raises"] = "raises"
"""What a read gives that the database did not answer."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record, and whether its reader is told that the database does not have it, or could not be asked."""

    record: Record
    degraded: bool


Finding: TypeAlias = Found | Literal["raises"] | None


def find(window: Window, meme_id: str) -> frozenset[Finding]:
    """What a search may find: a meme that waits, one that is stored, one that is remembered of a database that is away."""
    findings: set[Finding] = {Found(record, degraded=True) for record in _in_outbox(window, meme_id) if record is not None}
    for record in _in_database(window, meme_id):
        findings.add(None if record is None else Found(record, degraded=False))
    states = [state for moment in window for state in moment]
    remembered = {record for state in states for record in state.recalled if record.meme.id == meme_id}
    if any(state.troubled or not state.up for state in states):
        findings |= {Found(record, degraded=True) for record in remembered}
    if _away(window) and any(of_meme(state.recalled, meme_id) is None for state in window[0]):
        findings.add(RAISES)
    return frozenset(findings)


def record(window: Window, meme_id: str) -> frozenset[Record | Literal["raises"] | None]:
    """The record itself: as it waits, or as it is stored; nobody remembers it for the database."""
    known: set[Record | Literal["raises"] | None] = {waiting for waiting in _in_outbox(window, meme_id) if waiting is not None}
    return frozenset(known | _in_database(window, meme_id) | ({RAISES} if _away(window) else set()))


def deferred(window: Window) -> frozenset[Records]:
    """What waits, at some moment."""
    return frozenset(after.outbox for moment in window for state in moment for after in settled(state))


def stored(window: Window) -> frozenset[Records | Literal["raises"]]:
    """All that the database holds, at some moment."""
    known: set[Records | Literal["raises"]] = {records for moment in window for state in _up(moment) for records in held(state)}
    return frozenset(known | ({RAISES} if _away(window) else set()))


def leafed(window: Window, seen: Records | Literal["raises"]) -> bool:
    """Whether somebody who leafs through the whole database may see these records, in this order.

    Each at most once, newest first, all that were there at the beginning, and none that was not there by the end.
    """
    if seen == RAISES:
        return _away(window)
    assert not isinstance(seen, str)
    ids = [each.meme.id for each in seen]
    editions = {each for moment in window for state in moment for records in held(state) for each in records}
    at_first = [{each.meme.id for each in state.records} for state in window[0]]
    orders = [[each.meme.id for each in reversed(records)] for state in window[-1] for records in held(state)]
    return (
        len(set(ids)) == len(ids)
        and editions.issuperset(seen)
        and any(known.issubset(ids) for known in at_first)
        and any([each for each in order if each in ids] == ids for order in orders)
    )


def _in_outbox(window: Window, meme_id: str) -> set[Record | None]:
    return {of_meme(after.outbox, meme_id) for moment in window for state in moment for after in settled(state)}


def _in_database(window: Window, meme_id: str) -> set[Record | None]:
    """What the database may have answered, if it was asked: that is when the outbox had nothing, at that moment or before."""
    asked, answers = False, set[Record | None]()
    for moment in window:
        asked = asked or None in _in_outbox([moment], meme_id)
        if asked:
            answers |= {of_meme(records, meme_id) for state in _up(moment) for records in held(state)}
    return answers


def _up(moment: tuple[Writing, ...]) -> Iterator[Writing]:
    return (state for state in moment if state.up)


def _away(window: Window) -> bool:
    return any(not state.up for moment in window for state in moment)
