"""One request alone in small scopes: every script of a few kinds of text, every number of refinements, every one or two faults."""

from __future__ import annotations

from functools import cache
from itertools import combinations, product

import pytest

from model import generation
from model.crashes import MOST_CALLS
from model.reachable import ClaimBroken, Move
from model.stages import NEXT, first_wrong
from model.values import TERMINAL, Failed, Meme, Payload, Rejected
from model.world import NO_FAULTS, PORTS, Fault, Faults, Rules
from strategies.worlds import Quality, scripted

FIRST = (Quality(20), Quality(8), Quality(8, taste="foul"), Quality(8, follows_instructions=False), Quality(20, factual=False))
REFINED = [(Quality(8), Quality(7), Quality(8 + 2 * count), Quality(20, taste="foul")) for count in (1, 2, 3)]
"""No better, worse, better by a tenth each time, unacceptable."""
FLAGS = {
    "appropriateness_unverified",
    "factuality_unverified",
    "instructions_unverified",
    "score_default",
    "refinement_failed",
    "image_placeholder",
}
DOWN, HANGS = Fault("PortDown"), Fault(hangs=True)
LATEST = 4 * 3 * 10.0 + 30.0
"""Seconds: four rounds of at most three calls of ten seconds each, and an image."""


def one_or_two_faults():
    places = [(port, index) for port in PORTS for index in range(3)]
    for chosen in (*combinations(places, 1), *combinations(places, 2)):
        for fault in (DOWN, HANGS):
            queues = {port: [None] * 3 for port, _ in chosen}
            for port, index in chosen:
                queues[port][index] = fault
            yield Faults(**{port: tuple(queue) for port, queue in queues.items()})


@cache
def worlds():
    return [scripted(script) for script in product(FIRST, FIRST, *REFINED)]


def cases():
    """Every script and number of refinements without a fault, every few faults with every tenth script."""
    for world in worlds():
        for refinements in range(4):
            yield Payload("cats", max_refinements=refinements), world, NO_FAULTS
    for world in worlds()[::53]:
        for faults in one_or_two_faults():
            yield Payload("cats"), world, faults


def stages_are_in_order_and_end_with_the_outcome(move):
    stages = move.result.stages
    return first_wrong(stages) is None and stages[-1] == TERMINAL[type(move.result.outcome)]


def refinements_are_within_their_bound(move):
    outcome, tries = move.result.outcome, move.result.stages.count("refining")
    return tries <= move.call.max_refinements and (not isinstance(outcome, Meme) or outcome.refinement_count <= tries)


def a_meme_leaves_a_record_and_nothing_else_does(move):
    record, outcome = move.result.record, move.result.outcome
    if not isinstance(outcome, Meme):
        return record is None
    return record is not None and record.meme.id == outcome.id and "store_deferred" not in record.meme.degraded


def at_most_two_texts_are_written(move):
    return move.result.stages.count("text") <= 2


def nobody_is_rejected_before_a_second_text(move):
    return not isinstance(move.result.outcome, Rejected) or (move.result.stages.count("text") == 2 and bool(move.result.outcome.reasons))


def without_a_fault_nothing_fails_and_nothing_is_missing(move):
    outcome = move.result.outcome
    return move.before != NO_FAULTS or (not isinstance(outcome, Failed) and not getattr(outcome, "degraded", ()))


def nothing_unacceptable_is_shown(move):
    outcome = move.result.outcome
    return not isinstance(outcome, Meme) or all(item.passed or item.kind == "factuality" for item in outcome.verification)


def degraded_says_what_is_missing(move):
    outcome = move.result.outcome
    if not isinstance(outcome, Meme):
        return True
    known = list(outcome.degraded) == sorted(set(outcome.degraded)) and set(outcome.degraded) <= FLAGS | {"store_deferred"}
    return known and ("score_default" in outcome.degraded) <= (outcome.score.total == 0.5)


def no_port_is_called_more_often_than_crashes_count_on(move):
    return max(move.result.calls) <= MOST_CALLS


def it_takes_no_longer_than_its_limits_add_up_to(move):
    return move.result.elapsed_s <= LATEST and (any(fault for queue in move.before.queues for fault in queue) or move.result.elapsed_s == 0)


def a_refined_text_is_never_worse(move):
    """Than the one made of the same script with no refinement."""
    outcome = move.result.outcome
    if move.before != NO_FAULTS or not isinstance(outcome, Meme):
        return True
    plain = generation.generate.__wrapped__(Payload("cats", max_refinements=0), move.after).outcome
    return outcome.score.total >= plain.score.total


CLAIMS = [
    stages_are_in_order_and_end_with_the_outcome,
    refinements_are_within_their_bound,
    a_meme_leaves_a_record_and_nothing_else_does,
    at_most_two_texts_are_written,
    nobody_is_rejected_before_a_second_text,
    without_a_fault_nothing_fails_and_nothing_is_missing,
    nothing_unacceptable_is_shown,
    degraded_says_what_is_missing,
    no_port_is_called_more_often_than_crashes_count_on,
    it_takes_no_longer_than_its_limits_add_up_to,
    a_refined_text_is_never_worse,
]


