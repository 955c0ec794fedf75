"""Scripted worlds reach every rule; faults are few and start simple."""

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from model.generation import generate
from model.values import Meme, Payload, Prompt, Rejected
from model.world import NO_FAULTS, PORTS, Fault, Faults
from strategies.faults import FALLIBLE, faults, outages
from strategies.worlds import PERFECT, Quality, scripted, scripts, worlds

CATS = Payload("cats")
PROMPT = Prompt("cats", "classic", None, None)


def outcome(script, payload=CATS):
    return generate(payload, scripted(script)).outcome


def test_scripts_shrink_to_perfection():
    assert find(scripts(), lambda _: True) == PERFECT


@pytest.mark.parametrize(
    "reached",
    [
        lambda meme: isinstance(meme, Rejected),
        lambda meme: isinstance(meme, Meme) and meme.refinement_count == 3,
        lambda meme: isinstance(meme, Meme) and meme.refinement_count == 1,
        lambda meme: isinstance(meme, Meme) and meme.score.total == pytest.approx(0.35),
        lambda meme: isinstance(meme, Meme) and meme.text.bottom == "again",
    ],
)
def test_scripts_reach(reached):
    unshrunk = settings(phases=[Phase.generate], max_examples=2000, database=None)
    assert reached(outcome(find(scripts(), lambda script: reached(outcome(script)), settings=unshrunk)))


@given(worlds(), st.sampled_from(["cats", "tea", "猫"]))
def test_a_world_gives_the_same_for_the_same(world, topic):
    prompt = Prompt(topic, "classic", None, None)
    text = world.text(prompt, 0)
    assert text == world.text(prompt, 0)
    assert world.score(text, prompt) == world.score(text, prompt)
    assert world.render(text, "classic") == world.render(text, "classic")


def test_a_script_says_what_the_verifiers_say():
    world = scripted((Quality(taste="foul", factual=False, follows_instructions=False),) * 5)
    text = world.text(PROMPT, 0)
    assert [world.verify(kind, text, PROMPT).passed for kind in ("appropriateness", "factuality", "instructions")] == [False] * 3


def test_no_fault_is_the_simplest():
    assert find(faults(), lambda _: True) == NO_FAULTS
    assert find(outages(), lambda _: True) == NO_FAULTS


def test_a_single_fault_is_a_port_that_raises_once():
    assert find(faults(), lambda drawn: drawn.scorer != ()) == Faults(scorer=(Fault("PortDown"),))


@given(faults(most=2), faults(hangs=True))
def test_faults_stay_off_the_store(few, hanging):
    assert sum(fault is not None for queue in few.queues for fault in queue) <= 2
    assert not any(fault.hangs for queue in few.queues for fault in queue if fault)
    assert not few.store
    assert not hanging.store


def test_hangs_come_when_they_are_asked_for():
    assert (
        find(faults(hangs=True), lambda drawn: any(f.hangs for queue in drawn.queues for f in queue if f)).queues.count(())
        == len(PORTS) - 1
    )


@given(outages())
def test_an_outage_is_one_port_down_for_long(drawn):
    assert sum(bool(queue) for queue in drawn.queues) <= 1
    assert all(len(queue) == 6 and None not in queue for queue in drawn.queues if queue)


def test_every_port_but_the_store_can_fail():
    assert all(find(faults(), lambda drawn, port=port: getattr(drawn, port)) for port in FALLIBLE)
