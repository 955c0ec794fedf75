"""Event bus, metrics, health monitor: what they tell, and that nobody who listens can harm the others."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import greenroom
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import Meme, Progress
from dspy_meme_gen.health import Check, Checks, Health
from dspy_meme_gen.measurements import BOUNDS_S, Histogram, Measurements
from dspy_meme_gen.memory import resident_bytes
from dspy_meme_gen.messages import Crash
from dspy_meme_gen.settings import Settings
from dspy_meme_gen.subscribers import SubscriberGone
from tests.memespy.fakes import PortDown, Script, request

STAGES = ["routing", "cache", "text", "verification", "scoring", "image", "storing", "completed"]
SMALL = {"image_width": 64, "image_height": 48}


def staged(scenario, schedule=None):
    return greenroom.run(scenario, schedule).result


def started(script, **chosen):
    return start_pipeline(Settings(**(SMALL | chosen)), script.ports(ThreadedTimers()))


# The bus


def test_subscribers_hear_every_stage_in_order_until_they_leave():
    def scenario():
        heard, heard_by_another = [], []
        with started(Script()) as pipeline:
            leave = pipeline.subscribe(heard.append)
            pipeline.subscribe(heard_by_another.append)
            pipeline.submit(request("r1")).get()
            time.sleep(0.1)
            leave()
            pipeline.submit(request("r2", "dogs")).get()
        return heard, heard_by_another

    heard, heard_by_another = staged(scenario)
    assert [news.stage for news in heard] == STAGES
    assert [news.request_id for news in heard_by_another] == ["r1"] * len(STAGES) + ["r2"] * len(STAGES)


@settings(max_examples=30)
@given(schedule=greenroom.schedules())
def test_a_dead_subscriber_cuts_nobody_short(schedule):
    def scenario():
        heard, broken, gone = [], [], []

        def breaks(news):
            broken.append(news)
            raise ValueError("a listener's own bug")

        def leaves(news):
            gone.append(news)
            raise SubscriberGone

        with started(Script()) as pipeline:
            for listener in (breaks, leaves, heard.append):
                pipeline.subscribe(listener)
            pipeline.submit(request()).get()
        return heard, broken, gone

    heard, broken, gone = staged(scenario, schedule)
    assert [news.stage for news in heard] == STAGES
    assert broken == heard
    assert len(gone) == 1


def test_a_bus_that_crashes_keeps_its_subscribers_and_counts_nothing_twice():
    def scenario():
        heard = []
        with started(Script()) as pipeline:
            pipeline.subscribe(heard.append)
            pipeline.submit(request("r1")).get()
            time.sleep(0.1)
            pipeline.addresses["event_bus"].tell(Crash())
            time.sleep(0.1)
            pipeline.submit(request("r2", "dogs")).get()
            time.sleep(0.1)
            return [news.stage for news in heard], pipeline.measurements().ended

    heard, ended = staged(scenario)
    assert heard == STAGES * 2
    assert ended == {"completed": 2}


# Metrics


@given(st.lists(st.floats(0, 120), max_size=30))
def test_every_duration_is_in_the_bucket_that_it_belongs_to(durations):
    histogram = Histogram()
    for seconds in durations:
        histogram = histogram.with_one(seconds)
    assert histogram.count == len(durations)
    assert histogram.total_s == pytest.approx(sum(durations))
    for place, bound in enumerate(BOUNDS_S):
        assert sum(histogram.buckets[: place + 1]) == sum(seconds <= bound for seconds in durations)


def test_requests_whose_end_is_never_reported_do_not_add_up_for_ever(monkeypatch):
    monkeypatch.setattr("dspy_meme_gen.measurements.MOST_BEGUN", 3)
    measured = Measurements()
    for number in range(10):
        measured.happened(Progress(f"r{number}", "text"), float(number))
    for number in range(10):
        measured.happened(Progress(f"r{number}", "completed"), 20.0)
    numbers = measured.snapshot()
    assert (numbers.ended, numbers.latency.count, measured._began) == ({"completed": 10}, 3, {})


def test_stages_are_measured_from_one_report_to_the_next():
    measured = Measurements()
    for stage, at_s in (("routing", 0.0), ("cache", 0.2), ("text", 0.3), ("completed", 2.3)):
        measured.happened(Progress("r1", stage), at_s)
    measured.happened(Progress("never routed", "timed_out"), 5.0)
    numbers = measured.snapshot()
    assert numbers.ended == {"completed": 1, "timed_out": 1}
    assert {name: round(stage.total_s, 6) for name, stage in numbers.stages.items()} == {"routing": 0.2, "cache": 0.1, "text": 2.0}
    assert (numbers.latency.count, numbers.latency.total_s) == (1, pytest.approx(2.3))


def test_requests_that_ended_take_no_memory():
    measured = Measurements()
    for number in range(1000):
        measured.happened(Progress(f"r{number}", "routing"), 0.0)
        measured.happened(Progress(f"r{number}", "completed"), 1.0)
    assert measured._began == {}


# Health


def test_a_service_that_is_well_says_so_and_a_stopped_one_is_down():
    def scenario():
        with started(Script()) as pipeline:
            well = pipeline.health()
        return well, pipeline.health().status

    well, stopped = staged(scenario)
    assert well.status == "ok"
    assert {"actors", "breakers", "outbox", "pressure"} <= {*well.checks}
    assert stopped == "down"


def test_a_store_that_is_away_is_found_by_the_monitor_and_so_is_its_return():
    def scenario():
        script = Script()
        with started(script) as pipeline:
            script.always_fail("lookup", PortDown("away"))
            time.sleep(6)
            away = pipeline.health()
            script.before.clear()
            time.sleep(5)
            return away, pipeline.health()

    away, back = staged(scenario)
    assert away.checks["store"] == Check("degraded", "does not answer (PortDown)")
    assert back.checks["store"] == Check("ok")


def test_a_monitor_that_hangs_is_itself_a_finding():
    def scenario():
        script = Script()
        with started(script) as pipeline:
            script.before["lookup"] = lambda: time.sleep(60)
            time.sleep(25)
            return pipeline.health().checks

    assert "hangs in one of its checks" in staged(scenario)["monitor"].detail


def test_open_breakers_and_deferred_memes_degrade():
    def scenario():
        script = Script()
        script.always_fail("image", PortDown("away"))
        script.always_fail("store", PortDown("away"))
        with started(script, health_period_s=0) as pipeline:
            for number in range(2):
                assert isinstance(pipeline.submit(request(f"r{number}", f"cats {number}")).get(), Meme)
            health = pipeline.health()
            script.before.clear()
            return health

    health = staged(scenario)
    assert health.status == "degraded"
    assert health.checks["breakers"].detail == "not closed: image_generator"
    assert health.checks["outbox"].detail == "2 memes wait for the store"


def test_too_much_memory_is_pressure():
    def scenario():
        with started(Script(), memory_limit_mb=1) as pipeline:
            time.sleep(6)
            return pipeline.health()

    health = staged(scenario)
    assert health.checks["memory"].status == "degraded"
    assert health.checks["pressure"] == Check("down", "full")


def test_the_worst_of_all_checks_counts():
    assert Health({}).status == "ok"
    assert Health({"a": Check("ok"), "b": Check("degraded", "x")}).status == "degraded"
    assert Health({"a": Check("down", "x"), "b": Check("degraded", "x")}).status == "down"
    assert Checks(stale_s=1).read() == {}


def test_resident_memory_is_more_than_nothing():
    assert resident_bytes() > 1_000_000
