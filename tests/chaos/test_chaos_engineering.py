"""The service with a monkey in its ports: on the stage, in virtual time, so that a minute of outages takes none."""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import greenroom
from dspy_meme_gen import bootstrap
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import GenerateMeme, Meme
from dspy_meme_gen.messages import Crash
from dspy_meme_gen.settings import Settings
from tests.chaos import clocks, pressure
from tests.chaos.monkey import PORTS, TRICKS, ChaosMonkey, ChaoticCache
from tests.memespy.fakes import Script
from tests.variables import duration_s

REQUESTS = 25
RETRIES = 4
RETRY_AFTER_S = 20.0
"""A client that was told to come back later does so, a few times."""
SEEDS = range(3)


def chaos(monkey, categories, requests=REQUESTS):
    """The outcomes of clients that come back when they are told to, what was stored, and what still waits for the store."""

    def scenario():
        script = Script()
        monkey.unleash(script, categories)
        chosen = Settings(health_period_s=0, database_url="sqlite://", outbox_drain_s=5.0, user_burst=10_000)
        ports = script.ports(ThreadedTimers())
        object.__setattr__(ports, "cache", ChaoticCache(script))
        with start_pipeline(chosen, ports) as pipeline:
            outcomes = [_persistent(pipeline, f"r{number}", f"cats {number}") for number in range(requests)]
            monkey.cage(script)
            time.sleep(60)
            settled = [pipeline.submit(GenerateMeme.create(request_id="after", topic="after")).get()]
            return outcomes, settled[0], dict(script.records), pipeline.deferred(), pipeline.in_flight()

    return greenroom.run(scenario, max_steps=2_000 * requests).result


def _persistent(pipeline, name, topic):
    outcome = None
    for attempt in range(1 + RETRIES):
        request = GenerateMeme.create(request_id=f"{name}-{attempt}", topic=topic, deadline_s=60.0)
        outcome = pipeline.submit(request).get()
        if isinstance(outcome, Meme):
            break
        time.sleep(RETRY_AFTER_S)
    return outcome


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("category", PORTS)
def test_most_requests_succeed_whatever_a_category_of_failures_does(category, seed):
    monkey = ChaosMonkey(seed)
    outcomes, after, records, deferred, in_flight = chaos(monkey, [category])
    memes = [outcome for outcome in outcomes if isinstance(outcome, Meme)]
    assert len(memes) > 0.8 * len(outcomes), monkey.done
    assert monkey.done.total() > 0 or monkey.rate == 0, "the monkey was there"
    assert (deferred, in_flight) == ((), ()), "what waited was stored, and nothing is left over"
    assert {meme.id for meme in memes} <= set(records)
    assert isinstance(after, Meme)
    assert set(after.degraded) <= {"image_placeholder"}, "it recovers: at most a breaker is still half-open"


def test_everything_at_once_is_survived_and_nothing_that_was_made_is_lost():
    monkey = ChaosMonkey(7)
    outcomes, _, records, deferred, in_flight = chaos(monkey, PORTS)
    memes = [outcome for outcome in outcomes if isinstance(outcome, Meme)]
    assert len(memes) > 0.8 * len(outcomes), monkey.done
    assert {meme.id for meme in memes} <= set(records)
    assert (deferred, in_flight) == ((), ())


def test_without_a_monkey_all_is_well():
    outcomes, _, records, _, _ = chaos(ChaosMonkey(0, rate=0.0), PORTS, requests=5)
    assert [outcome.degraded for outcome in outcomes] == [()] * 5
    assert len(records) == 6


def test_the_same_seed_spoils_the_same_calls():
    first, again, other = ChaosMonkey(1), ChaosMonkey(1), ChaosMonkey(2)
    runs = [chaos(monkey, PORTS, requests=8) for monkey in (first, again, other)]
    assert first.done == again.done != other.done
    assert runs[0] == runs[1]


def test_every_trick_is_played_some_time():
    played = set()
    for seed in range(6):
        monkey = ChaosMonkey(seed, rate=0.5)
        chaos(monkey, PORTS, requests=12)
        played |= {name for _, name in monkey.done}
    assert played == {name for tricks in TRICKS.values() for name in tricks}


