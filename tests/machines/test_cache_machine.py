"""The cache machine finds stale, wrong and lost memes, and work that is done twice."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from dspy_meme_gen import bootstrap, ledger
from dspy_meme_gen.actors import meme_generator
from dspy_meme_gen.adapters import memory_cache
from dspy_meme_gen.adapters.memory_cache import MemoryCache
from dspy_meme_gen.domain import Meme, payload_key
from dspy_meme_gen.messages import Remember
from machines.cache import CacheMachine
from machines.finding import examples_to_find

MUTANTS = {}


def mutant(plant):
    MUTANTS[plant.__name__] = plant
    return plant


@mutant
def first_in_first_out(patch):
    def get(self, key):
        entry = self._entries.get(key)
        return None if entry is None or self._clock.monotonic_s() - entry[1] >= self._ttl_s else entry[0]

    patch.setattr(memory_cache.MemoryCache, "get", get)


@mutant
def no_time_to_live_means_the_default(patch):
    patch.setattr(bootstrap, "_cache", lambda ports, known: ports.cache or MemoryCache(known.cache_capacity, known.cache_ttl_s or 3600.0))


@mutant
def a_hit_makes_a_meme_younger(patch):
    get = MemoryCache.get

    def touching(self, key):
        meme = get(self, key)
        if meme is not None:
            self._entries[key] = (meme, self._clock.monotonic_s())
        return meme

    patch.setattr(memory_cache.MemoryCache, "get", touching)


@mutant
def one_more_than_the_capacity(patch):
    init = MemoryCache.__init__
    patch.setattr(memory_cache.MemoryCache, "__init__", lambda self, capacity, ttl_s, **more: init(self, capacity + 1, ttl_s, **more))


@mutant
def a_key_without_the_context(patch):
    patch.setattr(ledger, "payload_key", lambda request: payload_key(dataclasses.replace(request, context=None)))


@mutant
def a_key_without_the_target(patch):
    patch.setattr(ledger, "payload_key", lambda request: payload_key(dataclasses.replace(request, target_score=0.7)))


@mutant
def degraded_memes_are_kept(patch):
    finish = meme_generator.MemeGenerator._finish

    def keeping(self, job, end):
        finish(self, job, end)
        if isinstance(end.outcome, Meme) and end.outcome.degraded:
            self._one_of("cache").tell(Remember(job.key, end.outcome))

    patch.setattr(meme_generator.MemeGenerator, "_finish", keeping)


@mutant
def equal_requests_are_all_made(patch):
    generate = meme_generator.MemeGenerator._generate

    def alone(self, message):
        entry = self._around.ledger.find(message.request.request_id)
        flight = self._flights.pop(entry.key, None) if entry is not None else None
        generate(self, message)
        if flight is not None:
            self._flights[entry.key] = [*flight, *self._flights.get(entry.key, [])]

    patch.setattr(meme_generator.MemeGenerator, "_generate", alone)


@mutant
def who_waits_for_a_cancelled_one_waits_for_ever(patch):
    def leave(self, request_id):
        if request_id in self._jobs:
            self._forget(request_id)

    patch.setattr(meme_generator.MemeGenerator, "_leave", leave)


@mutant
def an_expired_meme_is_served_once_more(patch):
    def get(self, key):
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock.monotonic_s() - entry[1] >= self._ttl_s:
            del self._entries[key]
        else:
            self._entries.move_to_end(key)
        return entry[0]

    patch.setattr(memory_cache.MemoryCache, "get", get)


@pytest.mark.parametrize("name", MUTANTS)
def test_it_finds(name, monkeypatch):
    MUTANTS[name](monkeypatch)
    assert examples_to_find(CacheMachine) is not None


def test_it_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(CacheMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
