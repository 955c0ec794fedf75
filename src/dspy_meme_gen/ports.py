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
    Meme,
    MemePage,
    MemeRecord,
    MemeText,
    Progress,
    RenderedImage,
    Score,
    ScoreParts,
    TextPrompt,
    Verification,
)
from dspy_meme_gen.resilience.chaos import Chaos

__all__ = [
    "Clock",
    "Closeable",
    "ImageModel",
    "MemeCache",
    "MemeCatalogue",
    "MemeRecord",
    "MemeStore",
    "MemeText",
    "Outbox",
    "Ports",
    "Preparing",
    "Progress",
    "Recalling",
    "Refiner",
    "RenderedImage",
    "Score",
    "ScoreParts",
    "Scorer",
    "TextModel",
    "TextPrompt",
    "TimerHandle",
    "Timers",
    "Troubled",
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


@runtime_checkable
class MemeCatalogue(Protocol):
    """A store that can be leafed through. Reads may come from any thread."""

    def page(self, *, limit: int, start: int | None = None) -> MemePage:
        """At most `limit` (1 to 100) memes, newest first, from the beginning or from where another page said the `next` one starts.

        Memes that are stored meanwhile shift nothing: whoever follows `next` sees each meme at most once, and none is left out.
        """
        ...


@runtime_checkable
class Recalling(Protocol):
    """A store that remembers some records, for the time when it cannot be asked."""

    def recall(self, meme_id: str) -> MemeRecord | None:
        """A record as it was known last, or None. Asks nobody, waits for nobody, and never raises."""
        ...


class MemeCache(Protocol):
    """Keeps memes for a while by payload key. It may forget any of them at any time; it never gives one that is past its time.

    Neither call waits for long: a cache that is out of order has nothing, and keeps nothing.
    """

    def get(self, key: str) -> Meme | None:
        """The meme under this key, or None."""
        ...

    def put(self, key: str, meme: Meme) -> None:
        """Keep a meme under this key, in place of any other."""
        ...


class Outbox(Protocol):
    """Keeps records until the store takes them. Any thread may add and look; only one at a time may drain."""

    durable: bool
    """Whether what waits outlives this process, also if it is killed."""

    def add(self, record: MemeRecord) -> None:
        """Queue a record. One with the same id that still waits is replaced where it stands: writing both would write the meme twice."""
        ...

    def find(self, meme_id: str) -> MemeRecord | None:
        """The waiting record of a meme, or None."""
        ...

    def waiting(self) -> tuple[MemeRecord, ...]:
        """The records that wait, oldest first."""
        ...

    def __len__(self) -> int:
        """How many wait. Raises nothing."""
        ...

    def drain(self, put: Callable[[MemeRecord], None]) -> None:
        """Write with `put`, oldest first, until nothing is left. What `put` raises goes to the caller; its record stays first in line."""
        ...


class Clock(Protocol):
    """What time it is. Any thread may ask."""

    def wall_s(self) -> float:
        """Seconds since 1970 (UTC): for people, and to compare between machines. May be set back."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since some moment: for durations. Never goes back."""
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
class Preparing(Protocol):
    """A port whose first call would take much longer than the others. Whoever is going to serve tells it so beforehand."""

    def prepare(self) -> None:
        """Begin with whatever the first call needs, and do not wait for it."""
        ...


@runtime_checkable
class Closeable(Protocol):
    """A port that holds something to let go of (a thread, a connection): the pipeline closes it when it stops."""

    def close(self) -> None:
        """Let go; a second call does nothing."""
        ...


@runtime_checkable
class Troubled(Protocol):
    """A port that knows when it does not work as it should: for health checks, and never waits for anything."""

    def trouble(self) -> str | None:
        """What was wrong when it was last used, in a few words that show no secret; None if all was well."""
        ...


def no_progress(progress: Progress) -> None:
    """Progress that nobody wants to hear of."""


@dataclass(frozen=True, slots=True)
class Ports:
    """One adapter for each seam.

    `progress` is called from many threads, for one request never by two at once and always in order. It must return soon; what it raises
    is logged and goes no further.

    `cache` None is a cache in this process, new with each incarnation of the cache's actor: a crash may have left the old one half written.
    `outbox` None is one in memory. `chaos` is what spoils calls of these ports on purpose, None where nothing does.
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
    cache: MemeCache | None = None
    outbox: Outbox | None = None
    chaos: Chaos | None = None

    def verifier(self, kind: str) -> Verifier:
        """The verifier of a kind."""
        assert kind in KINDS, kind
        verifiers = {"appropriateness": self.appropriateness, "factuality": self.factuality, "instructions": self.instructions}
        return verifiers[kind]
