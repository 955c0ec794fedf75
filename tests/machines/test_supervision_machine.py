"""The supervision machine finds children that are lost, started too often, too soon or not at all, and ends that nobody is told of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from dspy_meme_gen import roster
from dspy_meme_gen.actors import supervisor
from dspy_meme_gen.messages import ChildFailed
from dspy_meme_gen.resilience import restarts, supervision
from dspy_meme_gen.resilience.restarts import Restarts, Strategy
from machines.finding import examples_to_find
from machines.supervision import SupervisionMachine

MUTANTS = {}


def mutant(plant):
    MUTANTS[plant.__name__] = plant
    return plant


@mutant
def the_window_of_restarts_never_slides(patch):
    def again(self, now_s):
        return None if len(self.at_s) >= self.policy.most else Restarts(self.policy, (*self.at_s, now_s))

    patch.setattr(restarts.Restarts, "again", again)


@mutant
def one_restart_too_many(patch):
    original = Restarts.again
    patch.setattr(
        Restarts, "again", lambda self, now_s: original(replace(self, policy=replace(self.policy, most=self.policy.most + 1)), now_s)
    )


@mutant
def giving_up_is_told_to_nobody(patch):
    original = supervisor.Supervisor.__init__

    def init(self, identity, **parts):
        original(self, identity, **parts | {"give_up": lambda: None})

    patch.setattr(supervisor.Supervisor, "__init__", init)


@mutant
def a_group_that_fails_is_the_end_of_all(patch):
    path = supervision.Group.path
    patch.setattr(supervision.Group, "path", lambda self, actor: path(self, actor)[:1])


@mutant
def rest_for_one_forgets_the_rest(patch):
    def affected(strategy, children, failed):
        chosen = restarts.affected(strategy, children, failed)
        return (failed,) if strategy is Strategy.REST_FOR_ONE else chosen

    patch.setattr(supervision, "affected", affected)


@mutant
def no_pause_before_a_further_restart(patch):
    patch.setattr(supervision, "backoff_s", lambda policy, attempt, seed: 0.0)


@mutant
def nobody_looks_after_a_pause(patch):
    def failed(self, name, dead):
        plan = self._roster.failed(name, dead)
        for ref in self._roster.living(plan.actors) if plan is not None else ():
            ref.stop(block=False)

    patch.setattr(supervisor.Supervisor, "_failed", failed)


@mutant
def a_new_supervisor_does_not_look_around(patch):
    patch.setattr(supervisor.Supervisor, "_inspect", lambda self: None)


@mutant
def nobody_hears_of_a_restart(patch):
    announce = supervisor.Supervisor._announce

    def silent(self, name, incarnation):
        if name != "scorer":
            announce(self, name, incarnation)

    patch.setattr(supervisor.Supervisor, "_announce", silent)


@mutant
def a_successor_starts_before_the_old_one_has_ended(patch):
    patch.setattr(roster, "_lives", lambda child: False)


@mutant
def a_group_begun_anew_keeps_its_restarts(patch):
    patch.setattr(supervision, "_groups", lambda group: iter(()))


@mutant
def an_old_death_is_told_twice_and_counts_twice(patch):
    failed = roster.Roster.failed

    def again(self, name, incarnation):
        return failed(self, name, self._children[name].address.incarnation)

    handle = supervisor.Supervisor.handle

    def twice(self, message):
        handle(self, message)
        if isinstance(message, ChildFailed) and message.name == "cache":
            handle(self, message)

    patch.setattr(roster.Roster, "failed", again)
    patch.setattr(supervisor.Supervisor, "handle", twice)


@pytest.mark.parametrize("name", MUTANTS)
def test_it_finds(name, monkeypatch):
    MUTANTS[name](monkeypatch)
    assert examples_to_find(SupervisionMachine) is not None


def test_it_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(SupervisionMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
