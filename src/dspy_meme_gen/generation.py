"""How one meme is made: a pure state machine, told what came of each call, that answers with what to do next.

It knows no actor, no clock, no thread and no other request. The orchestrator carries its effects out and tells it of the results; at any
time at most one call to each worker is outstanding.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from dspy_meme_gen import names
from dspy_meme_gen.domain import (
    KINDS,
    Failed,
    GenerateMeme,
    Meme,
    MemeRecord,
    MemeText,
    Outcome,
    Rejected,
    RenderedImage,
    Score,
    ScoreParts,
    TextPrompt,
    Verification,
    image_ref,
    meme_id,
)
from dspy_meme_gen.messages import CheckText, LookUp, MarkText, RefineText, RenderImage, StoreMeme, Task, WriteText
from dspy_meme_gen.resilience.backoff import BackoffPolicy, backoff_s
from dspy_meme_gen.settings import Settings

__all__ = ["Begin", "Call", "Defer", "Effect", "Finish", "Generation", "Pause"]

DOUBTFUL_BELOW = 0.8
"""A text that passes as appropriate with a lower score than this is doubtful, and its total is halved."""

LEAST_GAIN = 0.05
"""A refinement that gains less than this is the last."""

DEFAULT_SCORE = Score(0.5, 0.5, 0.5, 0.5, 0.5)
"""What a text is given when nobody could mark it."""


@dataclass(frozen=True, slots=True)
class Begin:
    """A stage begins."""

    stage: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """Have a worker do a task within `limit_s` seconds (None: however long it takes)."""

    worker: str
    task: Task
    limit_s: float | None


@dataclass(frozen=True, slots=True)
class Pause:
    """Say when `delay_s` seconds have passed."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Defer:
    """Put the record into the store's outbox: the store actor itself could not."""

    record: MemeRecord


@dataclass(frozen=True, slots=True)
class Finish:
    """The request has this outcome; nothing more is to be done. `fresh` unless it came out of the cache."""

    outcome: Outcome
    fresh: bool = True


Effect = Begin | Call | Pause | Defer | Finish
Effects = tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """A verified text. `verification` holds the verifiers that answered; `score` is DEFAULT_SCORE until it is marked."""

    text: MemeText
    verification: tuple[Verification, ...]
    score: Score = DEFAULT_SCORE

    @property
    def acceptable(self) -> bool:
        """Whether it may be published: an unfactual text may, at a price."""
        return all(verification.passed for verification in self.verification if verification.kind != "factuality")

    def marked(self, parts: ScoreParts) -> "Draft":
        """The same text with its score."""
        by_kind = {verification.kind: verification for verification in self.verification}
        factuality = by_kind.get("factuality")
        unfactual = factuality is not None and not factuality.passed
        return replace(self, score=Score.of(parts, unfactual=unfactual, doubtful=by_kind["appropriateness"].score < DOUBTFUL_BELOW))


