"""One request alone: what a correct pipeline answers, and every stage on the way.

`generate` reads like the contract. It follows one leader from routing to its end with nobody else about: a cache miss, no cancel, no
crash. The faults are given, so there is one legal answer, not a set.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache

from model.draft import Draft, weigh
from model.run import PortError, Run, Step
from model.values import KINDS, TERMINAL, Failed, ImageRef, Meme, Outcome, Payload, Record, Rejected, Text
from model.world import NO_FAULTS, Calls, Faults, ImageLike, Rules, World

SMALLEST_GAIN = 0.05


@dataclass(frozen=True, slots=True)
class Generation:
    """How one request went; the last step is the terminal stage. A meme leaves a record, in the store or in its outbox."""

    outcome: Outcome
    steps: tuple[Step, ...]
    record: Record | None = None

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages in order, the terminal one last."""
        return tuple(step.stage for step in self.steps)

    @property
    def calls(self) -> Calls:
        """All port calls that were made."""
        return self.steps[-1].calls

    @property
    def elapsed_s(self) -> float:
        """The least time it takes."""
        return self.steps[-1].at_s


class _Ended(Exception):
    """The request ends here, without a meme."""

    def __init__(self, outcome: Failed | Rejected) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@lru_cache(maxsize=4096)
def generate(payload: Payload, world: World, faults: Faults | None = None, rules: Rules | None = None) -> Generation:
    """What becomes of a payload that is not in the cache."""
    run = Run(payload, world, faults or NO_FAULTS, rules or Rules())
    run.begin("routing")
    run.begin("cache")
    outcome: Outcome
    record = None
    try:
        outcome, record = _meme(run)
    except _Ended as ended:
        outcome = ended.outcome
    run.begin(TERMINAL[type(outcome)])
    return Generation(outcome, tuple(run.steps), record)


def _meme(run: Run) -> tuple[Meme, Record]:
    payload = run.payload
    draft = _acceptable_draft(run)
    refinements, flags = 0, set[str]()
    try:
        draft = _scored(run, draft)
    except PortError:
        flags.add("score_default")
    else:
        draft, refinements, failed = _refined(run, draft)
        flags |= {"refinement_failed"} if failed else set()
    image, placeholder = _image(run, draft.text)
    flags |= run.unverified | ({"image_placeholder"} if placeholder else set())
    meme = Meme(
        id=payload.meme_id,
        text=draft.text,
        format=payload.format,
        image=ImageRef(f"{payload.meme_id}.png", hashlib.sha256(image.png).hexdigest(), len(image.png), image.width, image.height),
        score=draft.score,
        verification=draft.verification,
        refinement_count=refinements,
        degraded=tuple(sorted(flags)),
    )
    record = Record(meme, payload.topic, payload.style, payload.context, image.png)
    return (_with_flag(meme, "store_deferred") if _deferred(run) else meme), record


def _acceptable_draft(run: Run) -> Draft:
    """The first text that passes; a second one that does not is the end."""
    try:
        draft = _verified(run, _text(run, attempt=0))
        if not draft.acceptable:
            draft = _verified(run, _text(run, attempt=1))
    except PortError as error:
        raise _Ended(Failed(error.name, run.steps[-1].stage)) from error
    if not draft.acceptable:
        raise _Ended(Rejected(draft.reasons))
    return draft


def _text(run: Run, *, attempt: int) -> Text:
    """A text; a model that raises is asked again after a back-off, one that hangs is not."""
    run.begin("text")
    for _ in range(run.rules.text_retries):
        try:
            return run.text(attempt)
        except PortError as error:
            if error.hung:
                raise
            run.back_off()
    return run.text(attempt)


def _verified(run: Run, text: Text) -> Draft:
    """A text with what was said of it; without appropriateness nothing goes on, the other two may be missing."""
    run.begin("verification")
    answers = run.verifications(text)
    if isinstance(answers[0], PortError):
        raise answers[0]
    # A judgement that is missing may have changed the way from here on, also if this text is dropped: the flag stays.
    run.unverified |= {f"{kind}_unverified" for kind, answer in zip(KINDS, answers, strict=True) if isinstance(answer, PortError)}
    return Draft(text, tuple(answer for answer in answers if not isinstance(answer, PortError)))


def _scored(run: Run, draft: Draft) -> Draft:
    run.begin("scoring")
    return replace(draft, score=weigh(run.parts(draft.text), draft.verification))


def _refined(run: Run, draft: Draft) -> tuple[Draft, int, bool]:
    """The best draft, how many refinements were kept on the way, and whether refining broke down."""
    for count in range(run.payload.max_refinements):
        if draft.score.total >= run.payload.target_score:
            return draft, count, False
        try:
            better = _refinement(run, draft, count + 1)
        except PortError:
            return draft, count, True
        if better is None:
            return draft, count, False
        gain, draft = better.score.total - draft.score.total, better
        if gain < SMALLEST_GAIN:
            return draft, count + 1, False
    return draft, run.payload.max_refinements, False


def _refinement(run: Run, draft: Draft, number: int) -> Draft | None:
    """A draft at least as good, or None."""
    run.begin("refining")
    better = _verified(run, run.refinement(draft.text, draft.score, number))
    if not better.acceptable:
        return None
    better = _scored(run, better)
    return better if better.score.total >= draft.score.total else None


def _image(run: Run, text: Text) -> tuple[ImageLike, bool]:
    """The image, and whether it is the placeholder."""
    run.begin("image")
    try:
        return run.image(text), False
    except PortError:
        return run.placeholder(text), True


def _deferred(run: Run) -> bool:
    run.begin("storing")
    try:
        run.store()
    except PortError:
        return True
    return False


def _with_flag(meme: Meme, flag: str) -> Meme:
    return replace(meme, degraded=tuple(sorted({*meme.degraded, flag})))
