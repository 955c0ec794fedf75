"""The store from close by: one write after another, what waits meanwhile, and what is left when a process ends.

`model.store` says what a write comes to. This says what may be seen on the way: a write that is under way, one whose reply was lost, a
record that is being taken out of the outbox. Where the contract leaves a choice there are several states. `step` gives none where no
correct store does this: it then wrote something newer than what has waited longer, or a meme that nobody has asked for, or let an older
record of a meme undo a newer one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from model.store import Records
from model.values import Record

How: TypeAlias = Literal["done", "failed", "unheard"]
"""How a write ended: well, without any effect, or so that nobody knows."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What the database holds, what waits, and what is under way.

    `asked` are records that requests want written and that are safe nowhere yet, `lost` those that a store actor took with it when it
    died. `earlier` are editions of the outbox's first record that were replaced where they stood: a drain may have read them before.
    `fresh` are records that were queued since the store's actor took its message up: it may have found the outbox empty before.
    `direct` says that the write under way is not of the outbox, `given_up` that its request has put the record there meanwhile, and
    `leaving` that the first one in the outbox is written, and may still be seen there.
    `troubled` says that the database's last answer was an error, `recalled` are the editions that this process has had in its hands.
    """

    durable: bool = True
    records: Records = ()
    outbox: Records = ()
    asked: Records = ()
    lost: Records = ()
    earlier: Records = ()
    fresh: Records = ()
    under_way: Record | None = None
    direct: bool = False
    given_up: bool = False
    leaving: bool = False
    up: bool = True
    troubled: bool = False
    recalled: Records = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """The store is told to keep a record."""

    record: Record


@dataclass(frozen=True, slots=True)
class Take:
    """The store's actor takes its next message up."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A write of a record begins."""

    record: Record


@dataclass(frozen=True, slots=True)
class End:
    """The write under way has ended."""

    how: How


@dataclass(frozen=True, slots=True)
class Queue:
    """A record is put into the outbox."""

    record: Record


@dataclass(frozen=True, slots=True)
class Answer:
    """A request is told that its record is stored, or that it waits."""

    record: Record
    deferred: bool


@dataclass(frozen=True, slots=True)
class Die:
    """The store's actor has died, wherever it was."""


@dataclass(frozen=True, slots=True)
class Over:
    """The whole process has ended, and the next one begins."""


@dataclass(frozen=True, slots=True)
class Switch:
    """The database goes away, or comes back."""

    down: bool


