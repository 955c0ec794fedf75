"""The contract's rules, one by one, on real Pykka threads."""

# ruff: noqa: A006 - as in fakes

from collections.abc import Callable
from typing import Any

import pytest

from dspy_meme_gen.domain import (
    Cancelled,
    Failed,
    Meme,
    MemeText,
    Rejected,
    RenderedImage,
    TimedOut,
    meme_id,
    payload_key,
)
from dspy_meme_gen.errors import InvalidRequest, RequestConflict
from tests.memespy.conftest import Start
from tests.memespy.fakes import PATIENCE_S, Gate, ManualTimers, PortDown, Script, marks, request, verification

Run = Callable[[int, Callable[[int], Any]], list[Any]]

STAGES = ["routing", "cache", "text", "verification", "scoring", "image", "storing", "completed"]


def outcome_of(pipeline: Any, *arguments: Any, **fields: Any) -> Any:
    return pipeline.submit(request(*arguments, **fields)).get(timeout=PATIENCE_S)


def test_a_topic_becomes_a_meme(start: Start, script: Script) -> None:
    outcome = outcome_of(start())
    assert isinstance(outcome, Meme)
    assert outcome.id == meme_id(payload_key(request()))
    assert outcome.text == MemeText("cats", "attempt 0")
    assert (outcome.score.total, outcome.refinement_count, outcome.degraded) == (0.9, 0, ())
    assert [each.kind for each in outcome.verification] == ["appropriateness", "factuality", "instructions"]
    assert script.stages() == STAGES


def test_the_meme_is_stored_as_it_was_generated(start: Start, script: Script) -> None:
    pipeline = start()
    outcome = outcome_of(pipeline, style="dry", context="a wet day")
    [record] = pipeline.stored()
    assert (record.meme, record.topic, record.style, record.context) == (outcome, "cats", "dry", "a wet day")
    assert pipeline.record(outcome.id) == record


# 1. routing


def test_an_invalid_request_is_refused_at_once_and_leaves_no_trace(start: Start, script: Script) -> None:
    pipeline = start()
    with pytest.raises(InvalidRequest):
        pipeline.submit(request(topic=" "))
    assert (pipeline.in_flight(), script.progress) == ((), [])


def test_the_same_request_is_answered_again_without_a_second_generation(start: Start, script: Script) -> None:
    pipeline = start()
    assert outcome_of(pipeline) is outcome_of(pipeline, user_id="someone else", deadline_s=3.0)
    assert script.count("text") == 1
    assert script.stages() == STAGES


def test_the_same_request_in_flight_joins_the_flight(start: Start, script: Script) -> None:
    pipeline, gate = start(), script.hold("text")
    first = pipeline.submit(request())
    gate.wait_until_entered()
    second = pipeline.submit(request())
    gate.open()
    assert first.get(timeout=PATIENCE_S) is second.get(timeout=PATIENCE_S)
    assert script.stages() == STAGES


@pytest.mark.parametrize("finished", [False, True])
def test_the_same_request_id_with_another_payload_is_a_conflict(start: Start, script: Script, finished: bool) -> None:
    pipeline, gate = start(), script.hold("text")
    future = pipeline.submit(request())
    if finished:
        gate.open()
        future.get(timeout=PATIENCE_S)
    with pytest.raises(RequestConflict):
        pipeline.submit(request(topic="dogs"))
    gate.open()
    assert isinstance(future.get(timeout=PATIENCE_S), Meme)
    assert script.stages() == STAGES


def test_requests_are_forgotten_beyond_the_number_to_remember(start: Start, script: Script) -> None:
    pipeline = start(recorded_outcomes=1, cache_ttl_s=0)
    outcome_of(pipeline, "r1")
    outcome_of(pipeline, "r2", "dogs")
    outcome_of(pipeline, "r1")
    assert script.count("text") == 3


def test_many_clients_are_served_at_once(start: Start, script: Script, in_threads: Run) -> None:
    pipeline = start(user_burst=100)
    outcomes = in_threads(8, lambda number: [outcome_of(pipeline, f"{number}-{turn}", f"topic {turn}") for turn in range(10)])
    assert all(each == outcomes[0] for each in outcomes)
    assert script.count("text") == 10


# 2. cache


