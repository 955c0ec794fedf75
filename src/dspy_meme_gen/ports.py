"""The seams of MemesPy: what the pipeline needs from outside, as Protocols. Adapters are in `adapters/`, picked in `bootstrap`.

Every call is plain and synchronous and may raise, unless it says otherwise; the actors turn a raise into what the contract wants.
A port is called from one actor's thread at a time, except the text and image models, which have a pool of actors, MemeStore's reads, and
`progress`, which any thread may call.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from dspy_meme_gen.domain import (
    KINDS,
    MemeRecord,
    MemeText,
    Progress,
    RenderedImage,
    Score,
    ScoreParts,
    TextPrompt,
    Verification,
)

__all__ = [
    "Closeable",
    "ImageModel",
    "MemeRecord",
    "MemeStore",
    "MemeText",
    "Ports",
    "Progress",
    "Refiner",
    "RenderedImage",
    "Score",
    "ScoreParts",
    "Scorer",
    "TextModel",
    "TextPrompt",
    "TimerHandle",
    "Timers",
    "Verification",
    "Verifier",
    "no_progress",
]


class TextModel(Protocol):
    """Writes meme texts."""

    def generate(self, prompt: TextPrompt, attempt: int) -> MemeText:
        """A text for the prompt. `attempt` is 0 at first, 1 for the one regeneration. The same input must give the same text."""
        ...


class Verifier(Protocol):
    """Judges a text in one respect."""

    def verify(self, text: MemeText, prompt: TextPrompt) -> Verification:
        """The judgement; the verifier itself decides `passed`."""
        ...


class Scorer(Protocol):
    """Marks a text."""

    def score(self, text: MemeText, prompt: TextPrompt) -> ScoreParts:
        """The marks, each 0 to 1."""
        ...


class Refiner(Protocol):
    """Makes a text better."""

    def refine(self, text: MemeText, prompt: TextPrompt, parts: Score, round: int) -> MemeText:  # noqa: A002 - the contract's name
        """A new text, made from one with these marks. `round` is 1 for the first refinement."""
        ...


class ImageModel(Protocol):
    """Draws memes."""

    def render(self, text: MemeText, format: str) -> RenderedImage:  # noqa: A002 - the contract's name
        """The finished picture, a PNG. The same input must give the same bytes."""
        ...

    def placeholder(self, text: MemeText, format: str) -> RenderedImage:  # noqa: A002 - the contract's name
        """A picture to show when render failed. Never raises, never waits; the same input gives the same bytes."""
        ...


class MemeStore(Protocol):
    """Keeps memes. Reads may come from any thread while a write is under way."""

    def put(self, record: MemeRecord) -> None:
        """Keep the record under its meme's id; a record with the same id is replaced, so that a repeated put changes nothing."""
        ...

    def get(self, meme_id: str) -> MemeRecord | None:
        """The record of a meme, or None."""
        ...

    def all(self) -> tuple[MemeRecord, ...]:
        """Every record, in the order in which their ids were first put."""
        ...


class TimerHandle(Protocol):
    """A callback that is still to come."""

    def cancel(self) -> None:
        """Forget the callback; does nothing if it was called already."""
        ...


class Timers(Protocol):
    """Calls back later, on a thread of its own."""

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> TimerHandle:
        """Call `callback` once, `delay_s` seconds from now (at once if that is not positive). The callback must be quick."""
        ...


@runtime_checkable
class Closeable(Protocol):
    """A port that holds something to let go of (a thread, a connection): the pipeline closes it when it stops."""

    def close(self) -> None:
        """Let go; a second call does nothing."""
        ...


def no_progress(progress: Progress) -> None:
    """Progress that nobody wants to hear of."""


@dataclass(frozen=True, slots=True)
class Ports:
    """One adapter for each seam.

    `progress` is called from many threads, for one request never by two at once and always in order. It must return soon; what it raises
    is logged and goes no further.
    """

    text: TextModel
    appropriateness: Verifier
    factuality: Verifier
    instructions: Verifier
    scorer: Scorer
    refiner: Refiner
    image: ImageModel
    store: MemeStore
    timers: Timers
    progress: Callable[[Progress], None] = field(default=no_progress)

    def verifier(self, kind: str) -> Verifier:
        """The verifier of a kind."""
        assert kind in KINDS, kind
        verifiers = {"appropriateness": self.appropriateness, "factuality": self.factuality, "instructions": self.instructions}
        return verifiers[kind]
