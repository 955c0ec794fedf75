"""Faults of every kind in every port: the service degrades, says so, and no fault spreads. On the stage, in virtual time."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

import greenroom
from dspy_meme_gen.adapters.offline_scorer import OfflineScorer
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import offline_ports, start_pipeline
from dspy_meme_gen.domain import FLAGS, Failed, GenerateMeme, Meme, Rejected, TimedOut
from dspy_meme_gen.settings import Settings
from tests.fault_injection.faults import Injector, Orchestration, corruption, delays, exceptions, exhaustion, shifted
from tests.memespy.fakes import Script

PORTS = ("text", "appropriateness", "factuality", "instructions", "scorer", "refiner", "image", "store")
NEEDED = {"text", "appropriateness"}
"""Without these there is no meme that may be published; without any other there is one that says what it lacks."""
BREAKERS_S = 61.0
"""After so long every breaker lets a probe through."""


def on_stage(work, **chosen):
    """What `work(pipeline, orchestration)` returns."""

    def scenario():
        script = Script()
        settings = Settings(database_url="sqlite://", **{"health_period_s": 0, "cache_ttl_s": 0, "user_burst": 10_000} | chosen)
        with start_pipeline(settings, script.ports(ThreadedTimers())) as pipeline:
            return work(pipeline, Orchestration(script))

    return greenroom.run(scenario).result


def ask(pipeline, name, **fields):
    return pipeline.submit(GenerateMeme.create(request_id=name, topic=f"cats {name}", **fields)).get()


def recovered(pipeline, orchestration):
    """An outcome after all faults are over, and the second one: a breaker that is half-open wants two successes."""
    orchestration.phase()
    time.sleep(BREAKERS_S)
    return [ask(pipeline, f"after {number}", target_score=1.0) for number in range(3)][-1]


@pytest.mark.parametrize("error", [RuntimeError, ConnectionError, MemoryError, RecursionError, OSError])
@pytest.mark.parametrize("port", PORTS)
def test_an_exception_in_one_port_is_told_or_done_without(port, error):
    def work(pipeline, orchestration):
        orchestration.phase(exceptions(port, error=error))
        during = [ask(pipeline, f"r{number}", target_score=1.0) for number in range(4)]
        return during, recovered(pipeline, orchestration), orchestration.injected, pipeline.deferred()

    during, after, injected, deferred = on_stage(work)
    assert injected.total() > 0
    if port in NEEDED:
        assert all(isinstance(outcome, Failed) for outcome in during)
    else:
        assert all(isinstance(outcome, Meme) and outcome.degraded and set(outcome.degraded) <= set(FLAGS) for outcome in during)
    assert isinstance(after, Meme)
    assert after.degraded == ()
    assert deferred == ()


@pytest.mark.parametrize("port", PORTS)
def test_a_port_that_takes_too_long_is_not_waited_for_and_holds_nobody_up_for_ever(port):
    def work(pipeline, orchestration):
        orchestration.phase(delays(port, seconds=200.0))
        began_s = time.monotonic()
        outcome = ask(pipeline, "r1", target_score=1.0, deadline_s=60.0)
        took_s = time.monotonic() - began_s
        orchestration.phase()
        time.sleep(1000)
        return outcome, took_s, ask(pipeline, "later")

    outcome, took_s, later = on_stage(work)
    assert took_s <= 60.0, "virtual seconds"
    assert isinstance(outcome, Failed | TimedOut) if port in NEEDED else isinstance(outcome, Meme) and outcome.degraded
    assert isinstance(later, Meme)


@pytest.mark.parametrize("port", [port for port in PORTS if port != "store"])
@pytest.mark.parametrize("wrong", [None, 7, "text", b"", (), object])
def test_an_answer_of_another_type_counts_as_the_ports_failure(port, wrong):
    def work(pipeline, orchestration):
        orchestration.phase(corruption(port, into=lambda _: wrong))
        during = ask(pipeline, "r1", target_score=1.0)
        return during, recovered(pipeline, orchestration)

    during, after = on_stage(work)
    assert isinstance(during, Failed) if port in NEEDED else isinstance(during, Meme) and during.degraded
    assert isinstance(after, Meme)
    assert after.degraded == ()


@pytest.mark.parametrize("port", ["text", "image", "scorer"])
def test_content_that_was_changed_on_the_way_reaches_that_meme_alone(port):
    def work(pipeline, orchestration):
        clean = ask(pipeline, "r1")
        orchestration.phase(corruption(port, into=shifted))
        changed = pipeline.submit(GenerateMeme.create(request_id="r2", topic="dogs")).get()
        orchestration.phase()
        return clean, changed, pipeline.submit(GenerateMeme.create(request_id="r3", topic="cats r1")).get()

    clean, changed, again = on_stage(work)
    assert isinstance(changed, Meme | Rejected)
    assert again == clean


def test_what_is_exhausted_fails_from_then_on_and_works_when_there_is_more():
    def work(pipeline, orchestration):
        orchestration.phase(exhaustion("text", calls=3))
        during = [ask(pipeline, f"r{number}") for number in range(6)]
        return during, recovered(pipeline, orchestration)

    during, after = on_stage(work)
    assert [isinstance(outcome, Meme) for outcome in during] == [True] * 3 + [False] * 3
    assert isinstance(after, Meme)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_faults_with_a_probability_are_as_many_as_it_says(probability):
    def work(pipeline, orchestration):
        orchestration.phase(exceptions("instructions", probability=probability))
        return [ask(pipeline, f"r{number}") for number in range(60)], orchestration.injected.total()

    outcomes, injected = on_stage(work, breaker_failures=10**6)
    assert abs(injected - 60 * probability) < 16
    assert sum(outcome.degraded == ("instructions_unverified",) for outcome in outcomes) == injected


def test_a_decorator_injects_what_it_says_and_nothing_while_it_is_off():
    injector = Injector(seed=1)

    @injector(exceptions("price", error=ConnectionError, probability=0.5), corruption("price", into=lambda price: -price))
    def price(pounds, *, pence=0):
        """In pence."""
        return 100 * pounds + pence

    def called():
        try:
            return price(1, pence=5)
        except ConnectionError:
            return "failed"

    assert [called() for _ in range(20)] == [105] * 20
    assert (price.__doc__, injector.injected) == ("In pence.", {})
    injector.on = True
    during = [called() for _ in range(100)]
    assert set(during) == {"failed", -105}
    assert during.count("failed") == injector.injected["ConnectionError in price"]
    assert 30 < during.count("failed") < 70
    injector.on = False
    assert called() == 105


def test_a_decorated_adapter_is_done_without_like_any_that_fails(monkeypatch):
    injector = Injector(on=True)
    faulty = injector(delays("scorer", seconds=200.0))(OfflineScorer.score)
    monkeypatch.setattr(OfflineScorer, "score", faulty)

    def scenario():
        chosen = Settings(database_url="sqlite://", health_period_s=0, image_width=64, image_height=48)
        with start_pipeline(chosen, offline_ports(chosen)) as pipeline:
            outcome = ask(pipeline, "r1", deadline_s=60.0)
            injector.on = False
            time.sleep(300)
            return outcome.degraded, ask(pipeline, "r2", deadline_s=60.0).degraded

    assert greenroom.run(scenario).result == (("score_default",), ())


def test_a_server_that_is_killed_is_followed_by_another(served):
    service = served()
    server = int(json.loads(next(line for line in service.log.read_text().splitlines() if "is ready" in line))["message"].split()[1])
    os.kill(server, signal.SIGKILL)
    service.wait_until("another server", lambda: service.log.read_text().count("is ready") == 2)
    assert service.client.post("/api/v1/memes/", json={"topic": "after the kill"}).status_code == 201
    assert service.end() == 0


def test_an_orchestrated_disaster_never_spreads_and_ends():
    """Slowness, then errors on top, then the store as well; then one thing after another comes back."""
    slow, broken = delays("scorer", seconds=3.0), exceptions("image", "refiner", probability=0.5)
    away = exceptions("store", error=ConnectionError)
    phases = {"slow": [slow], "slow, broken": [slow, broken], "all": [slow, broken, away], "store is back": [slow, broken], "well": []}

    def work(pipeline, orchestration):
        outcomes = {}
        for name, scenarios in phases.items():
            orchestration.phase(*scenarios)
            outcomes[name] = [ask(pipeline, f"{name} {number}", target_score=1.0) for number in range(5)]
        time.sleep(BREAKERS_S)
        return outcomes, recovered(pipeline, orchestration), dict(orchestration.script.records), pipeline.deferred()

    outcomes, after, records, deferred = on_stage(work)
    memes = [meme for phase in outcomes.values() for meme in phase]
    assert all(isinstance(meme, Meme) for meme in memes)
    assert all("store_deferred" in meme.degraded for meme in outcomes["all"])
    assert after.degraded == ()
    assert deferred == ()
    assert {meme.id for meme in memes} <= set(records), "each was stored, the deferred ones too"