def test_an_equal_payload_is_served_from_the_cache(start: Start, script: Script) -> None:
    pipeline = start()
    assert outcome_of(pipeline, "r1") == outcome_of(pipeline, "r2")
    assert script.count("text") == 1
    assert script.stages("r2") == ["routing", "cache", "completed"]
    assert script.puts == ["cats"]


@pytest.mark.parametrize(
    "changed", [{"style": "dry"}, {"format": "drake"}, {"context": "x"}, {"max_refinements": 1}, {"target_score": 0.1}]
)
def test_no_field_of_the_payload_is_left_out_of_the_key(start: Start, script: Script, changed: dict[str, Any]) -> None:
    pipeline = start()
    outcome_of(pipeline, "r1")
    outcome_of(pipeline, "r2", **changed)
    assert script.count("text") == 2


def test_ttl_0_caches_nothing(start: Start, script: Script) -> None:
    pipeline = start(cache_ttl_s=0)
    assert outcome_of(pipeline, "r1") == outcome_of(pipeline, "r2")
    assert script.count("text") == 2


def test_a_degraded_meme_is_not_cached(start: Start, script: Script) -> None:
    pipeline = start()
    script.fail("image", PortDown())
    assert outcome_of(pipeline, "r1").degraded == ("image_placeholder",)
    assert outcome_of(pipeline, "r2").degraded == ()


@pytest.mark.parametrize("rejected", [False, True])
def test_equal_payloads_in_flight_are_generated_once(start: Start, script: Script, rejected: bool) -> None:
    pipeline, gate = start(), script.hold("text")
    if rejected:
        script.answers["instructions"] = lambda text, prompt: verification("instructions", passed=False, reason="no")
    futures = [pipeline.submit(request(f"r{number}")) for number in range(5)]
    gate.open()
    outcomes = [future.get(timeout=PATIENCE_S) for future in futures]
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert isinstance(outcomes[0], Rejected if rejected else Meme)
    assert script.count("text") == (2 if rejected else 1)
    assert script.stages("r3") == ["routing", "cache", "rejected" if rejected else "completed"]


def test_the_next_in_line_takes_over_from_a_leader_that_failed(start: Start, script: Script) -> None:
    pipeline = start(text_retries=0)
    gate = script.hold("text")
    futures = [pipeline.submit(request(f"r{number}")) for number in range(3)]
    gate.wait_until_entered()
    script.fail("text", PortDown())
    script.answers["text"] = lambda prompt, attempt: script.answers.pop("text") and None  # not a text: the first call fails
    gate.open()
    outcomes = [future.get(timeout=PATIENCE_S) for future in futures]
    assert outcomes[0] == Failed("TypeError", "text")
    assert outcomes[1] == Failed("PortDown", "text")
    assert isinstance(outcomes[2], Meme)
    assert script.stages("r2") == ["routing", "cache", *STAGES[2:]]


def test_the_next_in_line_takes_over_from_a_leader_that_was_cancelled(start: Start, script: Script) -> None:
    pipeline, gate = start(), script.hold("text")
    leader, follower = pipeline.submit(request("r1")), pipeline.submit(request("r2"))
    gate.wait_until_entered()
    assert pipeline.cancel("r1")
    gate.open()
    assert leader.get(timeout=PATIENCE_S) == Cancelled()
    assert isinstance(follower.get(timeout=PATIENCE_S), Meme)
    assert script.count("text") == 2


# 3. text


def test_a_text_model_that_raises_is_asked_again_after_a_pause(start: Start, script: Script, manual_timers: ManualTimers) -> None:
    pipeline = start(timers=manual_timers)
    script.fail("text", PortDown())
    future = pipeline.submit(request())
    manual_timers.fire(0.1)
    assert future.get(timeout=PATIENCE_S).text == MemeText("cats", "attempt 0")
    assert script.stages() == STAGES


def test_a_text_model_that_raises_twice_fails_the_request(start: Start, script: Script) -> None:
    script.fail("text", PortDown(), ValueError())
    assert outcome_of(start()) == Failed("ValueError", "text")
    assert script.stages() == ["routing", "cache", "text", "failed"]


def test_a_text_model_that_takes_too_long_fails_the_request(start: Start, script: Script, manual_timers: ManualTimers) -> None:
    pipeline, gate = start(timers=manual_timers), script.hold("text")
    future = pipeline.submit(request())
    gate.wait_until_entered()
    manual_timers.fire(10)
    assert future.get(timeout=PATIENCE_S) == Failed("StageTimeout", "text")
    gate.open()


