"""The store machine finds memes that are lost, doubled, overtaken, or shown as what they are not."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from dspy_meme_gen.actors import store
from dspy_meme_gen.adapters.memory_outbox import MemoryOutbox
from dspy_meme_gen.adapters.sqlite_outbox import SqliteOutbox
from dspy_meme_gen.generation import Generation
from dspy_meme_gen.messages import Recover
from machines.finding import examples_to_find
from machines.store import StoreMachine

MUTANTS = {}


def mutant(plant):
    MUTANTS[plant.__name__] = plant
    return plant


@mutant
def deferred_is_answered_as_stored(patch):
    finish = Generation._finish
    patch.setattr(Generation, "_finish", lambda self, *, deferred: finish(self, deferred=False))


@mutant
def a_failed_drain_is_not_tried_again(patch):
    patch.setattr(store.Store, "_wait_for_the_store", lambda self, error: None)


@mutant
def a_new_store_does_not_look_into_the_outbox(patch):
    handle = store.Store.handle
    patch.setattr(store.Store, "handle", lambda self, message: None if isinstance(message, Recover) else handle(self, message))


@mutant
def what_is_put_off_is_forgotten(patch):
    for outbox in (MemoryOutbox, SqliteOutbox):
        patch.setattr(outbox, "add", lambda self, record: None)


@pytest.mark.parametrize("name", MUTANTS)
def test_it_finds(name, monkeypatch):
    MUTANTS[name](monkeypatch)
    assert examples_to_find(StoreMachine) is not None


def test_it_holds_on_pykkas_own_threads(monkeypatch):
    monkeypatch.setenv("GREENROOM_ACTORS", "threads")
    run_state_machine_as_test(StoreMachine, settings=settings(max_examples=8, stateful_step_count=10, database=None, deadline=None))
