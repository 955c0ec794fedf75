"""What the model leaves out it may leave out: reduced and exhaustive, it accepts and rejects the same."""

from dataclasses import replace
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from model import pipeline, state
from model.calls import Advance, Cancel, Crash, Finish, Inject, Inspect, Outage, Stop, Submit
from model.values import TERMINAL, Cancelled, Ending, Failed, Meme, Payload, Request, TimedOut
from model.world import Fault, Faults, Rules
from strategies.worlds import PERFECT, Quality, scripted

DOWN = Fault("PortDown")
WORLD = scripted(PERFECT, (Quality(12), Quality(12), Quality(16), Quality(20), Quality(20)))
CATS, TEA, TERSE = Payload("cats"), Payload("tea"), Payload("cats", max_refinements=0)
PAYLOADS = st.sampled_from([CATS, TEA, CATS, TERSE])
FAULTS = st.sampled_from([Faults(image=(DOWN,)), Faults(scorer=(DOWN,)), Faults(text=(DOWN, DOWN))])
RULES = Rules(cache_ttl_s=2.0, restart_limit=2)
MOST_IN_FLIGHT = 3
MOST_STATES = 100
"""Where there are more, an example ends: the exhaustive model would take too long."""


KINDS = ["submit", "finish", "submit", "finish", "advance", "crash", "generator", "down", "up", "inspect", "inject", "cancel", "stop"]
OPENINGS = [
    [],
    ["submit", "finish", "submit", "submit"],  # hits among others
    ["down", "submit", "finish", "up"],  # the outbox
    ["submit", "generator", "generator", "finish"],  # runs after runs
]
HISTORIES = st.builds(list.__add__, st.sampled_from(OPENINGS), st.lists(st.sampled_from(KINDS), max_size=9))
"""Kinds of calls; what exactly is called depends on what is in flight then."""


def call_of(draw, kind, now_s, number, in_flight):  # noqa: PLR0911  one for each kind
    """A call of that kind that is likely to do something, or None."""
    match kind:
        case "submit" if len(in_flight) < MOST_IN_FLIGHT:
            return Submit(Request(f"r{number}", draw(PAYLOADS), draw(st.sampled_from([30.0, 2.0]))))
        case "finish" | "cancel" if in_flight:
            request_id = draw(st.sampled_from(in_flight))
            return Finish(request_id) if kind == "finish" else Cancel(request_id)
        case "advance":
            return Advance(now_s + draw(st.sampled_from([0.1, 1.0, 2.0])))
        case "crash":
            return Crash(draw(st.sampled_from(["cache", "text", "scorer"])))
        case "generator":
            return Crash("generator")
        case "down" | "up":
            return Outage(kind == "down")
        case "inspect":
            return Inspect()
        case "inject":
            return Inject(draw(PAYLOADS), draw(FAULTS))
        case "stop":
            return Stop(1.0)
    return None


def exhaustive(states, call):
    """Every legal (result, state): all that may have happened unseen before the call, every ending, every order of the flights."""
    with patch.object(state, "in_turn", tuple), patch.object(pipeline, "in_turn", tuple):
        return tuple(dict.fromkeys(pair for each in states for before in state.unseen(each) for pair in pipeline.apply(before, call)))


def wrong(data, result):
    """A result that resembles a legal one."""
    if not isinstance(result, Ending):
        return {True: False, False: True, "accepted": "conflict", "restarted": "escalated"}.get(result, "stopped")
    match data.draw(st.integers(0, 2)):
        case 0:
            at = data.draw(st.integers(0, len(result.stages) - 1))
            return replace(result, stages=result.stages[:at] + result.stages[at + 1 :])
        case 1:
            at = data.draw(st.integers(0, len(result.stages) - 1))
            return replace(result, stages=result.stages[:at] + result.stages[max(0, at - 2) :])
    outcome = data.draw(st.sampled_from([Cancelled(), TimedOut(), Failed("ActorCrashed", "routing"), Failed("PortDown", "text")]))
    return Ending(outcome, (*result.stages[:-1], TERMINAL[type(outcome)]))


def may_be(states):
    """All in which a pipeline may be, now or unseen from now on, told apart as the reduced model does."""
    return {after for each in states for after in state.unseen(replace(each, flights=state.in_turn(each.flights)))}


@settings(max_examples=100)
@given(st.data(), st.integers(1, 2), HISTORIES)
def test_reduced_and_exhaustive_accept_the_same(data, capacity, kinds):
    few = every = (pipeline.init(WORLD, replace(RULES, cache_capacity=capacity)),)
    for number, kind in enumerate(kinds):
        in_flight = [flight.request.request_id for flight in few[0].flights]
        call = call_of(data.draw, kind, few[0].now_s, number, in_flight)
        legal = exhaustive(every, call) if call else ()
        results = tuple(dict.fromkeys(result for result, _ in legal))
        if call:
            assert {result for each in few for result, _ in pipeline.step(each, call)} == set(results)
        if not results:
            continue
        memes = [result for result in results if isinstance(result, Ending) and isinstance(result.outcome, Meme)]
        result = data.draw(st.sampled_from(memes or results) | st.sampled_from(results))
        planted = wrong(data, result)
        assert bool(pipeline.follow(few, call, planted)) == (planted in results)
        few = pipeline.follow(few, call, result)
        every = tuple(dict.fromkeys(after for given, after in legal if given == result))
        assert may_be(few) == may_be(every)
        if len(every) > MOST_STATES:
            return
