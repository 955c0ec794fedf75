"""Inboxes are bounded: a full one refuses, whoever is refused knows it, nothing is dropped uncounted, and what must come through does."""

from __future__ import annotations

import contextlib
import threading
import time

import pykka
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import greenroom
from dspy_meme_gen import names
from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.address import FULL, Address, InboxReport
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import Failed, Meme, Progress
from dspy_meme_gen.errors import Overloaded
from dspy_meme_gen.health import Check
from dspy_meme_gen.messages import BOUNDED, Crash, DrainOutbox, Happened, Recover
from dspy_meme_gen.settings import Settings
from tests.memespy.fakes import PATIENCE_S, Gate, Script, request

SMALL = {"image_width": 64, "image_height": 48, "user_burst": 1000, "health_period_s": 0, "database_url": "sqlite://"}
NEWS = Happened(Progress("r1", "text"), 0.0)


def staged(scenario, schedule=None):
    return greenroom.run(scenario, schedule).result


class Sleeper(pykka.ThreadingActor):
    """Handles nothing before the test lets it."""

    def __init__(self, gate):
        super().__init__()
        self.gate = gate
        self.heard = []

    def on_receive(self, message):
        self.gate.wait()
        self.heard.append(message)


# The address


def test_a_full_inbox_refuses_what_is_bounded_and_nothing_else():
    def scenario():
        gate, address = threading.Event(), Address("a", limit=2)
        address.point_at(Sleeper.start(gate), 1)
        time.sleep(1)  # virtual: it waits for its first message
        told = [address.tell(NEWS), address.tell(NEWS)]
        time.sleep(1)  # one is taken, and being handled
        told += [address.tell(message) for message in (NEWS, NEWS, Recover(), Crash(), NEWS)]
        with address.held_open() as room:
            told.append(room)
        report = address.inbox()
        gate.set()
        heard = address.ref.proxy().heard.get()
        address.ref.stop()
        return told, report, heard

    told, report, heard = staged(scenario)
    assert told == [1, 1, 1, FULL, 1, 1, FULL, False]
    assert report == InboxReport(waiting=4, crowded=True, refused=2)
    assert heard == [NEWS, NEWS, NEWS, Recover(), Crash()]


def test_an_inbox_is_crowded_from_80_percent_on_until_it_is_under_20():
    def scenario():
        gate, address, marks = threading.Semaphore(0), Address("a", limit=10), []
        gate.wait = gate.acquire
        address.point_at(Sleeper.start(gate), 1)
        address.tell(NEWS)  # the one that is being handled

        def change(by):
            for _ in range(by):
                address.tell(NEWS)
            for _ in range(-by):
                gate.release()
            time.sleep(1)
            marks.append((address.inbox().waiting, address.inbox().crowded))

        for by in (7, 1, -5, 4, -5, -1, 6, 1, -8):
            change(by)
        gate.release(n=10)
        address.ref.stop()
        return marks

    assert staged(scenario) == [
        (7, False), (8, True), (3, True), (7, True), (2, True), (1, False), (7, False), (8, True), (0, False),
    ]  # fmt: skip


def test_the_next_incarnation_has_an_inbox_of_its_own_and_the_count_goes_on():
    def scenario():
        gate, address = threading.Event(), Address("a", limit=1)
        address.point_at(Sleeper.start(gate), 1)
        address.tell(NEWS)
        time.sleep(1)
        told = [address.tell(NEWS), address.tell(NEWS)]
        first = address.ref
        address.point_at(Sleeper.start(gate), 2)
        told.append(address.tell(NEWS))
        gate.set()
        first.stop()
        address.ref.stop()
        return told, address.inbox().refused

    assert staged(scenario) == ([1, FULL, 2], 1)


