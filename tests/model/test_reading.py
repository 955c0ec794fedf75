"""What a reader may be told while writes go on."""

import pytest

from model import reading
from model.generation import generate
from model.reading import RAISES, Found
from model.values import Payload
from model.world import Fault, Faults
from model.writing import Writing
from strategies.worlds import scripted

WORLD = scripted()
CATS, TEA, MONDAYS = (generate(Payload(topic), WORLD).record for topic in ("cats", "tea", "Mondays"))
OLD_CATS = generate(Payload("cats"), WORLD, Faults(image=(Fault(),))).record
STORED, WAITS, AWAY = Writing(records=(CATS,)), Writing(outbox=(CATS,)), Writing(records=(CATS,), up=False)


def window(*states):
    return [(state,) for state in states]


def find(*states):
    return reading.find(window(*states), CATS.meme.id)


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ([Writing()], {None}),
        ([STORED], {Found(CATS, degraded=False)}),
        ([WAITS], {Found(CATS, degraded=True)}),
        ([Writing(outbox=(CATS,), records=(OLD_CATS,))], {Found(CATS, degraded=True)}),
        ([AWAY], {RAISES}),
        ([Writing(records=(CATS,), recalled=(CATS,), up=False)], {Found(CATS, degraded=True)}),
        ([Writing(records=(CATS,), recalled=(CATS,), troubled=True)], {Found(CATS, degraded=True), Found(CATS, degraded=False)}),
        ([Writing(under_way=CATS)], {None, Found(CATS, degraded=False)}),
        ([Writing(records=(CATS,), outbox=(CATS,), leaving=True)], {Found(CATS, degraded=True), Found(CATS, degraded=False)}),
    ],
)
def test_a_search_at_one_moment(states, found):
    assert find(*states) == found


def test_a_search_that_looks_into_the_outbox_before_a_meme_waits_there_finds_it_in_the_database_later():
    seen = find(Writing(records=(OLD_CATS,)), Writing(records=(OLD_CATS,), outbox=(CATS,)))
    assert seen == {Found(OLD_CATS, degraded=False), Found(CATS, degraded=True)}


def test_a_search_does_not_miss_what_moves_from_the_outbox_to_the_database():
    assert find(WAITS, STORED) == {Found(CATS, degraded=True), Found(CATS, degraded=False)}


def test_a_search_while_the_database_goes_away_finds_it_or_raises():
    assert find(STORED, AWAY) == {Found(CATS, degraded=False), RAISES}


def test_a_record_is_shown_as_it_waits_or_as_it_is_stored_and_never_from_memory():
    away = Writing(records=(CATS,), recalled=(CATS,), up=False)
    assert reading.record(window(away), CATS.meme.id) == {RAISES}
    assert reading.record(window(WAITS), CATS.meme.id) == {CATS}
    assert reading.record(window(Writing(), STORED), CATS.meme.id) == {None, CATS}


def test_what_is_being_taken_out_may_be_seen_to_wait():
    assert reading.deferred(window(Writing(outbox=(CATS, TEA), leaving=True))) == {(CATS, TEA), (TEA,)}
    assert reading.deferred(window(Writing(outbox=(CATS, TEA)))) == {(CATS, TEA)}


def test_everything_is_seen_as_it_was_at_some_moment():
    assert reading.stored(window(Writing(), STORED)) == {(), (CATS,)}
    assert reading.stored(window(AWAY)) == {RAISES}


ALL = Writing(records=(CATS, TEA))
MORE = Writing(records=(CATS, TEA, MONDAYS))


@pytest.mark.parametrize(
    ("states", "seen", "legal"),
    [
        ([ALL], (TEA, CATS), True),
        ([ALL], (CATS, TEA), False),
        ([ALL], (TEA,), False),
        ([ALL], (TEA, CATS, CATS), False),
        ([ALL], (MONDAYS, TEA, CATS), False),
        ([ALL, MORE], (MONDAYS, TEA, CATS), True),
        ([ALL, MORE], (TEA, CATS), True),
        ([ALL, MORE], (MONDAYS, CATS), False),
        ([ALL], RAISES, False),
        ([AWAY], RAISES, True),
        ([Writing(records=(OLD_CATS,)), STORED], (OLD_CATS,), True),
        ([STORED], (OLD_CATS,), False),
    ],
)
def test_leafing_through_everything(states, seen, legal):
    assert reading.leafed(window(*states), seen) == legal
