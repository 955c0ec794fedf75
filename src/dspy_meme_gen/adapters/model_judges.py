"""Verifiers and a scorer on top of a language model."""

from dspy_meme_gen.adapters.language_model import LanguageModel, Question
from dspy_meme_gen.adapters.model_text import inputs_of
from dspy_meme_gen.domain import MemeText, ScoreParts, TextPrompt, Verification
from dspy_meme_gen.ports import Verifier

__all__ = ["ModelScorer", "ModelVerifier"]

_REASON_LONGEST = 200

_INSTRUCTIONS = {
    "appropriateness": "You decide whether the text of a meme is fit for a general audience: no slurs, violence or sexual content.",
    "factuality": "You decide whether the text of a meme makes a false claim that people could take for a fact. Jokes may exaggerate.",
    "instructions": "You decide whether the text of a meme is about its topic, and in its format and style.",
}
_JUDGEMENT = {"passed": "true or false", "score": "a number from 0 (worst) to 1 (best)", "reason": "one short sentence, a string"}
_MARKS = dict.fromkeys(("humor", "clarity", "creativity", "shareability"), "a number from 0 to 1")


class ModelVerifier:
    """Asks the language model; and before it `first`, if there is one, which costs nothing and cannot be talked round.

    What `first` refuses is refused.
    """

    def __init__(self, kind: str, model: LanguageModel, *, first: Verifier | None = None) -> None:
        self._kind = kind
        self._model = model
        self._first = first

    def verify(self, text: MemeText, prompt: TextPrompt) -> Verification:
        """The judgement: the stricter of the two. Raises a ModelError."""
        before = None if self._first is None else self._first.verify(text, prompt)
        if before is not None and not before.passed:
            return before
        answer = self._model.ask(Question(_INSTRUCTIONS[self._kind], _inputs(text, prompt), _JUDGEMENT))
        score = min(1.0 if before is None else before.score, answer.unit("score"))
        return Verification(self._kind, answer.truth("passed"), score, answer.text("reason", longest=_REASON_LONGEST))


class ModelScorer:
    """Has the language model mark a text."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    def score(self, text: MemeText, prompt: TextPrompt) -> ScoreParts:
        """The marks. Raises a ModelError."""
        question = Question("You mark the text of a meme as a strict but fair critic.", _inputs(text, prompt), _MARKS)
        answer = self._model.ask(question)
        return ScoreParts(*(answer.unit(name) for name in _MARKS))


def _inputs(text: MemeText, prompt: TextPrompt) -> dict[str, str]:
    return {**inputs_of(prompt), "top": text.top, "bottom": text.bottom}
