"""Requests that are hostile together: the service takes, refuses and answers each as the model does, whatever the schedule."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import greenroom
from dspy_meme_gen.bootstrap import start_pipeline
from dspy_meme_gen.domain import payload_key, validate
from dspy_meme_gen.errors import RequestConflict
from dspy_meme_gen.settings import Settings
from machines.conformance import adopted
from machines.world import ScriptedPorts, world
from model import pipeline
from model.calls import Submit
from model.generation import generate
from model.values import request_from
from strategies.classes import SEQUENCES

SETTINGS = Settings(image_width=64, image_height=48, health_period_s=0)
WORLD = world()


def served(requests):
    """A scenario: what each was told at once, and its outcome."""

    def scenario():
        with start_pipeline(SETTINGS, ScriptedPorts(lambda _: None).ports()) as service:
            told = []
            for request in requests:
                try:
                    told.append(("accepted", service.submit(request)))
                except RequestConflict:
                    told.append(("conflict", None))
            return [(word, future and future.get()) for word, future in told]

    return scenario


@pytest.mark.parametrize("name", SEQUENCES)
@settings(max_examples=4, deadline=None)
@given(data=st.data(), schedule=greenroom.schedules())
def test_each_is_told_what_the_model_says_and_gets_the_meme_of_its_own_payload(name, data, schedule):
    requests = data.draw(SEQUENCES[name])
    state, by_key = pipeline.init(WORLD), {}
    for request, (word, outcome) in zip(requests, greenroom.run(served(requests), schedule).result, strict=True):
        asked = request_from(validate(request))
        ((expected, state),) = pipeline.step(state, Submit(asked))
        assert word == expected
        if word == "accepted":
            assert adopted(outcome) == generate(asked.payload, WORLD).outcome
            assert by_key.setdefault(payload_key(validate(request)), outcome) == outcome
    assert len({outcome.id for outcome in by_key.values()}) == len(by_key)