# 4. verification


@pytest.mark.parametrize("kind", ["appropriateness", "instructions"])
def test_a_text_that_fails_verification_is_regenerated_once(start: Start, script: Script, kind: str) -> None:
    script.answers[kind] = lambda text, prompt: verification(kind, passed="attempt 1" in text.bottom)
    assert outcome_of(start()).text == MemeText("cats", "attempt 1")
    assert script.stages() == ["routing", "cache", "text", "verification", "text", "verification", *STAGES[4:]]


def test_a_text_that_fails_again_is_rejected_with_all_reasons_in_order(start: Start, script: Script) -> None:
    for kind in ("instructions", "factuality", "appropriateness"):
        script.answers[kind] = lambda text, prompt, kind=kind: verification(kind, passed=False, score=0.1, reason=f"{kind}, {text.bottom}")
    outcome = outcome_of(start())
    assert outcome == Rejected(("appropriateness, attempt 1", "factuality, attempt 1", "instructions, attempt 1"))
    assert script.stages() == ["routing", "cache", "text", "verification", "text", "verification", "rejected"]


def test_an_unfactual_text_costs_score_and_is_not_rejected(start: Start, script: Script) -> None:
    script.answers["factuality"] = lambda text, prompt: verification("factuality", passed=False, score=0.2)
    assert outcome_of(start(), max_refinements=0).score.total == 0.63


@pytest.mark.parametrize(("score", "total"), [(0.79, 0.45), (0.8, 0.9)])
def test_a_doubtful_text_costs_half_the_score(start: Start, script: Script, score: float, total: float) -> None:
    script.answers["appropriateness"] = lambda text, prompt: verification("appropriateness", score=score)
    assert outcome_of(start(), max_refinements=0).score.total == total


def test_an_appropriateness_verifier_that_raises_fails_the_request(start: Start, script: Script) -> None:
    script.fail("appropriateness", PortDown())
    assert outcome_of(start()) == Failed("PortDown", "verification")


@pytest.mark.parametrize("kind", ["factuality", "instructions"])
def test_another_verifier_that_raises_leaves_a_flag(start: Start, script: Script, kind: str) -> None:
    script.fail(kind, PortDown())
    outcome = outcome_of(start())
    assert outcome.degraded == (f"{kind}_unverified",)
    assert kind not in [each.kind for each in outcome.verification]


def test_a_verifier_that_takes_too_long_is_done_without(start: Start, script: Script, manual_timers: ManualTimers) -> None:
    pipeline, gate = start(timers=manual_timers), script.hold("factuality")
    future = pipeline.submit(request())
    gate.wait_until_entered()
    while len(manual_timers.pending(10)) > 1:  # the other two are answered, or about to be
        pass
    manual_timers.fire(10)
    assert future.get(timeout=PATIENCE_S).degraded == ("factuality_unverified",)
    gate.open()


# 5. scoring


def test_a_scorer_that_raises_gives_the_default_score_and_no_refining(start: Start, script: Script) -> None:
    script.fail("scorer", PortDown())
    outcome = outcome_of(start())
    assert (outcome.score.humor, outcome.score.total, outcome.degraded) == (0.5, 0.5, ("score_default",))
    assert script.count("refiner") == 0


# 6. refining


def improving(by: float) -> Callable[..., Any]:
    return lambda text, prompt: marks(round(0.4 + by * text.bottom.count("round"), 6))


def test_a_text_is_refined_until_it_is_good_enough(start: Start, script: Script) -> None:
    script.answers["scorer"] = improving(0.2)
    outcome = outcome_of(start())
    assert (outcome.score.total, outcome.refinement_count) == (0.8, 2)
    assert script.stages() == [*STAGES[:5], *["refining", "verification", "scoring"] * 2, *STAGES[5:]]


def test_refining_ends_with_the_refinements_that_were_asked_for(start: Start, script: Script) -> None:
    script.answers["scorer"] = improving(0.06)
    assert outcome_of(start(), max_refinements=2).refinement_count == 2


@pytest.mark.parametrize(("gain", "kept"), [(0.02, 1), (0.0, 1), (-0.1, 0)])
def test_refining_ends_when_it_gains_little(start: Start, script: Script, gain: float, kept: int) -> None:
    script.answers["scorer"] = improving(gain)
    outcome = outcome_of(start())
    assert (outcome.refinement_count, outcome.text.bottom.count("round")) == (kept, kept)
    assert script.count("refiner") == 1