def clients_that_race(seed):
    """Five clients at once, while one actor after another dies: the outcomes by topic."""
    source, outcomes = random.Random(seed), defaultdict(list)

    def client(pipeline, number):
        for each in range(4):
            outcomes[each].append(_persistent(pipeline, f"{number}-{each}", f"cats {each}"))

    script = Script()
    script.before["text"] = lambda: time.sleep(0.3)
    chosen = Settings(health_period_s=0, database_url="sqlite://", restart_limit=1000, restart_backoff_s=0)
    with start_pipeline(chosen, script.ports(ThreadedTimers())) as pipeline:
        clients = [threading.Thread(target=client, args=(pipeline, number)) for number in range(5)]
        for thread in clients:
            thread.start()
        for _ in range(10):
            time.sleep(source.random() / 5)
            pipeline.addresses[source.choice(sorted(pipeline.addresses))].tell(Crash())
        for thread in clients:
            thread.join()
        return dict(outcomes), pipeline.in_flight()


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), schedule=greenroom.schedules())
def test_clients_that_race_while_actors_die_get_one_meme_for_a_topic(seed, schedule):
    outcomes, in_flight = greenroom.run(lambda: clients_that_race(seed), schedule).result
    memes = {topic: [each for each in every if isinstance(each, Meme)] for topic, every in outcomes.items()}
    assert sum(map(len, memes.values())) >= 0.8 * sum(map(len, outcomes.values()))
    assert all(len({meme.id for meme in every if not meme.degraded}) <= 1 for every in memes.values())
    assert in_flight == ()


def counted(offsets, **how):
    return greenroom.run(lambda: clocks.counted(offsets, **how), max_steps=100_000).result


def test_nothing_that_counts_seconds_minds_a_wall_clock_that_jumps():
    steady = counted(clocks.STEADY)
    assert steady["cache"] == [1, 1, 1, 2], "for its time to live a meme is known"
    assert counted(clocks.JUMPS) == steady


def test_whatever_goes_by_the_wall_clock_is_found_out():
    steady = counted(clocks.STEADY)
    assert counted(clocks.STEADY, everywhere=True) == steady, "a clock that is right does no harm"
    wrong = counted(clocks.JUMPS, everywhere=True)
    assert {name for name in steady if wrong[name] != steady[name]} == set(steady)


EVERYBODY = ["HIGH", "LOW", "NORMAL"]


def test_full_memory_sheds_low_priority_first_and_free_memory_lets_everybody_in(monkeypatch):
    used = [0]
    monkeypatch.setattr(bootstrap, "resident_bytes", lambda: used[0])

    def use(share):
        used[0] = int(share * pressure.LIMIT_MB * 1_000_000)

    shares = (0.3, 0.6, 0.75, 0.9, 0.97, 1.2, 0.9, 0.75, 0.3)
    seen, early = greenroom.run(lambda: pressure.rise_and_fall(shares, use)).result
    assert seen == [
        (0.3, EVERYBODY, "ok"),
        (0.6, EVERYBODY, "degraded"),
        (0.75, ["HIGH", "NORMAL"], "degraded"),
        (0.9, ["HIGH"], "degraded"),
        (0.97, [], "down"),
        (1.2, [], "down"),
        (0.9, ["HIGH"], "degraded"),
        (0.75, ["HIGH", "NORMAL"], "degraded"),
        (0.3, EVERYBODY, "ok"),
    ]
    assert isinstance(early, Meme), "who was taken before is served, whatever its priority"


def test_a_port_that_leaks_is_noticed_before_the_limit_and_forgiven_when_it_stops():
    seen = greenroom.run(pressure.leak).result
    assert seen["at first"].checks["memory"].status == "ok"
    assert seen["made"] > 0
    assert seen["most"] < seen["limit"] + 3 * pressure.BLOCK, "nobody is taken any more, so it leaks no more: a block for each priority"
    assert seen["when nobody is taken"].checks["pressure"].detail == "full"
    assert seen["beyond the limit"].checks["memory"].detail == "does not answer (MemoryError)"
    assert seen["free again"].checks["memory"].status == "ok"
    assert {"HIGH", "NORMAL"} <= set(seen["taken"])


@pytest.mark.slow
def test_an_hour_of_chaos_in_virtual_time():
    """TEST_DURATION virtual seconds (3600)."""
    monkey = ChaosMonkey(11)
    requests = max(50, int(duration_s(3600)) // 15)
    outcomes, after, _, deferred, in_flight = chaos(monkey, PORTS, requests=requests)
    assert sum(isinstance(outcome, Meme) for outcome in outcomes) > 0.8 * len(outcomes)
    assert isinstance(after, Meme)
    assert (deferred, in_flight) == ((), ())
