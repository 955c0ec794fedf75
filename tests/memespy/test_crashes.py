"""Rule 11: whoever crashes is started again, and nothing that was under way is lost."""

import random
import threading
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest

from dspy_meme_gen import names
from dspy_meme_gen.domain import Cancelled, Failed, Meme, TimedOut
from dspy_meme_gen.errors import ServiceStopped
from dspy_meme_gen.messages import Crash
from dspy_meme_gen.pipeline import Pipeline
from tests.memespy.conftest import Start
from tests.memespy.fakes import PATIENCE_S, Gate, ManualTimers, PortDown, Script, marks, request

EVERYONE = (names.SUPERVISOR, *names.WORKERS, names.MEME_GENERATOR, names.ROUTER)

NEVER_OPEN = dict.fromkeys(("text_breaker_failures", "image_breaker_failures", "breaker_failures"), 1_000_000)
PORT_OF = {
    names.TEXT_GENERATOR: "text",
    "appropriateness": "appropriateness",
    "factuality": "factuality",
    "instructions": "instructions",
    names.SCORER: "scorer",
    names.REFINER: "refiner",
    names.IMAGE_GENERATOR: "image",
    names.STORE: "store",
}


def crash(pipeline: Pipeline, name: str) -> None:
    """The actor dies when it comes to the message; by then whatever was told to it before is done."""
    pipeline.addresses[name].tell(Crash())


def wait_for_incarnation(pipeline: Pipeline, name: str, incarnation: int) -> None:
    deadline = threading.Event()
    for _ in range(1000 * PATIENCE_S):
        if pipeline.addresses[name].incarnation >= incarnation:
            return
        deadline.wait(0.001)
    raise AssertionError(f"{name} never came to incarnation {incarnation}")


def meme_of(pipeline: Pipeline, request_id: str = "after", topic: str = "dogs") -> Meme:
    outcome = pipeline.submit(request(request_id, topic)).get(timeout=PATIENCE_S)
    assert isinstance(outcome, Meme)
    return outcome


def held_request(pipeline: Pipeline, script: Script, port: str) -> tuple[Any, Gate]:
    """A request whose work is inside a port call, so that what is told to the actor next comes after it."""
    script.answers["scorer"] = lambda text, prompt: marks(0.3 if "round" not in text.bottom else 0.9)
    gate = script.hold(port)
    future = pipeline.submit(request())
    gate.wait_until_entered()
    return future, gate


@pytest.mark.parametrize("name", EVERYONE)
def test_an_idle_actor_that_crashes_is_replaced_and_works(start: Start, script: Script, name: str) -> None:
    pipeline = start()
    crash(pipeline, name)
    wait_for_incarnation(pipeline, name, 2)
    assert meme_of(pipeline).degraded == ()
    assert {each: address.incarnation for each, address in pipeline.addresses.items() if address.incarnation > 1} == {name: 2}


@pytest.mark.parametrize("name", EVERYONE)
def test_a_request_told_before_and_after_a_crash_is_finished(start: Start, script: Script, name: str) -> None:
    pipeline = start()
    futures = [pipeline.submit(request(f"r{number}", f"topic {number}")) for number in range(20)]
    crash(pipeline, name)
    futures += [pipeline.submit(request(f"s{number}", f"subject {number}")) for number in range(20)]
    outcomes = [future.get(timeout=PATIENCE_S) for future in futures]
    assert all(isinstance(outcome, Meme) and outcome.degraded == () for outcome in outcomes)


@pytest.mark.parametrize("name", EVERYONE)
def test_an_actor_that_is_killed_by_a_stop_is_replaced_too(start: Start, script: Script, name: str) -> None:
    pipeline = start()
    ref = pipeline.addresses[name].ref
    assert ref is not None
    ref.stop()
    wait_for_incarnation(pipeline, name, 2)
    assert meme_of(pipeline).degraded == ()


@pytest.mark.parametrize("name", list(PORT_OF))
def test_work_behind_a_crash_is_sent_again(start: Start, script: Script, name: str) -> None:
    """The actor is inside a call for one request; a crash and the work of a second request wait in its inbox."""
    pipeline = start()
    first, gate = held_request(pipeline, script, PORT_OF[name])
    crash(pipeline, name)
    second = pipeline.submit(request("r2", "dogs"))
    script.before.clear()
    gate.open()
    outcomes = [future.get(timeout=PATIENCE_S) for future in (first, second)]
    assert all(isinstance(outcome, Meme) and outcome.degraded == () for outcome in outcomes)
    assert pipeline.addresses[name].incarnation == 2
    assert script.stages("r2").count("text") == 1


class Killer:
    """Makes each call of a port kill its actor, so often: the port cannot raise what would pass through the worker."""

    def __init__(self, pipeline: Pipeline, name: str, times: int) -> None:
        self._address = pipeline.addresses[name]
        self._left = times
        self._tell = self._address.tell
        self._address.tell = self._told  # type: ignore[method-assign]

    def _told(self, message: object) -> int:
        if self._left > 0 and type(message).__name__ in {"Work", "Generate"}:
            self._left -= 1
            self._tell(Crash())
        return self._tell(message)


