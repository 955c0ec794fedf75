"""The whole pipeline model as a specification: real executions of the service are held against it, and a broken service is rejected."""

from __future__ import annotations

import threading

import pykka
import pytest

import greenroom
from dspy_meme_gen.actors import meme_generator
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import GenerateMeme
from dspy_meme_gen.settings import Settings
from machines.conformance import adopted
from machines.observed import ONE
from machines.world import ScriptedPorts, world
from model import pipeline
from model.calls import Cancel, Finish, Submit
from model.specification import Specification
from model.values import Ending, request_from
from tests.model.recorded import answering, at_once

WORLD = world()
PIPELINE = Specification(pipeline.init(WORLD), pipeline.step)
SETTINGS = Settings(image_width=64, image_height=48, **ONE)


class Waiting:
    """One client's side of the pipeline: submits, and ends as they come. An end is asked for before its request is handed in."""

    def __init__(self, service, progress):
        self.service, self.progress = service, progress
        self.asked, self.submitted = {}, {}

    def expect(self, request_id):
        self.asked[request_id], self.submitted[request_id] = threading.Event(), pykka.ThreadingFuture()

    def submit(self, call, request):
        self.asked[request.request_id].wait()
        future = self.service.submit(request)
        self.submitted[request.request_id].set(future)
        return "accepted"

    def finish(self, call):
        self.asked[call.request_id].set()
        outcome = self.submitted[call.request_id].get().get()
        return Ending(adopted(outcome), tuple(self.progress[call.request_id]))


def served(*wishes, cancelled=()):
    """Each request by a client of its own, all at once; each end waited for by another, some requests taken back by a third."""

    def scenario():
        progress = {}
        ports = ScriptedPorts(lambda news: progress.setdefault(news.request_id, []).append(news.stage)).ports()
        requests = [GenerateMeme.create(request_id=f"r{number}", **wish) for number, wish in enumerate(wishes, 1)]
        with start_pipeline(SETTINGS, ports, flat=True) as service:
            waiting = Waiting(service, progress)
            clients = []
            for request in requests:
                waiting.expect(request.request_id)
                clients.append(submitting(waiting, request))
                clients.append(finishing(waiting, request.request_id))
            clients += [cancelling(service, request_id) for request_id in cancelled]
            at_once(*clients)

    return scenario


def submitting(waiting, request):
    def client():
        asked_as_model = Submit(request_from(request))
        with answering(lambda call: waiting.submit(call, request)) as desk:
            greenroom.client(f"submits {request.request_id}").ask(desk, asked_as_model)

    return client


def finishing(waiting, request_id):
    def client():
        with answering(waiting.finish) as desk:
            greenroom.client(f"waits for {request_id}").ask(desk, Finish(request_id))

    return client


def cancelling(service, request_id):
    def client():
        with answering(lambda call: service.cancel(call.request_id)) as desk:
            greenroom.client(f"cancels {request_id}").ask(desk, Cancel(request_id))

    return client


CATS, DRY, RUDE = {"topic": "dull cats"}, {"topic": "dull cats", "style": "dry"}, {"topic": "rude cats"}
SCENARIOS = {
    "equal payloads": served(CATS, CATS, CATS),
    "different payloads": served(CATS, DRY, RUDE),
    "one taken back": served(CATS, CATS, cancelled=("r1",)),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_whole_pipeline_is_the_model_s(name):
    greenroom.explore(SCENARIOS[name], executions=15, seed=1, checks=greenroom.linearizable(PIPELINE)).raise_failure()


def test_a_pipeline_in_which_all_lead_is_rejected(monkeypatch):
    original = meme_generator.MemeGenerator._generate

    def nobody_waits(self, message):
        self._flights.clear()
        original(self, message)

    monkeypatch.setattr(meme_generator.MemeGenerator, "_generate", nobody_waits)
    report = greenroom.explore(SCENARIOS["equal payloads"], executions=15, seed=1, checks=greenroom.linearizable(PIPELINE))
    assert "linearizable" in str(report.failure)


def test_a_pipeline_with_a_careless_key_is_rejected(monkeypatch):
    monkeypatch.setattr("dspy_meme_gen.ledger.payload_key", lambda request: request.topic)
    report = greenroom.explore(SCENARIOS["different payloads"], executions=15, seed=1, checks=greenroom.linearizable(PIPELINE))
    assert "linearizable" in str(report.failure)


def test_a_pipeline_that_cancels_what_it_finished_is_rejected(monkeypatch):
    monkeypatch.setattr("dspy_meme_gen.pipeline.Pipeline.cancel", lambda _self, _request_id: True)
    report = greenroom.explore(SCENARIOS["one taken back"], executions=15, seed=1, checks=greenroom.linearizable(PIPELINE))
    assert "linearizable" in str(report.failure)
