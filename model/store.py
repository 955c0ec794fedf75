"""The store: records by meme id, and an outbox for what could not be written.

A write that fails is kept in the outbox. The outbox is drained, oldest first and each record exactly once, before the next write and on
a timer, as soon as the store answers again. A meme that already waits there is not queued twice: its newer record takes the older one's
place.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TypeAlias

from model.values import Record

Records: TypeAlias = tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """The records in the order in which they were first written, those that wait, and whether the database answers."""

    records: Records = ()
    outbox: Records = ()
    up: bool = True


@dataclass(frozen=True, slots=True)
class Write:
    """Keep a record; the result is "stored" or "deferred"."""

    record: Record


@dataclass(frozen=True, slots=True)
class Drain:
    """The timer's attempt; the result is how many records left the outbox."""


@dataclass(frozen=True, slots=True)
class Outage:
    """The database goes away (down) or comes back; the result is None."""

    down: bool


Call: TypeAlias = Write | Drain | Outage


def init() -> Store:
    """Nothing is stored, nothing waits, and the database answers."""
    return Store()


def step(state: Store, call: Call) -> tuple[tuple[Hashable, Store], ...]:
    """Every legal (result, state); a store has exactly one."""
    match call:
        case Write(record):
            return (("stored" if state.up else "deferred", write(state, record)),)
        case Drain():
            return ((len(state.outbox) if state.up else 0, drain(state)),)
        case Outage(down):
            return ((None, replace(state, up=not down)),)


def write(store: Store, record: Record) -> Store:
    """Drain, then write; with the database away the record waits in the outbox."""
    if not store.up:
        return replace(store, outbox=_put(store.outbox, record))
    drained = drain(store)
    return replace(drained, records=_put(drained.records, record))


def drain(store: Store) -> Store:
    """The store with its outbox written, in order, if the database answers."""
    if not store.up:
        return store
    records = store.records
    for record in store.outbox:
        records = _put(records, record)
    return replace(store, records=records, outbox=())


def _put(records: Records, record: Record) -> Records:
    """The records with this one; one of the same meme gives up its place to it."""
    if any(known.meme.id == record.meme.id for known in records):
        return tuple(record if known.meme.id == record.meme.id else known for known in records)
    return (*records, record)
