"""What is asked of a language model: a question with named inputs, and an answer with named fields that are checked, never trusted."""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dspy_meme_gen.errors import ModelAnswerInvalid

__all__ = ["Answer", "LanguageModel", "Question", "reasons"]

_LONGEST_TEXT = 300
_OBJECTS_TRIED = 8
_LONGEST_ANSWER = 20_000


@dataclass(frozen=True, slots=True)
class Question:
    """`instructions` say what is wanted; `inputs` hold data, some of it from users; `fields` name what the answer must have, and say how.

    `variant` tells apart questions that are otherwise the same, where another answer is wanted.
    """

    instructions: str
    inputs: Mapping[str, str]
    fields: Mapping[str, str]
    variant: int = 0


def reasons(model: str) -> bool:
    """Whether a model is one of OpenAI's that think before they speak: those refuse a temperature, and want room for their thoughts."""
    return re.match(r"(?:.*/)?(?:o\d|gpt-5(?!.*-chat))", model) is not None


class LanguageModel(Protocol):
    """Answers questions."""

    def ask(self, question: Question) -> "Answer":
        """An answer with at least the fields of the question. Raises a ModelError."""
        ...


class Answer:
    """The fields of an answer. Each method raises ModelAnswerInvalid, which names the field and does not repeat what the model said."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    @classmethod
    def parse(cls, text: object, fields: Mapping[str, str]) -> "Answer":
        """The first JSON object in a text that has all the fields: models wrap it in Markdown, or talk before and after it."""
        if not isinstance(text, str):
            raise ModelAnswerInvalid("the model's answer is no text")
        text = text[:_LONGEST_ANSWER]
        decoder, at = json.JSONDecoder(), -1
        for _ in range(_OBJECTS_TRIED):
            at = text.find("{", at + 1)
            if at < 0:
                break
            try:
                value, _ = decoder.raw_decode(text, at)
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict) and all(name in value for name in fields):
                return cls(value)
        raise ModelAnswerInvalid(f"the model's answer holds no JSON object with {', '.join(fields)}")

    def text(self, name: str, *, longest: int = _LONGEST_TEXT) -> str:
        """A text as it may be shown: white space made single blanks, nothing invisible in it, at most so many characters."""
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise ModelAnswerInvalid(f"the model's answer has no text for {name}")
        whole = unicodedata.normalize("NFC", " ".join(value[: 10 * longest].split()))
        clean = "".join(character for character in whole if unicodedata.category(character) not in {"Cc", "Cs", "Cn", "Co"})
        if len(clean) > longest:
            raise ModelAnswerInvalid(f"the model's answer has more than {longest} characters for {name}")
        return clean

    def unit(self, name: str) -> float:
        """A number from 0 to 1; one that is written as a text is read."""
        value = self._fields.get(name)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                value = None
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or not 0 <= value <= 1:
            raise ModelAnswerInvalid(f"the model's answer has no number from 0 to 1 for {name}")
        return float(value)

    def truth(self, name: str) -> bool:
        """True or false; the words are read too."""
        value = self._fields.get(name)
        if isinstance(value, str) and value.strip().casefold() in {"true", "false"}:
            return value.strip().casefold() == "true"
        if not isinstance(value, bool):
            raise ModelAnswerInvalid(f"the model's answer has no true or false for {name}")
        return value
