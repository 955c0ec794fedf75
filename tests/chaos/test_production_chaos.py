"""Chaos switched on in a service at work: most requests still get their meme, nothing that was accepted is lost, and it is bounded."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings

import greenroom
from dspy_meme_gen.adapters.chaotic_ports import chaotic_ports
from dspy_meme_gen.adapters.offline_scorer import OfflineScorer
from dspy_meme_gen.adapters.pillow_images import PillowImageModel
from dspy_meme_gen.adapters.recalling_store import RecallingStore
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.api.app import create_app
from dspy_meme_gen.bootstrap import configured_ports, start_pipeline
from dspy_meme_gen.configuration import as_lines
from dspy_meme_gen.domain import GenerateMeme, Meme
from dspy_meme_gen.errors import InjectedFault, InvalidSettings
from dspy_meme_gen.ports import Closeable, MemeCatalogue, Preparing, Recalling, Troubled
from dspy_meme_gen.resilience.chaos import CHAOS_PORTS, Chaos, ChaosPolicy
from dspy_meme_gen.settings import Settings
from tests.memespy.fakes import Script

REQUESTS = 40
DONE_WITHOUT = "factuality,instructions,scorer,refiner,image"
EVERY = ",".join(port for port in CHAOS_PORTS if port != "cache")
NOWHERE = Path("/nonexistent/chaos-off")


def chosen(**fields):
    small = {"database_url": "sqlite://", "health_period_s": 0, "image_width": 64, "image_height": 48, "user_burst": 10_000}
    return Settings(**(small | {"chaos_share": 0.3, "chaos_off_file": str(NOWHERE)} | fields))


def policy(**fields):
    return ChaosPolicy(**({"share": 0.5, "ports": ("scorer",), "off_file": NOWHERE} | fields))


def at_work(schedule=None, requests=REQUESTS, between=lambda number: None, **fields):
    """The outcomes of a request a second with chaos on; what was spoiled; and what of it is nowhere in the end."""

    def scenario():
        settings = chosen(**fields)
        with start_pipeline(settings, configured_ports(settings)) as pipeline:
            outcomes = []
            for number in range(requests):
                between(number)
                outcomes.append(pipeline.submit(GenerateMeme.create(request_id=f"r{number}", topic=f"cats {number}")).get())
                time.sleep(1)
            spoiled = pipeline.chaos().spoiled()
            time.sleep(120)  # the outbox is tried again and again, with chaos on
            stored = {record.id for record in pipeline.stored()}
            made = {outcome.id for outcome in outcomes if isinstance(outcome, Meme)}
            return outcomes, spoiled, made - stored, pipeline.in_flight()

    return greenroom.run(scenario, schedule, max_steps=1_000_000).result


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("ports", "per_minute", "least"),
    [(DONE_WITHOUT, 600, 1.0), (f"text,store,{DONE_WITHOUT}", 600, 0.8), (EVERY, 30, 0.8)],
    ids=["what memes can do without", "texts and the store too", "everything, within the bound that is the default"],
)
def test_most_requests_get_their_meme_and_nothing_that_was_accepted_is_lost(ports, per_minute, least, seed):
    outcomes, spoiled, lost, in_flight = at_work(chaos_ports=ports, chaos_per_minute=per_minute, chaos_seed=seed)
    memes = [outcome for outcome in outcomes if isinstance(outcome, Meme)]
    assert len(memes) >= least * len(outcomes)
    assert sum(spoiled.values()) >= 25, "it was there"
    assert any(meme.degraded for meme in memes), "and could be seen"
    assert (lost, in_flight) == (set(), ())


@settings(max_examples=10)
@given(schedule=greenroom.schedules())
def test_nothing_is_lost_whatever_the_schedule(schedule):
    outcomes, _, lost, in_flight = at_work(schedule, requests=5, chaos_ports=EVERY, chaos_per_minute=600)
    assert len(outcomes) == 5
    assert (lost, in_flight) == (set(), ())


def test_the_same_seed_spoils_the_same_calls():
    runs = [at_work(requests=10, chaos_seed=seed) for seed in (1, 1, 2)]
    assert runs[0] == runs[1]
    assert runs[0][1] != runs[2][1]


def test_a_file_switches_it_off_and_its_end_on_again(tmp_path):
    off = tmp_path / "chaos-off"

    def between(number):
        if number == 10:
            off.touch()
        elif number == 20:
            off.unlink()

    outcomes, *_ = at_work(requests=30, between=between, chaos_off_file=str(off), breaker_failures=10**6, chaos_ports="instructions")
    degraded = [number for number, outcome in enumerate(outcomes) if outcome.degraded]
    assert [number for number in degraded if 10 <= number < 20] == []
    assert min(degraded) < 10
    assert max(degraded) >= 20


# What is decorated


def called(call, times):
    results = Counter()
    for _ in range(times):
        began_s = time.monotonic()
        try:
            result = call()
        except InjectedFault:
            result = "raised"
        results[result, time.monotonic() - began_s] += 1
    return results


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_share_of_the_calls_is_spoiled_and_the_others_are_as_they_were(share):
    def scenario():
        chaos = Chaos(policy(share=share, delay_s=2.0, per_minute=600))

        @chaos.spoils("scorer")
        def call(*, word="as it was"):
            """What it says."""
            return word

        return called(call, 200), chaos.spoiled(), call.__doc__

    results, spoiled, doc = greenroom.run(scenario).result
    assert set(results) == {("as it was", 0.0), ("as it was", 2.0), ("raised", 0.0)}
    assert spoiled == {("scorer", "delay"): results["as it was", 2.0], ("scorer", "raise"): results["raised", 0.0]}
    assert abs(sum(spoiled.values()) - 200 * share) < 25
    assert doc == "What it says."


def test_no_more_are_spoiled_in_a_minute_than_was_said():
    def scenario():
        chaos = Chaos(policy(kinds=("raise",), per_minute=5, ports=("scorer", "image")))
        calls = [chaos.spoils(port)(lambda: "ok") for port in ("scorer", "image")]
        counts = []
        for pause_s in (0.0, 59.0, 1.0):
            time.sleep(pause_s)
            counts.append(sum(called(call, 50)["raised", 0.0] for call in calls))
        return counts

    assert greenroom.run(scenario).result == [5, 0, 5]


def test_a_port_with_chaos_in_it_can_do_all_that_it_could():
    script = Script()
    ports = script.ports(ThreadedTimers())
    store = RecallingStore(ports.store, 1_000_000)
    object.__setattr__(ports, "store", store)
    with_chaos = chaotic_ports(ports, Chaos(policy(ports=("store",))))
    for protocol in (Recalling, MemeCatalogue, Troubled, Closeable, Preparing):
        assert isinstance(with_chaos.store, protocol) == isinstance(store, protocol)
    assert isinstance(with_chaos.store, Recalling)
    assert with_chaos.store.all() == ()
    assert with_chaos.image is ports.image, "a port that was not named is the same"
    ports.timers.close()


# Off, and on


def test_off_there_is_no_wrapper_and_nothing_is_said(caplog):
    caplog.set_level(logging.INFO)
    settings = chosen(chaos_share=0.0)
    ports = configured_ports(settings)
    assert (type(ports.scorer), type(ports.image), type(ports.store)) == (OfflineScorer, PillowImageModel, RecallingStore)
    assert settings.chaos() is ports.chaos is None
    with start_pipeline(settings, ports) as pipeline:
        health, metrics = pipeline.health(), asyncio.run(metrics_of(pipeline, settings))
    assert "chaos" not in health.checks
    assert "chaos" not in metrics
    assert "CHAOS" not in caplog.text


async def metrics_of(pipeline, settings):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(pipeline, settings)), base_url="http://memespy.test") as client:
        return (await client.get("/metrics")).text


def test_on_the_log_the_health_the_numbers_and_the_configuration_say_so(caplog, tmp_path):
    settings = chosen(chaos_share=0.5, chaos_kinds="raise", chaos_ports="instructions", chaos_off_file=str(tmp_path / "off"))
    said = f"spoils 50% of the calls of instructions (raise, at most 30 a minute; the file {tmp_path / 'off'} switches it off)"
    with start_pipeline(settings, configured_ports(settings)) as pipeline:
        assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
            f"CHAOS IS ON: this service {said}"
        ]
        for number in range(10):
            pipeline.submit(GenerateMeme.create(request_id=f"r{number}", topic=f"cats {number}")).get()
        check, metrics = pipeline.health().checks["chaos"], asyncio.run(metrics_of(pipeline, settings))
        assert (check.status, check.detail) == ("ok", said)
        assert "memespy_chaos_share 0.5" in metrics
        spoiled = pipeline.chaos().spoiled()["instructions", "raise"]
        assert f'memespy_chaos_spoiled_total{{kind="raise",port="instructions"}} {float(spoiled)}' in metrics
        (tmp_path / "off").touch()
        assert "memespy_chaos_share 0.0" in asyncio.run(metrics_of(pipeline, settings))
        assert pipeline.health().checks["chaos"].detail == f"switched off by {tmp_path / 'off'}"
    (tmp_path / "off").unlink()
    assert f"note: chaos is on: this service {said}" in as_lines(settings)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"chaos_share": 0.6}, "MEMESPY_CHAOS_SHARE .* a number from 0 to 0.5"),
        ({"chaos_ports": "text,outbox"}, "MEMESPY_CHAOS_PORTS .* expected one or more of text, .*, each once"),
        ({"chaos_ports": ""}, "MEMESPY_CHAOS_PORTS"),
        ({"chaos_ports": "cache"}, "expected a REDIS_URL"),
        ({"chaos_kinds": "corrupt"}, "MEMESPY_CHAOS_KINDS .* expected one or more of raise, delay"),
        ({"chaos_kinds": "raise,raise"}, "MEMESPY_CHAOS_KINDS"),
        ({"chaos_delay_s": 31.0}, "MEMESPY_CHAOS_DELAY_S"),
        ({"chaos_per_minute": 601}, "MEMESPY_CHAOS_PER_MINUTE"),
        ({"chaos_per_minute": 0}, "MEMESPY_CHAOS_PER_MINUTE"),
        ({"chaos_seed": -1}, "MEMESPY_CHAOS_SEED"),
        ({"log_level": "ERROR"}, "LOG_LEVEL ERROR; chaos says in the log that it is on: expected WARNING"),
    ],
)
def test_what_would_make_it_silent_or_boundless_is_refused(fields, told):
    with pytest.raises(InvalidSettings, match=told):
        chosen(**fields)


def test_a_number_of_chaos_that_is_off_is_checked_all_the_same():
    with pytest.raises(InvalidSettings, match="MEMESPY_CHAOS_PORTS"):
        chosen(chaos_share=0.0, chaos_ports="everything")