ONE_CRASH = dict.fromkeys(PORT_OF, ())
TWO_CRASHES: dict[str, Any] = {
    "appropriateness": Failed("ActorCrashed", "verification"),
    "factuality": ("factuality_unverified",),
    "instructions": ("instructions_unverified",),
    names.SCORER: ("score_default",),
    names.IMAGE_GENERATOR: ("image_placeholder",),
    names.STORE: ("store_deferred",),
}


@pytest.mark.parametrize("name", list(PORT_OF))
def test_one_crash_on_a_piece_of_work_changes_no_result(start: Start, script: Script, name: str) -> None:
    script.answers["scorer"] = lambda text, prompt: marks(0.3 if "round" not in text.bottom else 0.9)
    pipeline = start()
    Killer(pipeline, name, times=1)
    assert meme_of(pipeline, "r1").degraded == ()
    assert pipeline.addresses[name].incarnation == 2


@pytest.mark.parametrize(("name", "expected"), TWO_CRASHES.items())
def test_two_crashes_on_a_piece_of_work_count_as_the_port_raising(start: Start, script: Script, name: str, expected: Any) -> None:
    pipeline = start()
    Killer(pipeline, name, times=2)
    outcome = pipeline.submit(request()).get(timeout=PATIENCE_S)
    assert (outcome if isinstance(outcome, Failed) else outcome.degraded) == expected


def test_a_refiner_that_crashes_twice_is_done_without(start: Start, script: Script) -> None:
    script.answers["scorer"] = lambda text, prompt: marks(0.3)
    pipeline = start()
    Killer(pipeline, names.REFINER, times=2)
    assert meme_of(pipeline).degraded == ("refinement_failed",)


@pytest.mark.parametrize(("times", "expected"), [(2, Meme), (3, Meme), (4, Failed)])
def test_a_text_generator_that_crashes_twice_is_tried_again_like_a_port(start: Start, script: Script, times: int, expected: type) -> None:
    pipeline = start()
    Killer(pipeline, names.TEXT_GENERATOR, times=times)
    outcome = pipeline.submit(request()).get(timeout=PATIENCE_S)
    assert isinstance(outcome, expected)
    if expected is Failed:
        assert outcome == Failed("ActorCrashed", "text")


def test_a_record_that_crashed_the_store_twice_is_stored_in_the_end(start: Start, script: Script) -> None:
    pipeline = start()
    Killer(pipeline, names.STORE, times=2)
    assert meme_of(pipeline).degraded == ("store_deferred",)
    pipeline.stop()
    assert script.puts == ["dogs"]


def test_a_crashed_cache_is_no_cache(start: Start, script: Script) -> None:
    pipeline = start()
    first = meme_of(pipeline, "r1")
    crash(pipeline, names.CACHE)
    assert meme_of(pipeline, "r2") == first
    assert script.count("text") == 2


def test_an_outbox_survives_the_store_actor(start: Start, script: Script, manual_timers: ManualTimers) -> None:
    pipeline = start(timers=manual_timers)
    script.always_fail("store", PortDown())
    futures = [pipeline.submit(request(f"r{number}", f"topic {number}")) for number in range(3)]
    assert [future.get(timeout=PATIENCE_S).degraded for future in futures] == [("store_deferred",)] * 3
    waiting = [record.topic for record in pipeline.deferred()]
    script.before.clear()
    crash(pipeline, names.STORE)
    wait_for_incarnation(pipeline, names.STORE, 2)
    assert meme_of(pipeline).degraded == ()
    assert script.puts == [*waiting, "dogs"]


# The orchestrator and the router


@pytest.mark.parametrize("port", list(PORT_OF.values()))
def test_a_crashed_orchestrator_begins_again_wherever_the_request_was(start: Start, script: Script, port: str) -> None:
    pipeline = start()
    future, gate = held_request(pipeline, script, port)
    script.before.clear()
    crash(pipeline, names.MEME_GENERATOR)
    wait_for_incarnation(pipeline, names.MEME_GENERATOR, 2)
    gate.open()
    outcome = future.get(timeout=PATIENCE_S)
    assert isinstance(outcome, Meme)
    assert outcome.degraded == ()
    assert len(pipeline.stored()) == 1
    assert script.stages()[-1] == "completed"
    assert script.stages().count("routing") == 1


def test_a_second_crash_of_the_orchestrator_fails_the_request(start: Start, script: Script) -> None:
    pipeline = start()
    Killer(pipeline, names.MEME_GENERATOR, times=2)
    assert pipeline.submit(request()).get(timeout=PATIENCE_S) == Failed("ActorCrashed", "routing")
    assert isinstance(meme_of(pipeline), Meme)


def test_followers_survive_the_orchestrator(start: Start, script: Script) -> None:
    pipeline = start()
    gate = script.hold("text")
    futures = [pipeline.submit(request(f"r{number}")) for number in range(4)]
    gate.wait_until_entered()
    crash(pipeline, names.MEME_GENERATOR)
    wait_for_incarnation(pipeline, names.MEME_GENERATOR, 2)
    gate.open()
    assert len({future.get(timeout=PATIENCE_S) for future in futures}) == 1


