"""Breakers and pools in the running pipeline, in virtual time."""

from __future__ import annotations

import time

import pytest

import greenroom
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import Failed, Meme
from dspy_meme_gen.messages import Crash
from dspy_meme_gen.settings import Settings
from tests.memespy.fakes import PortDown, Script, request

DOWN = PortDown("down")


def staged(scenario):
    """Run it on the stage: a minute of breakers takes no minute."""
    return greenroom.run(scenario).result


def serve(pipeline, number, **fields):
    return pipeline.submit(request(f"r{number}", f"cats {number}", **fields)).get()


SETTINGS = Settings(text_retries=0, image_width=64, image_height=48)


def test_after_three_failed_texts_the_port_is_left_alone_until_it_may_have_recovered():
    def scenario():
        script = Script()
        script.always_fail("text", DOWN)
        with start_pipeline(SETTINGS, script.ports(ThreadedTimers())) as pipeline:
            errors = [serve(pipeline, number) for number in range(5)]
            asked = script.count("text")
            time.sleep(30)
            script.before.clear()
            return errors, asked, [serve(pipeline, number) for number in range(5, 8)], pipeline.breakers()

    errors, asked, later, breakers = staged(scenario)
    assert errors == [Failed("PortDown", "text")] * 3 + [Failed("CircuitOpen", "text")] * 2
    assert asked == 3
    assert all(isinstance(outcome, Meme) for outcome in later)
    assert breakers["text_generator"] == "closed"


def test_without_pictures_memes_are_completed_with_placeholders_and_the_port_is_left_alone():
    def scenario():
        script = Script()
        script.always_fail("image", DOWN)
        with start_pipeline(SETTINGS, script.ports(ThreadedTimers())) as pipeline:
            return [serve(pipeline, number) for number in range(5)], script.count("image")

    memes, asked = staged(scenario)
    assert [meme.degraded for meme in memes] == [("image_placeholder",)] * 5
    assert asked == 2


def open_then_half_open(pipeline, script):
    """Three texts fail, the breaker's time passes, and from then on a text takes a second."""
    for number in range(3):
        serve(pipeline, number)
    time.sleep(30)
    script.before["text"] = lambda: time.sleep(1.0)


def test_half_open_probes_one_request_at_a_time():
    def scenario():
        script = Script()
        script.always_fail("text", DOWN)
        with start_pipeline(SETTINGS, script.ports(ThreadedTimers())) as pipeline:
            open_then_half_open(pipeline, script)
            outcomes = [pipeline.submit(request(f"p{number}", f"dogs {number}")) for number in range(3)]
            return [type(future.get()).__name__ for future in outcomes]

    assert staged(scenario) == ["Meme", "Failed", "Failed"]


def test_a_probe_whose_request_is_cancelled_does_not_wedge_the_breaker():
    def scenario():
        script = Script()
        script.always_fail("text", DOWN)
        with start_pipeline(SETTINGS, script.ports(ThreadedTimers())) as pipeline:
            open_then_half_open(pipeline, script)
            probe = pipeline.submit(request("probe", "dogs"))
            time.sleep(0.5)
            pipeline.cancel("probe")
            probe.get()
            return [type(serve(pipeline, number)).__name__ for number in range(10, 12)]

    assert staged(scenario) == ["Meme", "Meme"]


@pytest.mark.parametrize(("workers", "seconds"), [(1, 4.0), (2, 2.0), (4, 1.0)])
def test_a_pool_works_side_by_side(workers, seconds):
    def scenario():
        script = Script()
        script.before["text"] = lambda: time.sleep(1.0)
        settings = Settings(text_workers=workers, image_width=64, image_height=48)
        with start_pipeline(settings, script.ports(ThreadedTimers())) as pipeline:
            began_s = time.monotonic()
            for future in [pipeline.submit(request(f"r{number}", f"cats {number}")) for number in range(4)]:
                assert isinstance(future.get(), Meme)
            return time.monotonic() - began_s

    assert staged(scenario) == pytest.approx(seconds, abs=0.01)


def test_one_of_a_pool_may_crash_and_its_work_is_done_again():
    def scenario():
        script = Script()
        script.before["text"] = lambda: time.sleep(1.0)
        with start_pipeline(SETTINGS, script.ports(ThreadedTimers())) as pipeline:
            futures = [pipeline.submit(request(f"r{number}", f"cats {number}")) for number in range(4)]
            time.sleep(0.5)
            pipeline.addresses["text_generator-2"].tell(Crash())
            return [type(future.get()).__name__ for future in futures], [*pipeline.addresses]

    outcomes, names = staged(scenario)
    assert outcomes == ["Meme"] * 4
    assert {"text_generator", "text_generator-2", "image_generator", "image_generator-2"} <= {*names}
