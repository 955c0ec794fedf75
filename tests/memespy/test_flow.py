"""Who is taken, who waits, who goes first, and that no place is ever lost; in virtual time and on many schedules."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import greenroom
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import Cancelled, Meme, Priority, TimedOut
from dspy_meme_gen.errors import InvalidSettings, Overloaded, RateLimited
from dspy_meme_gen.messages import Crash
from dspy_meme_gen.resilience.pressure import Pressure
from dspy_meme_gen.settings import Settings
from tests.memespy.fakes import Script, request

SMALL = {"image_width": 64, "image_height": 48, "user_burst": 1000}
ONE_AT_A_TIME = Settings(window_first=1, window_least=1, window_most=1, **SMALL)


def staged(scenario, schedule=None):
    return greenroom.run(scenario, schedule).result


def slow_script(seconds=1.0):
    script = Script()
    script.before["text"] = lambda: time.sleep(seconds)
    return script


def started(script, chosen=ONE_AT_A_TIME):
    return start_pipeline(chosen, script.ports(ThreadedTimers()))


def topics_asked(script):
    return [call[1].topic for call in script.calls if call[0] == "text"]


def test_the_urgent_overtake_those_who_wait_but_not_those_at_work():
    def scenario():
        script = slow_script()
        with started(script) as pipeline:
            futures = [
                pipeline.submit(request(f"r{number}", f"{priority} {number}", priority=Priority(priority)))
                for number, priority in enumerate(("low", "normal", "high", "low", "high"))
            ]
            assert all(isinstance(future.get(), Meme) for future in futures)
            return topics_asked(script)

    assert staged(scenario) == ["low 0", "high 2", "high 4", "normal 1", "low 3"]


def test_the_window_says_how_many_are_at_work():
    def scenario():
        script = slow_script()
        chosen = Settings(window_first=3, window_least=3, window_most=3, text_workers=8, **SMALL)
        with started(script, chosen) as pipeline:
            futures = [pipeline.submit(request(f"r{number}", f"cats {number}")) for number in range(7)]
            time.sleep(0.5)
            first = len(topics_asked(script))
            time.sleep(1.0)
            return first, len(topics_asked(script)), [type(future.get()).__name__ for future in futures]

    assert staged(scenario) == (3, 6, ["Meme"] * 7)


def test_who_waits_may_be_cancelled_or_time_out_and_takes_no_place():
    def scenario():
        script = slow_script(5.0)
        with started(script) as pipeline:
            first = pipeline.submit(request("r1", "one"))
            impatient = pipeline.submit(request("r2", "two", deadline_s=2.0))
            unwanted = pipeline.submit(request("r3", "three"))
            last = pipeline.submit(request("r4", "four"))
            pipeline.cancel("r3")
            return [future.get() for future in (first, impatient, unwanted, last)], topics_asked(script)

    (first, impatient, unwanted, last), asked = staged(scenario)
    assert (type(first), impatient, unwanted, type(last)) == (Meme, TimedOut(), Cancelled(), Meme)
    assert asked == ["one", "four"]


def submit_all(pipeline, priority, taken):
    while True:
        number = sum(taken.values())
        pipeline.submit(request(f"r{number}", f"cats {number}", priority=priority, deadline_s=300))
        taken[priority] += 1
        time.sleep(0.001)


def test_under_pressure_low_goes_first_then_normal_then_all():
    def scenario():
        script = slow_script()
        chosen = Settings(window_first=1, window_least=1, window_most=1, max_waiting=20, **SMALL)
        taken = dict.fromkeys(Priority, 0)
        with started(script, chosen) as pipeline:
            bands = []
            for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH):
                with pytest.raises(Overloaded, match=f"this one has {priority} priority; try again in 1 s"):
                    submit_all(pipeline, priority, taken)
                bands.append(pipeline.pressure())
            assert pipeline.submit(request("r0", "cats 0", deadline_s=300, priority=Priority.LOW)).get()  # known already: not a new request
            pipeline.stop(grace_s=0)
            return taken, bands

    taken, bands = staged(scenario)
    assert bands == [Pressure.HIGH, Pressure.SEVERE, Pressure.FULL]
    assert taken == {Priority.LOW: 15, Priority.NORMAL: 3, Priority.HIGH: 2}


def test_a_user_who_sends_too_much_is_told_when_to_come_back_and_others_are_not():
    def scenario():
        chosen = Settings(user_rate_per_s=2.0, user_burst=3, image_width=64, image_height=48)
        with started(Script(), chosen) as pipeline:
            for number in range(3):
                pipeline.submit(request(f"a{number}", "cats", user_id="ann"))
            with pytest.raises(RateLimited, match=r"too many requests; try again in 0\.5 s") as refused:
                pipeline.submit(request("a3", "cats", user_id="ann"))
            pipeline.submit(request("b0", "cats", user_id="bob")).get()
            time.sleep(refused.value.retry_after_s)
            return pipeline.submit(request("a3", "cats", user_id="ann")).get()

    assert isinstance(staged(scenario), Meme)


@settings(max_examples=60)
@given(crash_after=st.integers(0, 4), schedule=greenroom.schedules())
def test_a_router_that_crashes_loses_neither_who_waits_nor_a_place(crash_after, schedule):
    def scenario():
        script = slow_script()
        with started(script) as pipeline:
            futures = []
            for number in range(5):
                if number == crash_after:
                    pipeline.addresses["router"].tell(Crash())
                futures.append(pipeline.submit(request(f"r{number}", f"cats {number}", priority=(Priority.LOW, Priority.HIGH)[number % 2])))
            outcomes = [type(future.get(timeout=25)).__name__ for future in futures]
            return outcomes, len(topics_asked(script))

    assert staged(scenario, schedule) == (["Meme"] * 5, 5)


@settings(max_examples=60)
@given(
    steps=st.lists(st.sampled_from(("submit", "cancel", "wait", "crash text", "crash generator")), max_size=10),
    schedule=greenroom.schedules(),
)
def test_whatever_happens_every_place_is_free_again_at_the_end(steps, schedule):
    def scenario():
        script = slow_script(0.5)
        chosen = Settings(window_first=2, window_least=2, window_most=2, restart_limit=1000, **SMALL)
        with started(script, chosen) as pipeline:
            futures = {}
            for step in steps:
                if step == "submit":
                    number = len(futures)
                    futures[number] = pipeline.submit(request(f"r{number}", f"cats {number % 3}"))
                elif step == "cancel" and futures:
                    pipeline.cancel(f"r{len(futures) - 1}")
                elif step == "wait":
                    time.sleep(0.3)
                elif step.startswith("crash"):
                    pipeline.addresses["text_generator" if step == "crash text" else "meme_generator"].tell(Crash())
            for future in futures.values():
                future.get(timeout=25)
            began_s = time.monotonic()
            last = [pipeline.submit(request(f"last {number}", f"dogs {number}")) for number in range(2)]
            outcomes = [type(future.get(timeout=25)).__name__ for future in last]
            return outcomes, time.monotonic() - began_s

    outcomes, seconds = staged(scenario, schedule)
    assert outcomes == ["Meme"] * 2
    assert seconds < 2.0, "a place that is not free again makes one wait for the other"


def test_windows_that_make_no_sense_are_refused():
    with pytest.raises(InvalidSettings, match="window_least, window_first, window_most are 10, 5, 1000"):
        Settings(window_first=5)
