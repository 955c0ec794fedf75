"""The breaker machine finds the faults that published breakers have."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from dspy_meme_gen.actors import meme_generator
from dspy_meme_gen.messages import WorkExpired
from dspy_meme_gen.resilience import breaker
from dspy_meme_gen.resilience.breaker import Breaker, Ticket
from machines.breaker import BreakerMachine
from machines.finding import examples_to_find

MUTANTS = {}


def mutant(plant):
    MUTANTS[plant.__name__] = plant
    return plant


@mutant
def two_probes_in_half_open(patch):
    def admit(self, now_s):
        state = self.state(now_s)
        if state == "open":
            return self, None
        return self, Ticket(self.era, probe=state == "half-open")

    patch.setattr(Breaker, "admit", admit)


@mutant
def refused_calls_keep_it_open(patch):
    original = Breaker.admit

    def admit(self, now_s):
        after, ticket = original(self, now_s)
        if ticket is None and after.open_until_s is not None:
            after = replace(after, open_until_s=now_s + after.policy.recovery_s)
        return after, ticket

    patch.setattr(Breaker, "admit", admit)


@mutant
def a_probe_that_is_given_up_wedges_it(patch):
    patch.setattr(Breaker, "given_up", lambda self, ticket: self)


@mutant
def one_good_probe_closes_it(patch):
    def success(self, ticket):
        if ticket.era != self.era:
            return self
        return Breaker(self.policy, era=self.era + 1) if ticket.probe else replace(self, failed=0)

    patch.setattr(Breaker, "success", success)


@mutant
def failures_are_counted_although_calls_go_well_between(patch):
    original = Breaker.success
    patch.setattr(Breaker, "success", lambda self, ticket: original(self, ticket) if ticket.probe else self)


@mutant
def a_late_answer_from_before_it_opened_counts(patch):
    success, failure = Breaker.success, Breaker.failure

    def as_if_of_now(self, ticket):
        return Ticket(self.era, probe=self.open_until_s is not None)

    patch.setattr(Breaker, "success", lambda self, ticket: success(self, as_if_of_now(self, ticket)))
    patch.setattr(Breaker, "failure", lambda self, ticket, now_s: failure(self, as_if_of_now(self, ticket), now_s))


@mutant
def a_call_that_takes_too_long_is_no_failure(patch):
    handle = meme_generator.MemeGenerator.handle

    def forgiving(self, message):
        if isinstance(message, WorkExpired):
            self._answered(message.request_id, message.serial, lambda job, call: job.generation.expired(call.worker), well=None)
        else:
            handle(self, message)

    patch.setattr(meme_generator.MemeGenerator, "handle", forgiving)


@mutant
def a_crashed_caller_leaves_its_probe_out(patch):
    def on_death(self):
        for job in self._jobs.values():
            for outstanding in job.outstanding.values():
                if outstanding.timer is not None:
                    outstanding.timer.cancel()
        super(meme_generator.MemeGenerator, self).on_death()

    patch.setattr(meme_generator.MemeGenerator, "on_death", on_death)


@mutant
def it_opens_one_failure_late(patch):
    original = Breaker.failure

    def failure(self, ticket, now_s):
        if not ticket.probe and ticket.era == self.era and self.failed + 1 == self.policy.failures:
            return replace(self, failed=self.failed + 1)
        return original(self, ticket, now_s)

    patch.setattr(Breaker, "failure", failure)


@pytest.mark.parametrize("name", MUTANTS)
def test_it_finds(name, monkeypatch):
    assert breaker.Breaker is Breaker
    MUTANTS[name](monkeypatch)
    assert examples_to_find(BreakerMachine) is not None


def test_it_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(BreakerMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