@dataclass(frozen=True, slots=True)
class Read:
    """The database was asked for a record and did or did not answer; `record` is None for none, and for other questions."""

    answered: bool
    record: Record | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody who is no part of the process looks into the database and the outbox, at rest."""

    records: Records
    outbox: Records


Event: TypeAlias = Ask | Take | Begin | End | Queue | Answer | Die | Over | Switch | Read | Look


def follow(states: Iterable[Writing], event: Event) -> tuple[Writing, ...]:
    """The states in which a store may be after this event; none means that no correct store does this."""
    return tuple(dict.fromkeys(after for state in states for after in step(state, event)))


def step(state: Writing, event: Event) -> tuple[Writing, ...]:  # noqa: PLR0911  one for each event
    """Every state after an event; none if it must not happen."""
    match event:
        case Ask(record):
            return (replace(state, asked=(*state.asked, record)),)
        case Take():
            return (replace(state, fresh=()),)
        case Begin(record):
            return _begin(_gone(state), record)
        case End(how):
            return () if state.under_way is None else _end(state, state.under_way, how)
        case Queue(record):
            return tuple(after for before in settled(state) for after in _queue(before, record))
        case Answer(record, deferred):
            stored = record in state.records and (deferred or record in state.recalled)  # a reply that was lost is no answer
            return (state,) if stored or (deferred and record in state.outbox) else ()
        case Die():
            ends = _end(state, state.under_way, "unheard") if state.under_way is not None else (state,)
            dead = (replace(each, asked=(), lost=(*each.lost, *each.asked), earlier=()) for each in ends)
            return tuple(after for each in dead for after in settled(each))
        case Over():
            kept = state if state.durable else replace(state, outbox=(), leaving=False)
            return tuple(replace(after, asked=(), lost=(), recalled=(), troubled=False) for after in step(kept, Die()))
        case Switch(down):
            return (replace(state, up=not down),)
        case Read(answered, record):
            known = state if record is None else _known(state, record)
            return (replace(known, troubled=not answered),)
        case Look(records, outbox):
            return tuple(after for after in settled(state) if after.outbox == outbox and records in held(after))


def settled(state: Writing) -> tuple[Writing, ...]:
    """The state, and where a written record is about to leave the outbox, the state in which it has left."""
    return (replace(state, leaving=False), _gone(state)) if state.leaving else (state,)


def held(state: Writing) -> tuple[Records, ...]:
    """What the database may hold: a write under way is in it already, or is not."""
    if state.under_way is None:
        return (state.records,)
    return (state.records, with_record(state.records, state.under_way))


def with_record(records: Records, record: Record) -> Records:
    """The records with this one; one of the same meme gives up its place to it."""
    if any(known.meme.id == record.meme.id for known in records):
        return tuple(record if known.meme.id == record.meme.id else known for known in records)
    return (*records, record)


def of_meme(records: Records, meme_id: str) -> Record | None:
    """The record of a meme, or None."""
    return next((record for record in records if record.meme.id == meme_id), None)


def _begin(state: Writing, record: Record) -> tuple[Writing, ...]:
    """The oldest of what waits, or what was asked for if nothing does."""
    if state.under_way is not None:
        return ()
    ways = []
    if record in (*state.outbox[:1], *state.earlier):
        ways.append(replace(state, under_way=record, direct=False))
    if record in state.asked and set(state.outbox).issubset(state.fresh):
        ways.append(replace(state, under_way=record, direct=True))
    return tuple(ways)


def _end(state: Writing, record: Record, how: How) -> tuple[Writing, ...]:
    failed = replace(state, under_way=None, direct=False, given_up=False, earlier=(), troubled=True)
    written = replace(failed, records=with_record(state.records, record))
    if how == "failed":
        return (failed,)
    if how == "unheard":
        return (failed, written)
    done = replace(_known(written, record), troubled=False)
    if state.direct:  # who asked for the same once more since it was given up is to have it written, too
        return (done,) if state.given_up else (_safe(done, record),)
    ways = []
    if record in state.earlier:  # a newer edition stands in its place, and is to be written yet
        ways.append(replace(done, earlier=state.earlier[state.earlier.index(record) + 1 :]))
    if state.outbox and record == state.outbox[0]:
        ways.append(replace(done, leaving=True))
    return tuple(ways)


def _queue(state: Writing, record: Record) -> tuple[Writing, ...]:
    """What was asked for waits; what is safe as it is may be queued again, which changes nothing."""
    waiting = of_meme(state.outbox, record.meme.id)
    wanted = record in (*state.asked, *state.lost)
    if not wanted and record not in (waiting, None if waiting else of_meme(state.records, record.meme.id)):
        return ()
    first = waiting is not None and waiting == state.outbox[0]
    after = replace(state, outbox=with_record(state.outbox, record), earlier=(*state.earlier, *((waiting,) if first and waiting else ())))
    given_up = state.given_up or (state.direct and state.under_way == record)
    return (_safe(replace(after, fresh=(*state.fresh, record), given_up=given_up), record),)


def _safe(state: Writing, record: Record) -> Writing:
    """This record is safe: nobody need write it, and nobody may write an older one of its meme."""
    return replace(state, asked=_newer(state.asked, record), lost=_newer(state.lost, record))


def _newer(records: Records, record: Record) -> Records:
    if record not in records:
        return records
    place = records.index(record)
    return (*(each for each in records[:place] if each.meme.id != record.meme.id), *records[place + 1 :])


def _gone(state: Writing) -> Writing:
    return replace(state, outbox=state.outbox[1:], leaving=False, earlier=()) if state.leaving else state


def _known(state: Writing, record: Record) -> Writing:
    return state if record in state.recalled else replace(state, recalled=(*state.recalled, record))
