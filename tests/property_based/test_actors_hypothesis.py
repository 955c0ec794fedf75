"""The meme pipeline under Hypothesis: actor invariants, pipeline properties, the state machine, hostile inputs, work and memory.

Profiles: ``--hypothesis-profile dev | ci | fuzz | replay | threads``. ``--actors=threads`` runs the machine on Pykka's own threads.
"""

from __future__ import annotations

import threading

import pykka
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import greenroom
from dspy_meme_gen.bootstrap import offline_ports, start_pipeline
from dspy_meme_gen.domain import TERMINAL_STAGES, GenerateMeme, Meme, Rejected
from dspy_meme_gen.errors import InvalidRequest
from dspy_meme_gen.settings import Settings
from machines.breaker import BreakerMachine
from machines.cache import CacheMachine
from machines.flow import FlowMachine
from machines.lifecycle import LifecycleMachine
from machines.observed import STEPS_PER_REQUEST
from machines.pipeline import PipelineMachine
from machines.service import ServiceMachine
from machines.store import StoreMachine
from machines.supervision import SupervisionMachine
from machines.world import ScriptedPorts
from model.validation import Fit, judge
from strategies.classes import CLASSES
from strategies.requests import requests

TestPipelineMachine = PipelineMachine.TestCase
TestCacheMachine = CacheMachine.TestCase
TestSupervisionMachine = SupervisionMachine.TestCase
TestBreakerMachine = BreakerMachine.TestCase
TestFlowMachine = FlowMachine.TestCase
TestServiceMachine = ServiceMachine.TestCase
TestStoreMachine = StoreMachine.TestCase
TestLifecycleMachine = LifecycleMachine.TestCase
SETTINGS = Settings(image_width=64, image_height=48, database_url="sqlite://")


def served(*wanted: GenerateMeme):
    """A scenario: these requests at once, through the real offline adapters; the outcomes and the stages of each."""

    def scenario():
        stages = {}
        ports = offline_ports(SETTINGS, lambda news: stages.setdefault(news.request_id, []).append(news.stage))
        with start_pipeline(SETTINGS, ports) as pipeline:
            outcomes = [future.get() for future in [pipeline.submit(request) for request in wanted]]
        return outcomes, stages

    return scenario


def request_for(topic: str, request_id: str = "r1", **fields: object) -> GenerateMeme:
    return GenerateMeme.create(request_id=request_id, topic=topic, **fields)


class TestActorInvariants:
    """What every actor of the pipeline keeps to."""

    @settings(max_examples=30)
    @given(
        garbage=st.one_of(st.none(), st.text(max_size=20), st.integers(), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)),
        schedule=greenroom.schedules(),
    )
    def test_a_message_that_no_actor_knows_changes_nothing(self, garbage, schedule):
        def scenario():
            with start_pipeline(SETTINGS, ScriptedPorts(lambda _: None).ports()) as pipeline:
                before = pipeline.submit(request_for("cats", "before"))
                for address in pipeline.addresses.values():
                    address.tell(garbage)
                return before.get(), pipeline.submit(request_for("cats", "after")).get()

        before, after = greenroom.run(scenario, schedule).result
        assert isinstance(before, Meme)
        assert before == after

    @settings(max_examples=30)
    @given(schedule=greenroom.schedules())
    def test_stopping_answers_everyone_and_leaves_nobody(self, schedule):
        def scenario():
            pipeline = start_pipeline(SETTINGS, ScriptedPorts(lambda _: None).ports())
            futures = [pipeline.submit(request_for("dull cats", f"r{number}")) for number in range(2)]
            pipeline.stop(grace_s=0)
            return [future.get(timeout=0) for future in futures]

        before = threading.enumerate()
        assert len(greenroom.run(scenario, schedule).result) == 2
        assert pykka.ActorRegistry.get_all() == []
        assert [thread for thread in threading.enumerate() if thread not in before] == []


class TestPipelineProperties:
    """What holds for every request, through the real text model, verifiers, scorer, renderer and store."""

    @settings(max_examples=25)
    @given(request=requests(), one=greenroom.schedules(), other=greenroom.schedules())
    def test_equal_payloads_give_equal_memes_on_any_schedule(self, request, one, other):
        (first,), _ = greenroom.run(served(request), one).result
        (second,), _ = greenroom.run(served(request), other).result
        assert first == second

    @settings(max_examples=25)
    @given(
        wanted=st.lists(requests(), min_size=2, max_size=4, unique_by=lambda request: request.request_id),
        schedule=greenroom.schedules(),
    )
    def test_each_request_has_its_own_stages_in_order_and_one_end(self, wanted, schedule):
        outcomes, stages = greenroom.run(served(*wanted), schedule).result
        assert len(outcomes) == len(wanted)
        for request in wanted:
            told = stages[request.request_id]
            assert told[0] == "routing"
            assert [stage for stage in told if stage in TERMINAL_STAGES] == [told[-1]]

    @settings(max_examples=20)
    @given(request=requests(), schedule=greenroom.schedules())
    def test_a_request_alone_takes_bounded_work_and_no_virtual_time(self, request, schedule):
        execution = greenroom.run(served(request), schedule)
        assert execution.steps <= 2 * STEPS_PER_REQUEST
        assert execution.virtual_s == 0.0

    @pytest.mark.parametrize("copies", [2, 5])
    def test_equal_payloads_at_once_are_generated_once(self, copies):
        wanted = [request_for("monday meetings", f"r{number}") for number in range(copies)]

        def only_one_leads():
            outcomes, stages = served(*wanted)()
            assert all(outcome == outcomes[0] for outcome in outcomes)
            assert [told.count("text") for told in stages.values()].count(0) == copies - 1

        report = greenroom.explore(only_one_leads, executions=30)
        assert report.ok, report


class TestInputFuzzing:
    """Boundary and malicious requests, by class: refused for exactly the unfit fields, or served like any other."""

    @pytest.mark.parametrize("name", sorted(CLASSES))
    @settings(max_examples=8)
    @given(data=st.data())
    def test_every_class_is_refused_or_served(self, name, data):
        raw = data.draw(CLASSES[name])
        verdict = judge(raw)
        if not isinstance(verdict, Fit):
            with pytest.raises(InvalidRequest):
                GenerateMeme.create(**{field: getattr(raw, field) for field in GenerateMeme.__slots__})
            return
        (outcome,), stages = greenroom.run(served(raw)).result
        assert isinstance(outcome, Meme | Rejected) or raw.deadline_s < 1
        assert list(stages) == [raw.request_id]
