"""What the actors tell each other. Each message is a value; who sends it to whom is in its docstring.

A piece of work and its answer are correlated by (request_id, serial). Serials are never used twice in a pipeline's life, whichever
incarnation of the orchestrator gave them out, so a late answer, an answer to work that was sent again, and an answer to a dead
incarnation are all recognised and ignored.
"""

from dataclasses import dataclass
from typing import Final

from dspy_meme_gen.domain import GenerateMeme, Meme, MemeRecord, MemeText, Progress, Score, TextPrompt

__all__ = [
    "BOUNDED",
    "Abandon",
    "BackoffPassed",
    "CheckText",
    "ChildFailed",
    "ChildRestarted",
    "Crash",
    "DeadlinePassed",
    "DrainOutbox",
    "Generate",
    "Happened",
    "InspectChildren",
    "LookAround",
    "LookUp",
    "MarkText",
    "OfferAgain",
    "Recover",
    "RefineText",
    "Released",
    "Remember",
    "RenderImage",
    "StartAwaited",
    "StoreMeme",
    "Submit",
    "Task",
    "Withdraw",
    "Work",
    "WorkDone",
    "WorkExpired",
    "WorkFailed",
    "WorkRefused",
    "WriteText",
]


# Requests on their way


@dataclass(frozen=True, slots=True)
class Submit:
    """Client to router: a request was admitted to the ledger; see to it. Whoever sends it has made sure that there is room."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Generate:
    """Router to orchestrator: make this request's outcome. Asked twice, the orchestrator does it once."""

    request: GenerateMeme


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Client or router to orchestrator: the request has its outcome (cancelled, timed out); drop its work."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """Pipeline to orchestrator: every request has its outcome (stopped, given up); drop all work."""


@dataclass(frozen=True, slots=True)
class OfferAgain:
    """Timer to router: the orchestrator's inbox had no room a moment ago; bring it what it was not told."""


@dataclass(frozen=True, slots=True)
class DeadlinePassed:
    """Timer to router: the request's deadline has come."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Released:
    """Ledger to router: this request has its outcome; whoever waited for its place may have it.

    `latency_s` is how long it was at work, None if it never had its turn.
    """

    request_id: str
    latency_s: float | None


# Work


@dataclass(frozen=True, slots=True)
class LookUp:
    """For the cache: the Meme under this key. Done with a Meme or None."""

    key: str


@dataclass(frozen=True, slots=True)
class WriteText:
    """For the text generator. Done with a MemeText."""

    prompt: TextPrompt
    attempt: int


@dataclass(frozen=True, slots=True)
class CheckText:
    """For a verifier. Done with a Verification."""

    text: MemeText
    prompt: TextPrompt


@dataclass(frozen=True, slots=True)
class MarkText:
    """For the scorer. Done with ScoreParts."""

    text: MemeText
    prompt: TextPrompt


@dataclass(frozen=True, slots=True)
class RefineText:
    """For the refiner. Done with a MemeText."""

    text: MemeText
    prompt: TextPrompt
    score: Score
    round: int


@dataclass(frozen=True, slots=True)
class RenderImage:
    """For the image generator. Done with a RenderedImage."""

    text: MemeText
    format: str


@dataclass(frozen=True, slots=True)
class StoreMeme:
    """For the store. Done with True when the record is stored, False when it waits in the outbox."""

    record: MemeRecord


Task = LookUp | WriteText | CheckText | MarkText | RefineText | RenderImage | StoreMeme


@dataclass(frozen=True, slots=True)
class Work:
    """Orchestrator to worker: do this task and tell how it went. Nobody waits for that from `expires_at_s` (time.monotonic()) on."""

    request_id: str
    serial: int
    task: Task
    expires_at_s: float = float("inf")


@dataclass(frozen=True, slots=True)
class WorkDone:
    """Worker to orchestrator: what came of the task; the type of the value goes by the task."""

    request_id: str
    serial: int
    value: object


@dataclass(frozen=True, slots=True)
class WorkFailed:
    """Worker to orchestrator: the port raised; `error` is the class name."""

    request_id: str
    serial: int
    error: str


@dataclass(frozen=True, slots=True)
class WorkExpired:
    """Timer to orchestrator: the time limit of this piece of work has passed."""

    request_id: str
    serial: int


@dataclass(frozen=True, slots=True)
class WorkRefused:
    """Orchestrator to itself: the breaker of this kind of work is open, so nobody was told of this piece."""

    request_id: str
    serial: int


@dataclass(frozen=True, slots=True)
class BackoffPassed:
    """Timer to orchestrator: the pause before the retry is over."""

    request_id: str
    serial: int


@dataclass(frozen=True, slots=True)
class Remember:
    """Orchestrator to cache: keep this meme under this key. Not answered: a lost entry changes no result."""

    key: str
    meme: Meme


@dataclass(frozen=True, slots=True)
class DrainOutbox:
    """Timer or orchestrator to store: write what waits in the outbox, as far as the store allows."""


# News


@dataclass(frozen=True, slots=True)
class Happened:
    """Ledger to event bus, event bus to metrics: a request came to a stage or to its end, at this time of time.monotonic()."""

    progress: Progress
    at_s: float


@dataclass(frozen=True, slots=True)
class LookAround:
    """Timer to health monitor: it is time to look at the outside world again."""


# Life and death


@dataclass(frozen=True, slots=True)
class ChildFailed:
    """A dying actor to the supervisor: this incarnation of it is no more."""

    name: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class ChildRestarted:
    """Supervisor to router and orchestrator: the name now stands for this incarnation. Work told to a lower one must be sent again."""

    name: str
    incarnation: int


@dataclass(frozen=True, slots=True)
class StartAwaited:
    """Timer to supervisor: the pause before a restart is over."""


@dataclass(frozen=True, slots=True)
class Recover:
    """Supervisor to a restarted actor: see to what your predecessor left in the state that outlives you."""


@dataclass(frozen=True, slots=True)
class InspectChildren:
    """A dying supervisor to its successor: look for children whose failure may have been told to the dead."""


@dataclass(frozen=True, slots=True)
class Crash:
    """For fault tests alone: every actor of the pipeline handles it by raising, so it dies as from a bug of its own."""

    reason: str = "a fault test wants it"


BOUNDED: Final = (Generate, Work, Remember, DrainOutbox, Happened)
"""What an inbox that is full refuses. Each sender knows what then becomes of it: it is offered again, fails, or is counted and left out.

A refused DrainOutbox is no loss: whatever the store's full inbox holds drains the outbox too. A Submit is not among these, for it is let in
before its request is admitted.
"""
