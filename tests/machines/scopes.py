"""What the small scopes share: what a scope is, how it is searched to its end, and fakes for what lies beyond its borders."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import pykka

import greenroom
from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import GenerateMeme, ImageRef, Meme, MemeText, RenderedImage, Score, ScoreParts, Verification
from dspy_meme_gen.messages import CheckText, LookUp, MarkText, RenderImage, StoreMeme, WorkDone, WriteText
from greenroom.errors import ActorDied

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

NOBODY = Address("supervisor")
TEXT = MemeText("cats", "cats")
MEME = Meme("m-1", TEXT, "standard", ImageRef("m-1.png", "", 7, 1, 1), Score(0.9, 0.9, 0.9, 0.9, 0.9), (), 0, ())


class NoTimers:
    """Nothing takes long enough here."""

    def call_later(self, delay_s, callback):
        return self

    def cancel(self):
        pass


class AtOnce(Address):
    """A worker's address that answers at once, in the orchestrator's own step, and well."""

    def __init__(self, name, orchestrator, *, cached=False):
        super().__init__(name)
        self.orchestrator = orchestrator
        self.cached = cached

    def tell(self, message):
        if hasattr(message, "serial"):
            self.orchestrator.tell(WorkDone(message.request_id, message.serial, self.answer_to(message.task)))
        return 1

    def answer_to(self, task):
        """What comes of a task where all goes well."""
        if isinstance(task, CheckText):
            return Verification(self.name, True, 1.0, "")
        return MEME if isinstance(task, LookUp) and self.cached else answer_to(task)


def answer_to(task):
    """What a worker answers; a cache that has nothing."""
    match task:
        case LookUp():
            return None
        case WriteText():
            return TEXT
        case MarkText():
            return ScoreParts(0.9, 0.9, 0.9, 0.9)
        case RenderImage():
            return RenderedImage(b"picture", 1, 1)
        case StoreMeme():
            return True
    raise AssertionError(f"no worker is asked for {task}")


class Serials:
    """Numbers from 1 on. Unlike itertools.count it changes where a search can see it: two incarnations share it."""

    def __init__(self):
        self.last = 0

    def __next__(self):
        self.last += 1
        return self.last


def identity(name, incarnation=1, supervisor=NOBODY):
    """Who an actor is that nobody supervises, unless somebody does."""
    return Identity(name, incarnation, supervisor)


def request(number, topic="cats", **fields):
    """The request r`number`."""
    return GenerateMeme.create(request_id=f"r{number}", topic=topic, **fields)


def stop_all():
    """End every actor, one after the other."""
    for ref in pykka.ActorRegistry.get_all():
        ref.stop(block=True)


class Scope(NamedTuple):
    """A scenario, how many schedules of it are not equivalent, and what plants a fault that a search of them all finds."""

    scenario: Callable[[], None]
    schedules: int
    plant: Callable[[pytest.MonkeyPatch], None]

    def search(self, **options):
        """Run every schedule, without logs: each handler that other tests have added has a lock, and so schedules of its own."""
        logging.disable(logging.CRITICAL)
        try:
            return greenroom.exhaust(self.scenario, ignore=(ActorDied,), **options)
        finally:
            logging.disable(logging.NOTSET)
