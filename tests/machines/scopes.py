"""What the small scopes share: fakes for what lies beyond their borders, and how a scope is searched to its end."""

from __future__ import annotations

import logging
from contextlib import contextmanager

import pykka

import greenroom
from dspy_meme_gen.actors.supervised import Identity
from dspy_meme_gen.address import Address
from dspy_meme_gen.domain import GenerateMeme, ImageRef, Meme, MemeText, RenderedImage, Score, ScoreParts, Verification
from dspy_meme_gen.messages import CheckText, LookUp, MarkText, RenderImage, StoreMeme, WorkDone, WriteText
from greenroom.errors import ActorDied

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


@contextmanager
def quietly():
    """Without logs: each handler that other tests have added has a lock, and so schedules of its own."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def holds(scenario, schedules):
    """Claim that a scenario holds on every schedule, and that there are so many that are not equivalent."""
    with quietly():
        report = greenroom.exhaust(scenario, ignore=(ActorDied,))
    report.raise_failure()
    assert report.exhausted, report
    assert report.executions == schedules, report


def fails(scenario):
    """Claim that a search of all schedules finds what was planted."""
    with quietly():
        report = greenroom.exhaust(scenario, ignore=(ActorDied,), shrink=False)
    assert report.failure is not None, report