@pytest.mark.parametrize("port", ["refiner", "appropriateness", "scorer"])
def test_refining_that_breaks_down_keeps_the_text(start: Start, script: Script, port: str) -> None:
    script.answers["scorer"] = improving(0.2)
    script.fail(port, *([] if port == "refiner" else [None]), PortDown())
    outcome = outcome_of(start())
    assert (outcome.text.bottom, outcome.score.total, outcome.refinement_count) == ("attempt 0", 0.4, 0)
    assert outcome.degraded == ("refinement_failed",)


def test_a_refined_text_that_fails_verification_is_dropped(start: Start, script: Script) -> None:
    script.answers["scorer"] = improving(0.2)
    script.answers["instructions"] = lambda text, prompt: verification("instructions", passed="round" not in text.bottom)
    outcome = outcome_of(start())
    assert (outcome.text.bottom, outcome.refinement_count, outcome.degraded) == ("attempt 0", 0, ())


def test_an_answer_that_nobody_waits_for_any_more_is_ignored(start: Start, script: Script) -> None:
    """Refining breaks down while another verifier is still at it; its answer comes when the image is drawn."""
    script.answers["scorer"] = improving(0.2)
    pipeline = start()
    script.fail("appropriateness", None, PortDown())
    gates = [Gate(), Gate(), Gate()]

    def wait_at_its_gate() -> None:
        gates[script.count("factuality") - 1].pass_through()

    script.before["factuality"] = wait_at_its_gate
    script.before["image"] = gates[2].pass_through
    gates[0].open()
    future = pipeline.submit(request())
    gates[1].wait_until_entered()
    gates[2].wait_until_entered()
    gates[1].open()
    gates[2].open()
    outcome = future.get(timeout=PATIENCE_S)
    assert (outcome.text.bottom, outcome.degraded) == ("attempt 0", ("refinement_failed",))
    assert len(outcome.verification) == 3


# 7. image


def test_an_image_model_that_raises_gives_a_placeholder(start: Start, script: Script) -> None:
    script.fail("image", PortDown())
    outcome = outcome_of(start())
    assert (outcome.image.size_bytes, outcome.degraded) == (len(b"placeholder"), ("image_placeholder",))


def test_an_image_model_that_takes_too_long_gives_a_placeholder(start: Start, script: Script, manual_timers: ManualTimers) -> None:
    pipeline, gate = start(timers=manual_timers), script.hold("image")
    future = pipeline.submit(request(deadline_s=60))
    gate.wait_until_entered()
    manual_timers.fire(30)
    assert future.get(timeout=PATIENCE_S).degraded == ("image_placeholder",)
    gate.open()


# 8. storing


def test_a_store_that_is_down_defers_the_write_and_gets_it_later_in_order(
    start: Start, script: Script, manual_timers: ManualTimers
) -> None:
    pipeline = start(timers=manual_timers)
    script.always_fail("store", PortDown())
    outcomes = [outcome_of(pipeline, f"r{number}", f"topic {number}") for number in range(3)]
    assert [outcome.degraded for outcome in outcomes] == [("store_deferred",)] * 3
    assert [record.topic for record in pipeline.deferred()] == ["topic 0", "topic 1", "topic 2"]
    assert pipeline.record(outcomes[0].id) is not None
    script.before.clear()
    manual_timers.fire(5)
    assert outcome_of(pipeline, "r4", "topic 4").degraded == ()
    assert script.puts == ["topic 0", "topic 1", "topic 2", "topic 4"]
    assert [record.meme.degraded for record in pipeline.stored()] == [()] * 4


def test_a_write_waits_for_the_outbox(start: Start, script: Script, manual_timers: ManualTimers) -> None:
    pipeline = start(timers=manual_timers)
    script.fail("store", PortDown())
    outcome_of(pipeline, "r1", "topic 1")
    outcome_of(pipeline, "r2", "topic 2")
    assert script.puts == ["topic 1", "topic 2"]


def test_what_waits_for_the_store_is_written_when_the_pipeline_stops(start: Start, script: Script, manual_timers: ManualTimers) -> None:
    pipeline = start(timers=manual_timers)
    script.fail("store", PortDown())
    outcome_of(pipeline)
    pipeline.stop()
    assert (script.puts, pipeline.deferred(), manual_timers.closed) == (["cats"], (), True)


