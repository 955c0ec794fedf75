"""Coverage of the model: what could be visited is computed from it, and a summary says what was, and what never."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from machines import __main__ as command
from machines.__main__ import MACHINES
from machines.coverage import NAMED, Account, Coverage, Places, Trail, accounts, document, reachable
from machines.places import breaker, cache, flow, lifecycle, pipeline, service, store, supervision
from model.breaker import Ask, Breaker, End, step
from model.cache import Cache, Entry
from model.flow import Flow, Limits, Period
from model.lifecycle import Life
from model.service import Books
from model.service import Limits as AtOnce
from model.shelf import Shelf
from model.tree import Group, Tree
from model.tree import Limits as Restarts
from model.writing import Writing


def test_what_can_be_reached_is_found_and_what_cannot_is_left_out():
    found = reachable([0], lambda number: [(number + 2) % 6], str, lambda number: number)
    assert found == Places(("0", "2", "4"), (("0", "2"), ("2", "4"), ("4", "0")))


def test_states_of_one_name_are_one_place_and_both_are_gone_on_from():
    found = reachable([0], lambda number: [number + 1] if number < 3 else [], lambda number: "low" if number < 2 else str(number), hash)
    assert found == Places(("low", "2", "3"), (("low", "2"), ("2", "3")))


def test_to_stay_is_no_transition_and_each_subject_has_its_own_way():
    trail = Trail()
    for subject, state in [("a", "closed"), ("b", "open"), ("a", "closed"), ("a", "open"), ("b", "closed"), ("a", "closed")]:
        trail.visit(subject, state)
    assert trail.states == {"closed": 3, "open": 2}
    assert trail.transitions == {("closed", "open"): 1, ("open", "closed"): 2}


def test_a_summary_names_what_was_never_visited_and_what_was_not_foreseen():
    coverage, trail = Coverage(), Trail()
    for state in ("closed", "open", "broken"):
        trail.visit("a", state)
    shown = coverage.add(trail, ("submit", "run", "run"), ["Meme", "Meme"])
    places = Places(("closed", "open", "half-open"), (("closed", "open"), ("open", "half-open")))
    states, transitions, pairs, outcomes = accounts(coverage, places, ("submit", "run"), ("Meme", "Failed"))
    assert str(states) == "2/3, never: half-open; not foreseen: broken"
    assert str(transitions) == "1/2, never: open → half-open; not foreseen: open → broken"
    assert str(pairs) == "2/4, never: submit → submit; run → submit"
    assert str(outcomes) == "1/2, never: Failed"
    assert shown[0] == "outcome Meme"
    assert {"state open", "transition closed → open", "rules submit → run", "rules run → run"} < set(shown)
    assert document([states])["states"] == {
        "visited": {"closed": 1, "open": 1, "broken": 1},
        "never": ("half-open",),
        "not foreseen": ("broken",),
    }


def test_a_long_list_is_cut_and_the_rest_is_counted():
    text = str(Account("states", tuple("abcdefgh"), {"a": 1}))
    assert text == f"1/8, never: b; c; d; e; f; and {7 - NAMED} more"


def test_long_names_are_fewer_to_a_line_and_one_is_named_however_long():
    names = tuple(letter * 50 for letter in "abcd")
    assert str(Account("states", names, {})) == f"0/4, never: {names[0]}; and 3 more"
    assert str(Account("states", ("a" * 500,), {})) == f"0/1, never: {'a' * 500}"


def test_examples_add_up():
    coverage = Coverage()
    for _ in range(3):
        trail = Trail()
        trail.visit("a", "closed")
        coverage.add(trail, (), ["Failed"])
    assert coverage.states == {"closed": 3}
    assert coverage.outcomes == {"Failed": 3}


# -- the models' places ------------------------------------------------------------------------------------------------------


def test_a_breaker_has_seven_places_and_half_open_is_entered_from_open_alone():
    places = breaker.places()
    assert set(places.states) == {
        "closed",
        "closed, failing",
        "open",
        "half-open",
        "half-open, probe out",
        "half-open, proved once",
        "half-open, proved once, probe out",
    }
    assert {before for before, after in places.transitions if after == "half-open"} == {"open", "half-open, probe out"}
    assert {before for before, after in places.transitions if after == "closed"} == {"closed, failing", "half-open, proved once, probe out"}


@pytest.mark.parametrize(
    ("calls", "name"),
    [
        ([], "closed"),
        ([Ask(1, 0.0), End(1, "bad", 0.0)], "closed, failing"),
        ([Ask(1, 0.0), End(1, "bad", 0.0), Ask(2, 0.0), End(2, "bad", 0.0)], "open"),
    ],
)
def test_a_breaker_is_named_as_it_is(calls, name):
    state = Breaker(2, 5.0)
    for call in calls:
        ((_, state),) = step(state, call)
    assert breaker.label(state, 1.0) == name


def test_a_cache_is_named_by_its_room_and_what_has_expired():
    entry = Entry("a", "meme", 0.0)
    assert cache.label(Cache(2, 5.0), 0.0) == "empty"
    assert cache.label(Cache(2, 5.0, (entry,)), 4.0) == "partly full"
    assert cache.label(Cache(1, 5.0, (entry,)), 4.0) == "full"
    assert cache.label(Cache(1, 5.0, (entry,)), 5.0) == "full, with an expired entry"
    assert cache.label(Cache(1, 0.0), 0.0) == "keeps nothing"
    assert ("empty", "keeps nothing") not in cache.places().transitions


def test_the_flow_is_named_by_its_window_and_its_line():
    nobody = Flow(Limits(), 1, Period(0.0))
    assert flow.label(nobody) == "idle, nobody waits"
    assert flow.label(Flow(Limits(), 1, Period(0.0), ("b",), (("normal", "b"),), {"a": 0.0})) == "full, some in line"
    assert flow.label(Flow(Limits(), 1, Period(0.0), ("c",), (), {"a": 0.0, "b": 0.0})) == "overfull, some on their way"
    assert len(flow.places().states) == 12


def test_a_tree_is_named_by_who_is_missing():
    root = Group("pipeline", "one_for_one", ("a", "b"))
    assert supervision.label(Tree(root, Restarts()), 0.0) == "all up"
    assert supervision.label(Tree(root, Restarts(), {"pipeline": (0.0,)}), 1.0) == "all up, restarts in the window"
    assert supervision.label(Tree(root, Restarts(), {"pipeline": (0.0,)}), 99.0) == "all up"
    assert supervision.label(Tree(root, Restarts(), {}, {"a": (0.0, 0.0)}), 0.0) == "one waits for a restart"
    assert supervision.label(Tree(root, Restarts(), given_up=True), 0.0) == "given up"
    assert not [step for step in supervision.places().transitions if step[0] == "given up"]


def test_a_request_ends_in_one_place_and_a_degraded_meme_may_come_from_work_or_from_whom_it_waited_for():
    places = pipeline.places()
    ends = {"completed", "completed, degraded", "rejected", "failed", "cancelled", "timed_out"}
    assert not [step for step in places.transitions if step[0] in ends]
    assert {before for before, after in places.transitions if after == "completed, degraded"} == {"cache", "storing"}


def test_a_life_goes_through_its_phases_in_order_and_only_at_its_end_is_somebody_left_behind():
    life = Life(frozenset({"text"}), 10.0)
    assert lifecycle.label(life) == "running"
    assert lifecycle.label(replace(life, in_flight=("r1",))) == "running, at work"
    assert lifecycle.label(replace(life, phase="draining", given_up=True, in_flight=("r1",))) == "draining, given up, at work"
    assert lifecycle.label(replace(life, phase="ending", given_up=True, left=frozenset({"a"}))) == "ending, somebody left behind"
    places = lifecycle.places()
    phases = [tuple(state.split(",")[0] for state in step) for step in places.transitions]
    assert {step for step in phases if step[0] != step[1]} == {("running", "draining"), ("draining", "ending"), ("ending", "stopped")}
    assert {before for before, after in places.transitions if after.startswith("ending")} == {"draining", "draining, given up", "ending"}


def test_the_store_is_named_by_its_database_its_outbox_and_its_write():
    record = store._record()
    assert store.label((Writing(),)) == "up, nothing waits"
    assert store.label((Writing(up=False, outbox=(record,)),)) == "away, something waits"
    assert store.label((Writing(), Writing(outbox=(record,)))) == "up, something waits"
    assert store.label((Writing(outbox=(record,), leaving=True, under_way=record),)) == "up, something waits, a write is under way"
    places = store.places()
    assert len(places.states) == 8
    assert ("up, nothing waits, a write is under way", "away, something waits, a write is under way") not in places.transitions


def test_those_who_wait_are_served_in_line_or_too_many():
    limits = AtOnce(at_once=2, in_line=2, burst=12)
    assert [service.turns(makers, limits) for makers in range(7)] == [
        "nobody waits",
        "a turn is free",
        "all turns are taken",
        "some are in line",
        "some are in line",
        "more than the line takes",
        "more than the line takes",
    ]


def test_the_service_is_named_by_each_of_its_parts():
    books = Books(AtOnce(2, 2, 12), {}, lambda _: frozenset(), lambda _: frozenset(), Shelf(lambda _: frozenset()))
    began = service.labels(books)
    books.draining = books.stopping = 1
    books.switch_store(down=True)
    books.owners["ann", "key"] = None
    after = service.labels(books)
    steps = service.places().transitions
    assert {part for part in began if (began[part], after[part]) in steps} == {"server", "pipeline", "store", "keys"}
    books.stopped = 2
    assert service.labels(books)["pipeline"] == "pipeline stopped"


# -- the machines --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_a_machine_visits_some_of_its_places_and_no_others(name, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("GREENROOM_ACTORS", "stage")
    file = tmp_path / "coverage.json"
    assert command.main([name, "--examples", "4", "--seed", "1", "--coverage", str(file)]) == 0
    printed = capsys.readouterr().out
    told = json.loads(file.read_text(encoding="utf-8"))[name]
    assert told["examples"] >= 4
    for kind in ("states", "transitions", "rule pairs", "kinds of outcome"):
        assert told[kind]["visited"], kind
        assert told[kind]["not foreseen"] == [], kind
        possible = len(told[kind]["visited"]) + len(told[kind]["never"])
        assert f"  {kind:<20}{len(told[kind]['visited'])}/{possible}" in printed


def test_hypothesis_hears_the_same_labels(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "stage")
    heard = []
    monkeypatch.setattr("machines.part.event", heard.append)
    machine = MACHINES["breaker"]()
    machine.choose_port("text", 3, 0.0, False, 1000)
    machine.submit("ann")
    machine.run(b"")
    machine.teardown()
    assert {"state closed", "state open", "transition closed, failing → open"} <= set(heard)