def two_tellers(door=None):
    """Two tell an actor that never handles anything; how many messages got into its inbox."""
    gate, address = threading.Event(), Address("a", limit=1)
    if door is not None:
        address._door = door
    ref = Sleeper.start(gate)
    ref.tell("this one is being handled")
    while ref.actor_inbox.qsize():
        time.sleep(1)
    address.point_at(ref, 1)
    tellers = [threading.Thread(target=address.tell, args=(NEWS,)) for _ in range(2)]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join()
    waiting = ref.actor_inbox.qsize()
    gate.set()
    ref.stop()
    assert waiting == 1, f"{waiting} messages in an inbox for one"


def test_no_schedule_lets_two_through_for_the_last_place():
    report = greenroom.exhaust(two_tellers)
    report.raise_failure()
    assert report.exhausted


def test_without_the_door_some_schedule_does():
    with pytest.raises(AssertionError, match="2 messages in an inbox for one"):
        greenroom.exhaust(lambda: two_tellers(contextlib.nullcontext())).raise_failure()


@pytest.mark.parametrize("turn", range(5))
def test_on_threads_no_more_get_in_than_there_is_room_for(in_threads, turn):
    gate, address = Gate(), Address("a", limit=50)
    gate.wait = gate.pass_through
    ref = Sleeper.start(gate)
    ref.tell("this one is being handled")
    gate.wait_until_entered()
    address.point_at(ref, 1)
    told = [told for each in in_threads(8, lambda _: [address.tell(NEWS) for _ in range(20)]) for told in each]
    assert (told.count(1), told.count(FULL)) == (50, 110)
    assert address.inbox() == InboxReport(waiting=50, crowded=True, refused=110)
    gate.open()
    ref.stop()


# The service


def pipeline_with(script, **chosen):
    return start_pipeline(Settings(**(SMALL | {"inbox_limit": 2} | chosen)), script.ports(ThreadedTimers()))


def busy_at(script, stage, seconds):
    """Whoever reports the first of these stages is busy for so long: the router with "routing", the orchestrator with "cache"."""
    told = script.progress.append
    first = [True]

    def listen(progress):
        told(progress)
        if progress.stage == stage and first:
            first.clear()
            time.sleep(seconds)

    original = script.ports

    def ports(timers):
        made = original(timers)
        object.__setattr__(made, "progress", listen)
        return made

    script.ports = ports


def test_who_submits_to_a_router_with_a_full_inbox_is_told_when_to_come_back():
    def scenario():
        script = Script()
        busy_at(script, "routing", 5.0)
        with pipeline_with(script) as pipeline:
            taken = [pipeline.submit(request("r0", "cats"))]
            time.sleep(1)
            taken += [pipeline.submit(request(f"r{number}", f"cats {number}")) for number in (1, 2)]
            with pytest.raises(Overloaded, match="the router's inbox is full; try again in 1 s") as refused:
                pipeline.submit(request("r3", "cats 3"))
            assert pipeline.submit(request("r1", "cats 1")) is taken[1], "known already: it needs no place"
            assert pipeline.status("r3") is None
            crowded = pipeline.health().checks["inboxes"], pipeline.health().status, pipeline.refused()
            outcomes = [type(future.get()) for future in taken]
            time.sleep(refused.value.retry_after_s)
            outcomes.append(type(pipeline.submit(request("r3", "cats 3")).get()))
            time.sleep(1)
            return crowded, outcomes, pipeline.health().checks["inboxes"], pipeline.inboxes()[names.ROUTER]

    crowded, outcomes, after, router = staged(scenario)
    assert crowded == (Check("degraded", "crowded: router (2 messages)"), "degraded", {"inbox full": 1})
    assert outcomes == [Meme] * 4
    assert after == Check("ok")
    assert router == InboxReport(waiting=0, crowded=False, refused=0), "what was refused is a request, and counted as one"