def test_a_deadline_keeps_running_through_a_crash_of_orchestrator_and_router(
    start: Start, script: Script, manual_timers: ManualTimers
) -> None:
    pipeline = start(timers=manual_timers)
    future, gate = held_request(pipeline, script, "text")
    for name in (names.MEME_GENERATOR, names.ROUTER):
        crash(pipeline, name)
        wait_for_incarnation(pipeline, name, 2)
    manual_timers.fire(30)
    assert future.get(timeout=PATIENCE_S) == TimedOut()
    gate.open()


def test_a_deadline_told_to_a_dead_router_is_not_lost(start: Start, script: Script) -> None:
    pipeline = start()
    gate = script.hold("text")
    future = pipeline.submit(request(deadline_s=0.3))
    gate.wait_until_entered()
    crash(pipeline, names.ROUTER)
    assert future.get(timeout=PATIENCE_S) == TimedOut()
    gate.open()


def test_a_request_submitted_to_a_dead_router_is_found_in_the_ledger(start: Start, script: Script) -> None:
    pipeline = start()
    crash(pipeline, names.ROUTER)
    futures = [pipeline.submit(request(f"r{number}")) for number in range(10)]
    assert all(isinstance(future.get(timeout=PATIENCE_S), Meme) for future in futures)


def test_a_cancel_told_to_a_dead_orchestrator_frees_the_followers(start: Start, script: Script) -> None:
    pipeline = start()
    gate = script.hold("text")
    leader, follower = pipeline.submit(request("r1")), pipeline.submit(request("r2"))
    gate.wait_until_entered()
    crash(pipeline, names.MEME_GENERATOR)
    assert pipeline.cancel("r1")
    script.before.clear()
    gate.open()
    assert leader.get(timeout=PATIENCE_S) == Cancelled()
    assert isinstance(follower.get(timeout=PATIENCE_S), Meme)


# The limit


def test_five_restarts_are_put_up_with_and_the_sixth_crash_ends_it(start: Start, script: Script) -> None:
    pipeline = start()
    future, gate = held_request(pipeline, script, "text")
    for crashes in range(5):
        crash(pipeline, names.CACHE)
        wait_for_incarnation(pipeline, names.CACHE, 2 + crashes)
    assert not pipeline.addresses[names.CACHE].incarnation > 6
    crash(pipeline, names.SCORER)
    assert future.get(timeout=PATIENCE_S) == Failed("RestartLimitExceeded", "text")
    with pytest.raises(ServiceStopped):
        pipeline.submit(request("r2"))
    gate.open()
    assert script.stages()[-1] == "failed"


def test_a_supervisor_that_crashes_too_often_ends_it_as_well(start: Start, script: Script) -> None:
    pipeline = start(restart_limit=1)
    future, gate = held_request(pipeline, script, "text")
    crash(pipeline, names.SUPERVISOR)
    wait_for_incarnation(pipeline, names.SUPERVISOR, 2)
    crash(pipeline, names.SUPERVISOR)
    assert future.get(timeout=PATIENCE_S) == Failed("RestartLimitExceeded", "text")
    gate.open()


def test_restarts_that_are_old_enough_are_forgotten(start: Start) -> None:
    pipeline = start(restart_limit=1, restart_window_s=0)
    for crashes in range(4):
        crash(pipeline, names.TEXT_GENERATOR)
        wait_for_incarnation(pipeline, names.TEXT_GENERATOR, 2 + crashes)
    assert isinstance(meme_of(pipeline), Meme)


def test_a_crash_while_the_supervisor_is_dead_is_seen_by_its_successor(start: Start) -> None:
    pipeline = start(restart_limit=100)
    for turn in range(10):
        crash(pipeline, names.SUPERVISOR)
        crash(pipeline, names.TEXT_GENERATOR)
        assert isinstance(meme_of(pipeline, f"r{turn}", f"topic {turn}"), Meme)


@pytest.mark.parametrize("seed", range(8))
def test_crashes_at_random_lose_nothing(
    start: Start, script: Script, seed: int, in_threads: Callable[[int, Callable[[int], Any]], list[Any]]
) -> None:
    pipeline = start(restart_limit=10_000, retry_backoff_s=0.001, user_burst=1000, **NEVER_OPEN)
    chance = random.Random(seed)
    crashes = [chance.choice(EVERYONE) for _ in range(60)]

    def client(number: int) -> list[Any]:
        if number == 0:
            for name in crashes:
                crash(pipeline, name)
            return []
        futures = [pipeline.submit(request(f"{number}-{turn}", f"topic {turn % 7}", deadline_s=300)) for turn in range(25)]
        return [future.get(timeout=2 * PATIENCE_S) for future in futures]

    for outcome in chain.from_iterable(in_threads(4, client)):
        assert isinstance(outcome, Meme) or (isinstance(outcome, Failed) and outcome.error == "ActorCrashed"), outcome
    assert pipeline.in_flight() == ()
