"""The cache in small scopes: three keys, two values, room for two, and every sequence of a few calls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from model import cache
from model.cache import Cache, Entry, Get, Put
from model.reachable import ClaimBroken, Reached, explore, watched

TTL_S = 2
ROOM_FOR_TWO = Cache(2, TTL_S)
MOST_CALLS = 5


@dataclass(frozen=True, slots=True)
class Witness:
    """`last` is what was put last under a key and when, `used` are the keys from the one used longest ago to the one used last."""

    now_s: int = 0
    last: tuple[tuple[str, tuple[int, int]], ...] = field(default=())
    used: tuple[str, ...] = ()


def remember(memory, call, result):
    memory = replace(memory, now_s=call.now_s)
    if isinstance(call, Put):
        memory = replace(memory, last=tuple(sorted((dict(memory.last) | {call.key: (call.value, call.now_s)}).items())))
    elif result is None:
        return memory
    return replace(memory, used=(*(key for key in memory.used if key != call.key), call.key))


def calls(pair):
    now_s = pair[1].now_s
    for key in "abc":
        for then_s in (now_s, now_s + 1):
            yield Get(key, then_s)
            yield Put(key, 0, then_s)
            yield Put(key, 1, then_s)


def names(kept):
    return [entry.key for entry in kept.entries]


def it_never_holds_more_than_it_may(move):
    return len(move.after[0].entries) <= max(0, move.after[0].capacity)


def no_key_is_there_twice(move):
    return len(set(names(move.after[0]))) == len(names(move.after[0]))


def what_is_served_was_put_last_and_is_young(move):
    if isinstance(move.call, Put) or move.result is None:
        return True
    value, put_at_s = dict(move.before[1].last)[move.call.key]
    return move.result == value and move.call.now_s - put_at_s < move.before[0].ttl_s


def what_is_young_is_lost_to_as_many_others_as_there_is_room_for(move):
    kept, memory = move.before
    put = dict(memory.last).get(move.call.key)
    if isinstance(move.call, Put) or put is None or move.call.now_s - put[1] >= kept.ttl_s:
        return True
    used_since = memory.used[memory.used.index(move.call.key) + 1 :]
    return move.result is not None or len(used_since) >= kept.capacity


def who_was_used_longest_ago_goes_and_only_where_there_is_no_room(move):
    before, after = names(move.before[0]), names(move.after[0])
    gone = [key for key in before if key not in after]
    if not gone or isinstance(move.call, Get):
        return True
    full = len(before) == move.before[0].capacity and move.call.key not in before
    return full and gone == [min(before, key=move.before[1].used.index)]


def a_look_up_takes_away_what_is_past_its_time_and_nothing_else(move):
    if isinstance(move.call, Put):
        return True
    gone = set(move.before[0].entries) - set(move.after[0].entries)
    old = {each for each in move.before[0].entries if each.key == move.call.key and move.call.now_s - each.put_at_s >= TTL_S}
    return gone == old


def the_keys_are_those_that_would_be_hit(move):
    kept, memory = move.after
    return set(cache.keys(kept, now_s=memory.now_s)) == {key for key in "abc" if cache.get(kept, key, now_s=memory.now_s)[0] is not None}


def nothing_is_ever_served(move):
    return isinstance(move.call, Put) or move.result is None


CLAIMS = [
    it_never_holds_more_than_it_may,
    no_key_is_there_twice,
    what_is_served_was_put_last_and_is_young,
    what_is_young_is_lost_to_as_many_others_as_there_is_room_for,
    who_was_used_longest_ago_goes_and_only_where_there_is_no_room,
    a_look_up_takes_away_what_is_past_its_time_and_nothing_else,
    the_keys_are_those_that_would_be_hit,
]


def reach(step, claims, *, start=ROOM_FOR_TWO, most_calls=MOST_CALLS):
    return explore((start, Witness()), calls, watched(step, remember), claims, most_calls=most_calls)


def test_every_sequence_of_five_calls_keeps_every_claim():
    assert reach(cache.step, CLAIMS) == Reached(states=10_308, moves=58_734, all_there_is=False)


@pytest.mark.parametrize("start", [Cache(2, 0), Cache(0, TTL_S), Cache(0, 0), Cache(2, -1)])
def test_no_time_or_no_room_never_keeps_anything(start):
    reach(cache.step, [nothing_is_ever_served, it_never_holds_more_than_it_may], start=start, most_calls=3)


def test_room_for_one_keeps_every_claim():
    reach(cache.step, CLAIMS, start=Cache(1, TTL_S), most_calls=4)


# Each claim is broken by a cache that is wrong in its way.


def first_in_first_out(state, call):
    ((result, after),) = cache.step(state, call)
    return [(result, state if isinstance(call, Get) and result is not None else after)]


def a_hit_makes_younger(state, call):
    ((result, after),) = cache.step(state, call)
    if isinstance(call, Get) and result is not None:
        after = replace(after, entries=(*after.entries[:-1], replace(after.entries[-1], put_at_s=call.now_s)))
    return [(result, after)]


def served_when_just_too_old(state, call):
    ((result, after),) = cache.step(replace(state, ttl_s=state.ttl_s + 0.5), call)
    return [(result, replace(after, ttl_s=state.ttl_s))]


def room_for_one_more(state, call):
    ((result, after),) = cache.step(replace(state, capacity=state.capacity + 1), call)
    return [(result, replace(after, capacity=state.capacity))]


def the_youngest_goes(state, call):
    ((result, after),) = cache.step(replace(state, capacity=9), call)
    return [(result, replace(after, capacity=2, entries=(*after.entries[:1], *after.entries[1:][-1:])))]


def put_again_beside_the_old_one(state, call):
    if isinstance(call, Put):
        return [(None, replace(state, entries=(*state.entries, Entry(call.key, call.value, call.now_s))[-2:]))]
    return cache.step(state, call)


def put_again_with_the_old_time(state, call):
    ((result, after),) = cache.step(state, call)
    old = next((entry for entry in state.entries if entry.key == call.key), None)
    if isinstance(call, Put) and old is not None:
        after = replace(after, entries=(*after.entries[:-1], replace(after.entries[-1], put_at_s=old.put_at_s)))
    return [(result, after)]


def what_is_too_old_stays(state, call):
    ((result, after),) = cache.step(state, call)
    return [(result, state if isinstance(call, Get) and result is None else after)]


PLANTED = [
    (room_for_one_more, it_never_holds_more_than_it_may),
    (put_again_beside_the_old_one, no_key_is_there_twice),
    (served_when_just_too_old, what_is_served_was_put_last_and_is_young),
    (a_hit_makes_younger, what_is_served_was_put_last_and_is_young),
    (first_in_first_out, what_is_young_is_lost_to_as_many_others_as_there_is_room_for),
    (put_again_with_the_old_time, what_is_young_is_lost_to_as_many_others_as_there_is_room_for),
    (first_in_first_out, who_was_used_longest_ago_goes_and_only_where_there_is_no_room),
    (the_youngest_goes, who_was_used_longest_ago_goes_and_only_where_there_is_no_room),
    (what_is_too_old_stays, a_look_up_takes_away_what_is_past_its_time_and_nothing_else),
]


@pytest.mark.parametrize(("planted", "claim"), PLANTED)
def test_a_wrong_cache_breaks_the_claim(planted, claim):
    with pytest.raises(ClaimBroken, match=claim.__name__):
        reach(planted, [claim])


def test_keys_that_are_past_their_time_break_the_claim(monkeypatch):
    monkeypatch.setattr(cache, "keys", lambda kept, *, now_s: tuple(names(kept)))
    with pytest.raises(ClaimBroken, match="the_keys_are"):
        reach(cache.step, [the_keys_are_those_that_would_be_hit])


def test_what_keeps_a_value_for_no_time_breaks_the_claim():
    def kept(state, call):
        ((result, after),) = cache.step(replace(state, ttl_s=TTL_S), call)
        return [(result, replace(after, ttl_s=0))]

    with pytest.raises(ClaimBroken, match="nothing_is_ever_served"):
        reach(kept, [nothing_is_ever_served], start=Cache(2, 0))


def test_the_way_to_a_broken_claim_is_the_shortest():
    with pytest.raises(ClaimBroken) as caught:
        reach(served_when_just_too_old, CLAIMS)
    assert str(caught.value).splitlines()[1:-1] == [
        "  Put(key='a', value=0, now_s=0) -> None",
        "  Get(key='a', now_s=1) -> 0",
        "  Get(key='a', now_s=2) -> 0",
    ]