def test_an_orchestrator_with_a_full_inbox_is_offered_the_request_again():
    def scenario():
        script = Script()
        busy_at(script, "cache", 5.0)
        with pipeline_with(script) as pipeline:
            began_s, futures = time.monotonic(), [pipeline.submit(request("r0", "cats"))]
            for number in range(1, 5):
                time.sleep(0.05)
                futures.append(pipeline.submit(request(f"r{number}", f"cats {number}")))
            outcomes = [type(future.get()) for future in futures]
            return outcomes, time.monotonic() - began_s, pipeline.inboxes()[names.MEME_GENERATOR].refused > 0, pipeline.in_flight()

    outcomes, took_s, refused, in_flight = staged(scenario)
    assert outcomes == [Meme] * 5
    assert refused
    assert in_flight == ()
    assert took_s < 7, "virtual seconds: it is offered again soon, and not when the deadlines pass"


WITHOUT = {
    "text": lambda outcome: outcome == Failed("InboxFull", "text"),
    "appropriateness": lambda outcome: outcome == Failed("InboxFull", "verification"),
    "factuality": lambda outcome: outcome.degraded == ("factuality_unverified",),
    "scorer": lambda outcome: outcome.degraded == ("score_default",),
    "image": lambda outcome: outcome.degraded == ("image_placeholder",),
    "store": lambda outcome: outcome.degraded == ("store_deferred",),
}
"""What becomes of a request whose work nobody has room for, by the port of that work."""


@pytest.mark.parametrize("port", WITHOUT)
def test_work_that_a_full_inbox_refuses_is_done_without_as_if_it_had_failed(port):
    def scenario():
        script = Script()
        script.before[port] = lambda: time.sleep(8.0)
        with pipeline_with(script, text_workers=1, image_workers=1, call_limit_s=100.0, render_limit_s=100.0) as pipeline:
            futures = []
            for number in range(4):
                futures.append(pipeline.submit(request(f"r{number}", f"cats {number}", deadline_s=90.0)))
                time.sleep(0.5)
            outcomes = [future.get() for future in futures]
            time.sleep(40)
            refused = {name: inbox.refused for name, inbox in pipeline.inboxes().items() if inbox.refused}
            return outcomes, refused, pipeline.deferred(), len(script.records)

    outcomes, refused, deferred, stored = staged(scenario)
    # One is being done, two wait, and the fourth finds no room.
    assert [getattr(outcome, "degraded", outcome) for outcome in outcomes[:3]] == [()] * 3
    assert WITHOUT[port](outcomes[3]), outcomes[3]
    assert [name for name in refused if name not in {names.EVENT_BUS, names.METRICS, names.CACHE}] == [
        {"text": names.TEXT_GENERATOR, "image": names.IMAGE_GENERATOR}.get(port, port)
    ]
    assert deferred == (), "what a full store could not be told to drain was drained all the same"
    assert stored == sum(isinstance(outcome, Meme) for outcome in outcomes)


def test_a_text_that_is_refused_once_is_tried_again():
    def scenario():
        script = Script()
        script.before["text"] = lambda: time.sleep(1.0)
        with pipeline_with(script, text_workers=1, retry_backoff_s=2.0) as pipeline:
            futures = []
            for number in range(4):
                futures.append(pipeline.submit(request(f"r{number}", f"cats {number}")))
                time.sleep(0.1)
            return [type(future.get()) for future in futures], pipeline.inboxes()[names.TEXT_GENERATOR].refused

    assert staged(scenario) == ([Meme] * 4, 1)


def test_events_that_nobody_has_room_for_are_counted_and_harm_no_request():
    def scenario():
        script, heard = Script(), []

        def slow(progress):
            time.sleep(2.0)
            heard.append(progress)

        with pipeline_with(script) as pipeline:
            pipeline.subscribe(slow)
            began_s = time.monotonic()
            outcome = pipeline.submit(request()).get()
            took_s = time.monotonic() - began_s
            time.sleep(60)
            return outcome, took_s, len(heard), pipeline.inboxes()[names.EVENT_BUS], len(script.stages())

    outcome, took_s, heard, bus, told = staged(scenario)
    assert isinstance(outcome, Meme)
    assert took_s < 1
    assert heard + bus.refused == told
    assert bus.refused > 0


