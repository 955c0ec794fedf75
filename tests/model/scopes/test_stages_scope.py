"""The grammar of stages in small scopes: every sequence of up to fourteen stages, and of six with an orchestrator that died."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from model import stages
from model.reachable import ClaimBroken, Reached, explore
from model.stages import ABORTS, NEXT, first_wrong
from model.values import TERMINAL

ENDS = frozenset(TERMINAL.values())
ALL = (*filter(None, NEXT), *sorted(ENDS))


def one_more(told, stage):
    """A stage is reported: where the grammar forbids it, there is no next state."""
    longer = (*told, stage)
    return [(first_wrong(longer), longer)] if first_wrong(longer) is None else []


def nothing_comes_after_an_end(move):
    return not set(move.before) & ENDS


def a_request_is_routed_first_and_once(move):
    """Or it was cut short before that."""
    return move.after[0] in {"routing", *ABORTS} and move.after.count("routing") <= 1


def the_cache_is_asked_next(move):
    return len(move.after) < 2 or move.after[1] == "cache" or move.after[1] in ABORTS


def it_is_stored_after_an_image_and_made_after_it_was_stored(move):
    told = move.after
    return all(told[place - 1] == "image" for place, stage in enumerate(told) if stage == "storing") and (
        told[-1] != "completed" or told[-2] in {"storing", "cache"}
    )


def it_may_be_cut_short_anywhere(move):
    return set(move.after) & ENDS or all(first_wrong((*move.after, abort)) is None for abort in ABORTS)


CLAIMS = [
    nothing_comes_after_an_end,
    a_request_is_routed_first_and_once,
    the_cache_is_asked_next,
    it_is_stored_after_an_image_and_made_after_it_was_stored,
    it_may_be_cut_short_anywhere,
]


def reach(claims, most_calls=14):
    return explore((), lambda _: ALL, one_more, claims, most_calls=most_calls, may_refuse=lambda _state, _call: True)


def test_every_sequence_of_fourteen_stages_keeps_every_claim():
    assert reach(CLAIMS) == Reached(states=585, moves=584, all_there_is=False)


def test_from_everywhere_there_is_a_way_to_an_end_of_its_own():
    ways = dict(NEXT)
    for stage in NEXT:
        reached, agenda = set(), [stage]
        while agenda:
            for after in ways.get(agenda.pop(), ()):
                if after not in reached:
                    reached.add(after)
                    agenda.append(after)
        assert {"completed"} <= reached


@pytest.mark.parametrize("length", range(1, 5))
def test_what_is_in_order_stays_so_with_more_orchestrators_that_died(length):
    for told in product(ALL, repeat=length):
        places = [first_wrong(told, reruns=reruns) for reruns in range(3)]
        assert all(earlier is not None or later is None for earlier, later in pairwise(places))
        assert all(place is None or place < length for place in places)


WRONG = [
    ({"cache": NEXT["cache"] | {"routing"}}, a_request_is_routed_first_and_once),
    ({"routing": frozenset({"cache", "text"})}, the_cache_is_asked_next),
    ({"scoring": NEXT["scoring"] | {"storing"}}, it_is_stored_after_an_image_and_made_after_it_was_stored),
]


@pytest.mark.parametrize(("change", "claim"), WRONG)
def test_a_wrong_grammar_breaks_the_claim(change, claim, monkeypatch):
    monkeypatch.setattr(stages, "NEXT", NEXT | change)
    with pytest.raises(ClaimBroken, match=claim.__name__):
        reach([claim], most_calls=7)


def test_a_grammar_that_goes_on_after_the_end_breaks_the_claim(monkeypatch):
    monkeypatch.setattr(stages, "TERMINAL", {})
    monkeypatch.setattr(stages, "NEXT", NEXT | dict.fromkeys(ENDS, frozenset({"cache"})))
    with pytest.raises(ClaimBroken, match="nothing_comes_after_an_end"):
        reach([nothing_comes_after_an_end], most_calls=3)


def test_a_grammar_without_an_abort_breaks_the_claim(monkeypatch):
    monkeypatch.setattr(stages, "ABORTS", ABORTS - {"timed_out"})
    with pytest.raises(ClaimBroken, match="it_may_be_cut_short_anywhere"):
        reach([it_may_be_cut_short_anywhere])
