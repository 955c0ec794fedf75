"""The running pipeline under its supervision tree, in virtual time and on many schedules."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

import greenroom
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import Failed, Meme
from dspy_meme_gen.errors import ServiceStopped
from dspy_meme_gen.messages import Crash
from dspy_meme_gen.settings import Settings
from tests.memespy.fakes import Script, request

SMALL = {"image_width": 64, "image_height": 48, "user_burst": 1000, "health_period_s": 0}


def staged(scenario, schedule=None):
    return greenroom.run(scenario, schedule).result


def started(script, **chosen):
    return start_pipeline(Settings(**(SMALL | chosen)), script.ports(ThreadedTimers()))


def test_the_second_crash_is_followed_by_a_pause_and_nothing_is_lost():
    def scenario():
        with started(Script()) as pipeline:
            for _ in range(2):
                pipeline.addresses["scorer"].tell(Crash())
                time.sleep(0.01)
            before = pipeline.addresses["scorer"].incarnation
            began_s = time.monotonic()
            outcome = pipeline.submit(request()).get()
            return before, pipeline.addresses["scorer"].incarnation, type(outcome), time.monotonic() - began_s

    before, after, outcome, seconds = staged(scenario)
    assert (before, after, outcome) == (2, 3, Meme)
    assert 0.7 < seconds < 1.3


def test_the_router_is_started_again_with_the_orchestrator():
    def scenario():
        script = Script()
        script.before["text"] = lambda: time.sleep(1.0)
        with started(script) as pipeline:
            future = pipeline.submit(request())
            time.sleep(0.5)
            pipeline.addresses["meme_generator"].tell(Crash())
            outcome = future.get()
            return type(outcome), {name: address.incarnation for name, address in pipeline.addresses.items()}

    outcome, incarnations = staged(scenario)
    assert outcome is Meme
    assert {name for name, incarnation in incarnations.items() if incarnation == 2} == {"meme_generator", "router"}


def test_a_pool_that_crashes_too_often_begins_anew_and_does_not_end_the_pipeline():
    def scenario():
        with started(Script(), restart_limit=2) as pipeline:
            for _ in range(3):
                pipeline.addresses["text_generator"].tell(Crash())
                time.sleep(3.0)
            return pipeline.addresses["text_generator-2"].incarnation, type(pipeline.submit(request()).get())

    assert staged(scenario) == (2, Meme)


def test_crashes_without_end_are_given_up_and_told():
    def scenario():
        with started(Script(), restart_limit=1) as pipeline:
            script_crashes = 0
            while script_crashes < 20:
                try:
                    future = pipeline.submit(request(f"r{script_crashes}"))
                except ServiceStopped:
                    return script_crashes, pipeline.health().status
                pipeline.addresses["scorer"].tell(Crash())
                script_crashes += 1
                future.get()
            return None

    crashes, status = staged(scenario)
    assert crashes <= 4
    assert status == "down"


@settings(max_examples=40)
@given(
    crashes=st.lists(st.sampled_from(("scorer", "text_generator-2", "meme_generator", "router", "supervisor", "event_bus")), max_size=4),
    schedule=greenroom.schedules(),
)
def test_whoever_crashes_every_request_has_its_outcome(crashes, schedule):
    def scenario():
        script = Script()
        script.before["text"] = lambda: time.sleep(0.2)
        with started(script) as pipeline:
            futures = [pipeline.submit(request(f"r{number}", f"cats {number}", deadline_s=60)) for number in range(3)]
            for name in crashes:
                pipeline.addresses[name].tell(Crash())
                time.sleep(0.1)
            return [future.get(timeout=100) for future in futures]

    for outcome in staged(scenario, schedule):
        assert isinstance(outcome, Meme) or (isinstance(outcome, Failed) and outcome.error == "ActorCrashed")