def check(claims, given=cases, rules=None):
    """Hold each generation against the claims; the stages that followed one another, and how many there were."""
    followed, count = set(), 0
    for payload, world, faults in given():
        made = generation.generate.__wrapped__(payload, world, faults, rules)
        move = Move(faults, payload, made, world)
        broken = next((claim for claim in claims if not claim(move)), None)
        if broken is not None:
            raise ClaimBroken(f"{broken.__name__}: {payload} under {faults} gave {made}")
        followed |= set(zip(("", *made.stages), made.stages, strict=False))
        count += 1
    return followed, count


def test_every_case_keeps_every_claim_and_every_order_of_stages_comes_up():
    followed, count = check(CLAIMS)
    assert count == 25_000
    alone = {(before, after) for before, afters in NEXT.items() for after in afters} - {("cache", "completed"), ("cache", "rejected")}
    assert alone <= followed, "an order that the grammar allows and no request has"
    assert {before for before, after in followed if after == "failed"} == {"text", "verification"}


# Each claim is broken by a generation that is wrong in its way.


def replaced(monkeypatch, name, function):
    original = getattr(generation, name)
    monkeypatch.setattr(generation, name, lambda *arguments, **options: function(original, *arguments, **options))


def scoring_is_left_out(monkeypatch):
    original = generation.Run.begin
    monkeypatch.setattr(generation.Run, "begin", lambda run, stage: None if stage == "scoring" else original(run, stage))


def one_refinement_more(monkeypatch):
    def refined(original, run, draft):
        found = original(run, draft)
        original(run, draft)
        return found

    replaced(monkeypatch, "_refined", refined)


def what_was_deferred_is_stored_so(monkeypatch):
    def meme(original, run):
        made, record = original(run)
        return made, generation.replace(record, meme=made)

    replaced(monkeypatch, "_meme", meme)


def a_third_text(monkeypatch):
    def draft(original, run):
        generation._verified(run, generation._text(run, attempt=0))
        return original(run)

    replaced(monkeypatch, "_acceptable_draft", draft)


def rejected_at_once(monkeypatch):
    def draft(original, run):
        first = generation._verified(run, generation._text(run, attempt=0))
        if not first.acceptable:
            raise generation._Ended(Rejected(first.reasons))
        return first

    replaced(monkeypatch, "_acceptable_draft", draft)


def a_flag_that_nothing_explains(monkeypatch):
    replaced(monkeypatch, "_image", lambda original, run, text: (original(run, text)[0], True))


def foul_refinements_are_taken(monkeypatch):
    def refinement(_original, run, draft, number):
        run.begin("refining")
        return generation._scored(run, generation._verified(run, run.refinement(draft.text, draft.score, number)))

    replaced(monkeypatch, "_refinement", refinement)


def a_flag_that_nobody_knows(monkeypatch):
    replaced(monkeypatch, "_with_flag", lambda original, meme, flag: original(meme, f"{flag}!"))


def retried_without_end(monkeypatch):
    def text(original, run, *, attempt):
        for _ in range(9):
            original(run, attempt=attempt)
        return original(run, attempt=attempt)

    replaced(monkeypatch, "_text", text)


def worse_is_taken_too(monkeypatch):
    def refinement(_original, run, draft, number):
        run.begin("refining")
        better = generation._verified(run, run.refinement(draft.text, draft.score, number))
        return generation._scored(run, better) if better.acceptable else None

    replaced(monkeypatch, "_refinement", refinement)


def it_waits_for_nothing(monkeypatch):
    def image(original, run, text):
        run.back_off()
        return original(run, text)

    replaced(monkeypatch, "_image", image)


PLANTED = [
    (scoring_is_left_out, stages_are_in_order_and_end_with_the_outcome),
    (one_refinement_more, refinements_are_within_their_bound),
    (what_was_deferred_is_stored_so, a_meme_leaves_a_record_and_nothing_else_does),
    (a_third_text, at_most_two_texts_are_written),
    (rejected_at_once, nobody_is_rejected_before_a_second_text),
    (a_flag_that_nothing_explains, without_a_fault_nothing_fails_and_nothing_is_missing),
    (foul_refinements_are_taken, nothing_unacceptable_is_shown),
    (a_flag_that_nobody_knows, degraded_says_what_is_missing),
    (retried_without_end, no_port_is_called_more_often_than_crashes_count_on),
    (it_waits_for_nothing, it_takes_no_longer_than_its_limits_add_up_to),
    (worse_is_taken_too, a_refined_text_is_never_worse),
]


def few_cases():
    """Enough for the faults below: fewer scripts."""
    for world in worlds()[::7]:
        yield Payload("cats"), world, NO_FAULTS
    for world in worlds()[:2]:
        for faults in one_or_two_faults():
            yield Payload("cats"), world, faults


def test_every_claim_is_broken_by_something():
    assert {claim for _, claim in PLANTED} == set(CLAIMS)


@pytest.mark.parametrize(("planted", "claim"), PLANTED)
def test_a_wrong_generation_breaks_the_claim(planted, claim, monkeypatch):
    planted(monkeypatch)
    with pytest.raises(ClaimBroken, match=claim.__name__):
        check([claim], few_cases)


def test_more_retries_break_what_crashes_count_on():
    """MOST_CALLS is right for one retry, which is the contract's number; with three the bound would have to be raised."""
    with pytest.raises(ClaimBroken, match="no_port_is_called"):
        check(
            [no_port_is_called_more_often_than_crashes_count_on],
            lambda: [(Payload("cats"), scripted((FIRST[2],) * 5), Faults(text=(DOWN, DOWN, DOWN, None, DOWN, DOWN, DOWN)))],
            Rules(text_retries=3),
        )