def test_requests_that_are_cancelled_at_once_fill_no_inbox():
    """The router is busy for as long as somebody submits and cancels: whatever that puts into inboxes is bounded."""

    def scenario():
        script = Script()
        busy_at(script, "routing", 5.0)
        longest = 0
        with pipeline_with(script, inbox_limit=10) as pipeline:
            pipeline.submit(request("r0", "cats"))
            time.sleep(1)
            refused = 0
            for number in range(1, 200):
                try:
                    pipeline.submit(request(f"r{number}", f"cats {number}"))
                except Overloaded:
                    refused += 1
                pipeline.cancel(f"r{number}")
                longest = max(longest, *(inbox.waiting for inbox in pipeline.inboxes().values()))
        return longest, refused

    longest, refused = staged(scenario)
    assert longest <= 2 * 10, "a Submit and its Released each"
    assert refused > 150


@settings(max_examples=60)
@given(
    steps=st.lists(st.sampled_from(("submit", "cancel", "wait", "crash router", "crash generator", "crash text")), max_size=12),
    schedule=greenroom.schedules(),
)
def test_whatever_happens_no_inbox_overflows_and_all_that_was_accepted_ends(steps, schedule):
    def scenario():
        script = Script()
        script.before["text"] = lambda: time.sleep(0.3)
        with pipeline_with(script, window_first=4, window_least=4, window_most=4, restart_limit=1000, restart_backoff_s=0) as pipeline:
            futures, refused, most = {}, 0, 0
            for step in steps:
                if step == "submit":
                    for _ in range(3):
                        number = len(futures) + refused
                        try:
                            futures[number] = pipeline.submit(request(f"r{number}", f"cats {number}"))
                        except Overloaded:
                            refused += 1
                elif step == "cancel" and futures:
                    pipeline.cancel(f"r{max(futures)}")
                elif step == "wait":
                    time.sleep(0.2)
                elif step.startswith("crash"):
                    crashed = {"router": names.ROUTER, "generator": names.MEME_GENERATOR, "text": names.TEXT_GENERATOR}[step.split()[1]]
                    pipeline.addresses[crashed].tell(Crash())
                for address in pipeline.addresses.values():
                    inbox = address.ref.actor_inbox
                    most = max(most, sum(isinstance(message, BOUNDED) for message in inbox.waiting()))
            outcomes = [future.get(timeout=40) for future in futures.values()]
            return most, len(outcomes), refused, pipeline.refused().get("inbox full", 0)

    most, _, refused, counted = staged(scenario, schedule)
    assert most <= 2
    assert refused == counted


def test_on_threads_a_burst_is_taken_or_refused_and_everyone_who_was_taken_gets_a_meme(start, in_threads, script):
    pipeline = start(inbox_limit=3, user_burst=10_000)

    def client(number):
        taken, refused = [], 0
        for each in range(30):
            try:
                taken.append(pipeline.submit(request(f"{number}-{each}", f"cats {each % 5}")))
            except Overloaded:
                refused += 1
        return [future.get(timeout=PATIENCE_S) for future in taken], refused

    results = in_threads(4, client)
    assert sum(len(outcomes) + refused for outcomes, refused in results) == 120
    assert pipeline.refused().get("inbox full", 0) == sum(refused for _, refused in results)
    for outcomes, _ in results:
        assert all(isinstance(outcome, Meme | Failed) for outcome in outcomes)
        assert {outcome.error for outcome in outcomes if isinstance(outcome, Failed)} <= {"InboxFull", "CircuitOpen"}
    assert pipeline.in_flight() == ()


def test_draining_is_among_what_is_refused():
    assert DrainOutbox in BOUNDED
