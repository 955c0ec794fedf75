"""The flow machine finds lost places, lost requests, starvation, and whoever is let in or turned away wrongly."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from dspy_meme_gen import ledger
from dspy_meme_gen.actors import router
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import TimedOut
from dspy_meme_gen.messages import Submit
from dspy_meme_gen.resilience import bucket, waiting, window
from dspy_meme_gen.resilience.bucket import Bucket, Buckets
from machines.finding import examples_to_find
from machines.flow import FlowMachine

MUTANTS = {}


def mutant(plant):
    MUTANTS[plant.__name__] = plant
    return plant


@mutant
def a_place_is_lost_with_each_timeout(patch):
    original = ledger.Ledger._close_entry

    def close(self, entry, outcome):
        original(self, entry, outcome)
        self._generating += entry.routed and isinstance(outcome, TimedOut)

    patch.setattr(ledger.Ledger, "_close_entry", close)


@mutant
def a_new_router_forgets_who_waits(patch):
    def recover(self):
        self._resubmit(self._orchestrator.incarnation)
        for entry in self._ledger.in_flight():
            if entry.routed:
                self._arm(entry)
        self._next_turns()

    patch.setattr(router.Router, "_recover", recover)


@mutant
def low_priority_starves(patch):
    patch.setattr(waiting, "MOST_PASSED", 1_000)


@mutant
def normal_goes_before_high(patch):
    high, normal, low = waiting._ORDER
    patch.setattr(waiting, "_ORDER", (normal, high, low))


@mutant
def the_last_to_come_is_served_first(patch):
    patch.setattr(waiting.Waiting, "add", lambda self, priority, item: self._lines[priority].appendleft(item))


@mutant
def a_place_that_a_cancel_frees_is_given_to_nobody(patch):
    original = router.Router._release

    def release(self, message):
        if message.latency_s is None or self._ledger.generating():
            original(self, message)

    patch.setattr(router.Router, "_release", release)


@mutant
def one_more_than_the_window(patch):
    patch.setattr(window.Window, "admits", lambda self, in_flight: in_flight <= self.size)


@mutant
def all_users_share_one_bucket(patch):
    original = Buckets.take
    patch.setattr(Buckets, "take", lambda self, user_id, now_s: original(self, "", now_s))


@mutant
def a_refusal_costs_a_token(patch):
    def take(self, user_id, now_s):
        bucket_now = self._buckets.get(user_id, Bucket(self.policy.burst, now_s)).filled(self.policy, now_s)
        self._buckets[user_id] = Bucket(max(0.0, bucket_now.tokens - 1), now_s)
        return 0.0 if bucket_now.tokens >= 1 else (1 - bucket_now.tokens) / self.policy.rate_per_s

    patch.setattr(bucket.Buckets, "take", take)


@mutant
def the_window_never_shrinks(patch):
    original = window.Window.finished

    def finished(self, policy, latency_s, now_s):
        return original(self, replace(policy, least=self.size), latency_s, now_s)

    patch.setattr(window.Window, "finished", finished)


@mutant
def an_inbox_takes_one_more_than_its_limit(patch):
    original = Address._look
    patch.setattr(Address, "_look", lambda self: original(self) - 1)


@mutant
def a_submit_that_finds_no_room_is_dropped_in_silence(patch):
    original = Address._put

    def put(self, message):
        return original(self, message) if not isinstance(message, Submit) or self.ref.actor_inbox.qsize() < 9 else 0

    @contextlib.contextmanager
    def held_open(self):
        yield True

    patch.setattr(Address, "_put", put)
    patch.setattr(Address, "held_open", held_open)


@pytest.mark.parametrize("name", MUTANTS)
def test_it_finds(name, monkeypatch):
    MUTANTS[name](monkeypatch)
    assert examples_to_find(FlowMachine) is not None


def test_it_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(FlowMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