class Generation:
    """One request's work, from the cache to its outcome.

    `begin`, or `begin_waiting` and perhaps `begin_text`, comes first; then each answer to a Call through `done`, `failed` or `expired`, and
    the end of each Pause through `resumed`. A Begin makes every Call before it obsolete: what still comes of those must not be passed on.
    """

    def __init__(self, request: GenerateMeme, key: str, settings: Settings, placeholder: Callable[[MemeText, str], RenderedImage]) -> None:
        self._request = request
        self._key = key
        self._settings = settings
        self._placeholder = placeholder
        self._prompt = TextPrompt.of(request)
        self._attempt = 0
        self._retries_left = 0
        self._text = MemeText("", "")  # the text being verified or marked now
        self._answers: dict[str, Verification | None] = {}  # by kind; None for a verifier that did not answer
        self._kept: Draft | None = None  # the best text so far: there is one as soon as refining or drawing begins
        self._trial: Draft | None = None  # a verified text that is being marked
        self._refinements = 0
        self._flags: frozenset[str] = frozenset()
        self._record: MemeRecord | None = None

    # What can happen

    def begin(self) -> Effects:
        """Look the meme up first."""
        return (Begin("cache"), Call(names.CACHE, LookUp(self._key), None))

    def begin_waiting(self) -> Effects:
        """Someone else is at the same meme already: only say so."""
        return (Begin("cache"),)

    def begin_text(self) -> Effects:
        """Nobody has the meme: make it."""
        return self._write(attempt=0)

    def done(self, worker: str, value: object) -> Effects:  # noqa: PLR0911 - one for each type of answer
        """A worker's answer, of the type that its task promises."""
        match value:
            case None:  # the cache alone may have nothing to say
                return self._write(attempt=0)
            case Meme():
                return (Finish(value, fresh=False),)
            case MemeText():
                return self._verify(value)
            case Verification():
                return self._answered(worker, value)
            case ScoreParts():
                return self._marked(value)
            case RenderedImage():
                return self._store(value, placeholder=False)
            case _:
                return self._finish(deferred=not value)

    def failed(self, worker: str, error: str) -> Effects:
        """A worker's port raised `error`, or the worker crashed on the task twice. A text is tried again after a pause."""
        if worker == names.TEXT_GENERATOR and self._retries_left > 0:
            self._retries_left -= 1
            failures = self._settings.text_retries - self._retries_left
            policy = BackoffPolicy(first_s=self._settings.retry_backoff_s, jitter=self._settings.retry_jitter)
            return (Pause(backoff_s(policy, failures, self._request.request_id)),)
        return self._without(worker, error)

    def expired(self, worker: str) -> Effects:
        """A worker did not answer in time."""
        return self._without(worker, "StageTimeout")

    def refused(self, worker: str) -> Effects:
        """A breaker did not let the call through: trying again at once would be refused again."""
        return self._without(worker, "CircuitOpen")

    def resumed(self) -> Effects:
        """The pause is over."""
        return (self._text_call(),)

    # Text

    def _write(self, attempt: int) -> Effects:
        self._attempt = attempt
        self._retries_left = self._settings.text_retries
        return (Begin("text", "" if attempt == 0 else "once more"), self._text_call())

    def _text_call(self) -> Call:
        return Call(names.TEXT_GENERATOR, WriteText(self._prompt, self._attempt), self._settings.call_limit_s)

    # Verification

    def _verify(self, text: MemeText) -> Effects:
        self._text = text
        self._answers = {}
        task = CheckText(text, self._prompt)
        return (Begin("verification"), *(Call(kind, task, self._settings.call_limit_s) for kind in KINDS))

    def _answered(self, kind: str, answer: Verification | None) -> Effects:
        self._answers[kind] = answer
        if len(self._answers) < len(KINDS):
            return ()
        # A judgement that is missing may have changed the way here, also if the text it is missing for is dropped later.
        self._flags |= {f"{missing}_unverified" for missing in KINDS if self._answers[missing] is None}
        answers = (self._answers[kind] for kind in KINDS)
        draft = Draft(self._text, tuple(answer for answer in answers if answer is not None))
        if draft.acceptable:
            self._trial = draft
            return (Begin("scoring"), Call(names.SCORER, MarkText(draft.text, self._prompt), self._settings.call_limit_s))
        if self._kept is not None:
            return self._draw()
        if self._attempt == 0:
            return self._write(attempt=1)
        return (Finish(Rejected(tuple(verification.reason for verification in draft.verification if not verification.passed))),)

    # Scoring and refining

    def _marked(self, parts: ScoreParts) -> Effects:
        assert self._trial is not None
        trial = self._trial.marked(parts)
        before, self._trial = self._kept, None
        if before is None:
            self._kept = trial
            return self._refine()
        gain = trial.score.total - before.score.total
        if gain < 0:
            return self._draw()
        self._kept = trial
        self._refinements += 1
        return self._draw() if gain < LEAST_GAIN else self._refine()

    def _refine(self) -> Effects:
        kept = self._best()
        if kept.score.total >= self._request.target_score or self._refinements >= self._request.max_refinements:
            return self._draw()
        number = self._refinements + 1
        task = RefineText(kept.text, self._prompt, kept.score, number)
        return (Begin("refining", f"round {number}"), Call(names.REFINER, task, self._settings.call_limit_s))

    # Image and storing

    def _draw(self) -> Effects:
        task = RenderImage(self._best().text, self._request.format)
        return (Begin("image"), Call(names.IMAGE_GENERATOR, task, self._settings.render_limit_s))

    def _store(self, image: RenderedImage, *, placeholder: bool) -> Effects:
        kept = self._best()
        if placeholder:
            self._flags |= {"image_placeholder"}
        meme = Meme(
            id=meme_id(self._key),
            text=kept.text,
            format=self._request.format,
            image=image_ref(meme_id(self._key), image),
            score=kept.score,
            verification=kept.verification,
            refinement_count=self._refinements,
            degraded=tuple(sorted(self._flags)),
        )
        self._record = MemeRecord(meme, self._request.topic, self._request.style, self._request.context, image.png)
        return (Begin("storing"), Call(names.STORE, StoreMeme(self._record), self._settings.call_limit_s))

    def _finish(self, *, deferred: bool) -> Effects:
        meme = self._stored().meme
        if deferred:
            meme = replace(meme, degraded=tuple(sorted({*meme.degraded, "store_deferred"})))
        return (Finish(meme),)

    # Doing without

    def _without(self, worker: str, error: str) -> Effects:  # noqa: PLR0911 - one for each worker
        """What to do when a worker gave nothing."""
        if worker == names.CACHE:
            return self._write(attempt=0)
        if worker in {"factuality", "instructions"}:
            return self._answered(worker, None)
        if worker == names.IMAGE_GENERATOR:
            return self._store(self._placeholder(self._best().text, self._request.format), placeholder=True)
        if worker == names.STORE:
            return (Defer(self._stored()), *self._finish(deferred=True))
        if self._kept is not None:  # the refiner, or what judges its text: the text we have is good enough
            self._flags |= {"refinement_failed"}
            return self._draw()
        if worker == names.SCORER:
            self._kept, self._flags = self._trial, self._flags | {"score_default"}
            return self._draw()
        return (Finish(Failed(error, "text" if worker == names.TEXT_GENERATOR else "verification")),)

    def _best(self) -> Draft:
        assert self._kept is not None, "there is a text before it is refined or drawn"
        return self._kept

    def _stored(self) -> MemeRecord:
        assert self._record is not None, "there is a record before it is stored"
        return self._record
