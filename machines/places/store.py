"""Where the store can be: whether its database is up, whether anything waits for it, and whether a write is under way."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from machines.coverage import Places, reachable
from machines.part import WORLD
from machines.store_watch import PAYLOADS
from model import writing
from model.generation import generate
from model.writing import Ask, Begin, Die, End, Look, Over, Queue, Switch, Take, Writing

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from model.values import Record
    from model.writing import Event

_States = tuple[Writing, ...]


def label(states: _States) -> str:
    """The name of a place, by all the states that the store may be in: what may wait counts as waiting."""
    up = "up" if all(state.up for state in states) else "away"
    waits = any(after.outbox for state in states for after in writing.settled(state))
    outbox = "something waits" if waits else "nothing waits"
    return f"{up}, {outbox}{', a write is under way' if any(state.under_way is not None for state in states) else ''}"


def places() -> Places:
    """With one meme, and an outbox on disk or in memory."""
    return reachable([(Writing(durable=durable),) for durable in (True, False)], _moves, label, _same)


def _moves(states: _States) -> Iterator[_States]:
    for event in _events(states):
        after = writing.follow(states, event)
        if after:
            yield after


def _events(states: _States) -> Iterator[Event]:
    yield from (Take(), Die(), Over(), Switch(down=states[0].up), End("done"), End("failed"), End("unheard"))
    record = _record()
    if all(record not in (*state.asked, *state.lost) for state in states):
        yield Ask(record)
    yield Begin(record)
    yield Queue(record)
    for state in states:
        yield from (Look(records, after.outbox) for after in writing.settled(state) for records in writing.held(after))


@cache
def _record() -> Record:
    record = generate(next(iter(PAYLOADS.values())), WORLD).record
    assert record is not None
    return record


def _same(states: _States) -> Hashable:
    """What was read, and the database's last answer, are asked by readers alone; of what was queued it counts whether, not how often."""
    return frozenset(
        replace(each, fresh=tuple(dict.fromkeys(each.fresh)), earlier=tuple(dict.fromkeys(each.earlier)), recalled=(), troubled=False)
        for each in states
    )