# 9. flags


def test_flags_are_sorted(start: Start, script: Script, manual_timers: ManualTimers) -> None:
    for port in ("store", "image", "scorer", "instructions", "factuality"):
        script.always_fail(port, PortDown())
    flags = ("factuality_unverified", "image_placeholder", "instructions_unverified", "score_default")
    pipeline = start(timers=manual_timers)
    assert outcome_of(pipeline).degraded == (*flags, "store_deferred")
    assert pipeline.deferred()[0].meme.degraded == flags


# 10. deadline and cancel


@pytest.mark.parametrize("port", ["text", "factuality", "scorer", "image", "store"])
def test_a_deadline_ends_a_request_in_any_stage(start: Start, script: Script, manual_timers: ManualTimers, port: str) -> None:
    pipeline, gate = start(timers=manual_timers), script.hold(port)
    future = pipeline.submit(request(deadline_s=7.0))
    gate.wait_until_entered()
    manual_timers.fire(7)
    assert future.get(timeout=PATIENCE_S) == TimedOut()
    gate.open()
    assert isinstance(outcome_of(pipeline, "r2"), Meme)
    assert script.stages()[-1] == "timed_out"


def test_a_real_deadline_passes(start: Start, script: Script) -> None:
    pipeline, gate = start(), script.hold("text")
    assert outcome_of(pipeline, deadline_s=0.05) == TimedOut()
    gate.open()


def test_a_cancelled_request_is_cancelled_once(start: Start, script: Script) -> None:
    pipeline, gate = start(), script.hold("scorer")
    future = pipeline.submit(request())
    gate.wait_until_entered()
    assert [pipeline.cancel("r1"), pipeline.cancel("r1"), pipeline.cancel("unknown")] == [True, False, False]
    assert future.get(timeout=PATIENCE_S) == Cancelled()
    gate.open()
    assert script.stages()[-1] == "cancelled"


def test_a_finished_request_cannot_be_cancelled(start: Start) -> None:
    pipeline = start()
    outcome = outcome_of(pipeline)
    assert not pipeline.cancel("r1")
    assert outcome_of(pipeline) is outcome


def test_cancelling_races_with_completing_and_only_one_wins(start: Start, script: Script, in_threads: Run) -> None:
    pipeline = start(cache_ttl_s=0)
    for number in range(30):
        request_id = f"r{number}"
        future = pipeline.submit(request(request_id))
        cancelled = in_threads(2, lambda _, request_id=request_id: pipeline.cancel(request_id))
        outcome = future.get(timeout=PATIENCE_S)
        assert sum(cancelled) == (1 if outcome == Cancelled() else 0)
        stages = script.stages(request_id)
        assert stages[-1] == ("cancelled" if outcome == Cancelled() else "completed")
        assert sum(stage in {"cancelled", "completed"} for stage in stages) == 1


def test_a_port_that_breaks_its_word_about_types_counts_as_raising(start: Start, script: Script) -> None:
    script.answers["scorer"] = lambda text, prompt: None
    script.answers["image"] = lambda text, format: b"png"
    assert outcome_of(start()).degraded == ("image_placeholder", "score_default")


def test_a_progress_listener_that_raises_harms_nobody(start: Start, script: Script) -> None:
    script.progress = type("Deaf", (list,), {"append": lambda self, item: 1 / 0})()
    assert isinstance(outcome_of(start()), Meme)


def test_a_progress_listener_may_submit_and_cancel(start: Start, script: Script) -> None:
    futures: list[Any] = []

    class Eager(list[Any]):
        def append(self, progress: Any) -> None:
            super().append(progress)
            if progress.request_id == "r1" and progress.stage == "scoring":
                futures.append(pipeline.submit(request("r2", "dogs")))
                assert pipeline.cancel("r1")

    script.progress = Eager()
    pipeline = start()
    assert outcome_of(pipeline) == Cancelled()
    assert isinstance(futures[0].get(timeout=PATIENCE_S), Meme)


def test_equal_payloads_give_equal_memes_whatever_the_request(start: Start, script: Script) -> None:
    script.answers["image"] = lambda text, format: RenderedImage(b"png", 1, 1)
    first = start(cache_ttl_s=0)
    assert outcome_of(first, "a") == outcome_of(first, "b") == outcome_of(start(), "c")
