"""Meme texts written, and made better, by a language model."""

from dspy_meme_gen.adapters.language_model import Answer, LanguageModel, Question
from dspy_meme_gen.domain import MemeText, Score, TextPrompt
from dspy_meme_gen.errors import ModelAnswerInvalid
from dspy_meme_gen.ports import Closeable

__all__ = ["ModelRefiner", "ModelTextModel", "inputs_of"]

_CAPTION_LONGEST = 150
_FIELDS = {"top": "the upper caption, at most 60 characters, a string", "bottom": "the lower caption, at most 60 characters, a string"}
_HOUSE_RULES = "It is short, on topic, and harms nobody: no slurs, no violence, no sexual content, no claims that could be taken for facts."


class ModelTextModel:
    """A text model on top of a language model. As equal from call to call as that is: at temperature 0 most are, none is bound to be."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    def generate(self, prompt: TextPrompt, attempt: int) -> MemeText:
        """A text for the prompt. Raises a ModelError."""
        again = " An earlier text was turned down; write one that nobody can object to." if attempt else ""
        question = Question(
            f"You write the two captions of a meme in the given format. {_HOUSE_RULES}{again}", inputs_of(prompt), _FIELDS, variant=attempt
        )
        return _captions(self._model.ask(question))

    def close(self) -> None:
        """Let go of what the language model holds."""
        if isinstance(self._model, Closeable):
            self._model.close()


class ModelRefiner:
    """A refiner on top of a language model, which the text model's adapter closes."""

    def __init__(self, model: LanguageModel) -> None:
        self._model = model

    def refine(self, text: MemeText, prompt: TextPrompt, parts: Score, round: int) -> MemeText:  # noqa: A002 - the port's name
        """A text that should score higher. Raises a ModelError."""
        weakest = min(("humor", "clarity", "creativity", "shareability"), key=lambda part: float(getattr(parts, part)))
        question = Question(
            f"You make the two captions of a meme better. Its weak side is {weakest}. Keep the topic. {_HOUSE_RULES}",
            {**inputs_of(prompt), "current_top": text.top, "current_bottom": text.bottom},
            _FIELDS,
            variant=round,
        )
        return _captions(self._model.ask(question))


def inputs_of(prompt: TextPrompt) -> dict[str, str]:
    """What a language model is told of a prompt."""
    return {"topic": prompt.topic, "format": prompt.format, "style": prompt.style or "", "context": prompt.context or ""}


def _captions(answer: Answer) -> MemeText:
    text = MemeText(answer.text("top", longest=_CAPTION_LONGEST), answer.text("bottom", longest=_CAPTION_LONGEST))
    if not text.top and not text.bottom:
        raise ModelAnswerInvalid("the model wrote two empty captions")
    return text
