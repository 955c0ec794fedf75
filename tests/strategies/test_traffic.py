"""Each kind of traffic is what its name says, and the service answers all of it, on any schedule that is drawn."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import greenroom
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import Cancelled, Meme, payload_key, validate
from dspy_meme_gen.settings import Settings
from machines.world import ScriptedPorts
from strategies.classes import TRAFFIC
from strategies.traffic import MOST, Visit

SETTINGS = Settings(image_width=64, image_height=48, health_period_s=0)


def ids(traffic):
    return [visit.request.request_id for visit in traffic]


def gaps(traffic):
    return [visit.after_s for visit in traffic[1:]]


PROMISES = {
    "steady": lambda traffic: len(traffic) >= 2 and len(set(gaps(traffic))) == 1 and gaps(traffic)[0] > 0,
    "bursts": lambda traffic: len(traffic) >= 4 and sum(gap > 0 for gap in gaps(traffic)) == 1 and len(set(ids(traffic))) == len(traffic),
    "duplicates": lambda traffic: (
        len(set(ids(traffic))) < len(traffic) and len({payload_key(validate(v.request)) for v in traffic}) <= MOST
    ),
    "cancels": lambda traffic: any(visit.cancels_after_s is not None for visit in traffic),
    "slow clients": lambda traffic: traffic[0].sending_s > 0 and traffic[0].reading_s > 0 and len(traffic) >= 2,
}


def test_every_kind_of_traffic_makes_a_promise():
    assert list(TRAFFIC) == list(PROMISES)


@pytest.mark.parametrize("name", TRAFFIC)
@given(st.data())
def test_traffic_is_what_its_name_says(name, data):
    traffic = data.draw(TRAFFIC[name])
    assert len(traffic) <= 2 * MOST
    assert all(validate(visit.request) == visit.request for visit in traffic)
    assert PROMISES[name](traffic)


def visiting(service, visit: Visit, at_s, outcomes):
    """A client of a thread of its own."""

    def client():
        time.sleep(at_s + visit.sending_s)
        future = service.submit(visit.request)
        if visit.cancels_after_s is not None:
            time.sleep(visit.cancels_after_s)
            service.cancel(visit.request.request_id)
        time.sleep(visit.reading_s)
        outcomes.append((visit, future.get(), time.monotonic() - at_s))

    return client


def played(traffic):
    """A scenario: who got which outcome, and how many seconds after coming."""

    def scenario():
        outcomes, at_s = [], 0.0
        with start_pipeline(SETTINGS, ScriptedPorts(lambda _: None).ports()) as service:
            threads = []
            for visit in traffic:
                at_s += visit.after_s
                threads.append(threading.Thread(target=visiting(service, visit, at_s, outcomes)))
            start_s = time.monotonic()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return [(visit, outcome, ended_s - start_s) for visit, outcome, ended_s in outcomes]

    return scenario


@pytest.mark.parametrize("name", TRAFFIC)
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
@given(data=st.data(), schedule=greenroom.schedules())
def test_the_service_answers_all_of_it_and_nobody_waits_for_a_slow_client(name, data, schedule):
    traffic = data.draw(TRAFFIC[name])
    outcomes = greenroom.run(played(traffic), schedule).result
    assert len(outcomes) == len(traffic)
    by_id = {}
    for visit, outcome, took_s in outcomes:
        assert isinstance(outcome, Meme | Cancelled)
        assert by_id.setdefault(visit.request.request_id, outcome) == outcome
        if isinstance(outcome, Cancelled):
            assert any(each.cancels_after_s is not None for each in traffic)
        own_s = visit.sending_s + visit.reading_s + (visit.cancels_after_s or 0.0)
        assert took_s == pytest.approx(own_s)
