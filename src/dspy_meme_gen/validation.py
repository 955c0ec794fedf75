"""What makes a request fit for use: the rules of the contract, field by field."""

import math
import unicodedata
from collections.abc import Callable
from dataclasses import replace

from dspy_meme_gen.domain import FORMATS, GenerateMeme, Priority
from dspy_meme_gen.errors import InvalidRequest

__all__ = ["validate"]


def validate(request: GenerateMeme) -> GenerateMeme:
    """The request, normalised: text in NFC, trimmed, runs of white space (as str.split knows it) made one space, numbers made floats.

    request_id and user_id are checked and left as they are: an idempotency key that is changed is another key.
    Raises InvalidRequest with every problem found, in the order of the fields.
    """
    check = _Check()
    checked = replace(
        request,
        request_id=check.identifier("request_id", request.request_id),
        topic=check.text("topic", request.topic, 100, may_be_empty=False),
        format=check.format(request.format),
        style=None if request.style is None else check.text("style", request.style, 50, may_be_empty=False),
        context=None if request.context is None else check.text("context", request.context, 1000, may_be_empty=True),
        user_id=check.identifier("user_id", request.user_id),
        priority=check.priority(request.priority),
        max_refinements=check.whole("max_refinements", request.max_refinements, 0, 3),
        target_score=check.number("target_score", request.target_score, "a finite number from 0 to 1", lambda number: 0 <= number <= 1),
        deadline_s=check.number("deadline_s", request.deadline_s, "a finite number above 0, at most 300", lambda number: 0 < number <= 300),
    )
    if check.problems:
        raise InvalidRequest(tuple(check.problems))
    return checked


class _Check:
    """Checks one field after another and remembers every problem. A method that notes a problem still gives a value, to go on with."""

    def __init__(self) -> None:
        self.problems: list[tuple[str, str]] = []

    def text(self, field: str, value: object, longest: int, *, may_be_empty: bool) -> str:
        """User text: normalised, then held against its limits."""
        if not isinstance(value, str):
            return self._refuse(field, f"must be text, not {type(value).__name__}")
        clean = " ".join(unicodedata.normalize("NFC", value).split())
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in clean):
            self._refuse(field, "must not contain control characters or lone surrogates")
        elif not clean and not may_be_empty:
            self._refuse(field, "must not be empty")
        elif len(clean) > longest:
            self._refuse(field, f"must have at most {longest:,} characters, not {len(clean):,}")
        return clean

    def format(self, value: object) -> str:
        """One of FORMATS."""
        before = len(self.problems)
        clean = self.text("format", value, 50, may_be_empty=False)
        if len(self.problems) == before and clean not in FORMATS:
            self._refuse("format", f"{clean!r} is not known; expected one of {', '.join(FORMATS)}")
        return clean

    def identifier(self, field: str, value: object) -> str:
        """A name that is compared, never shown as text: 1 to 128 printable characters."""
        if not isinstance(value, str):
            return self._refuse(field, f"must be text, not {type(value).__name__}")
        if not value or len(value) > 128:
            self._refuse(field, f"must have 1 to 128 characters, not {len(value):,}")
        elif not value.isprintable():
            self._refuse(field, "must be printable")
        return value

    def priority(self, value: object) -> Priority:
        """A member of Priority; a plain string is no priority, the edges of the service convert."""
        if not isinstance(value, Priority):
            self._refuse("priority", f"must be one of {', '.join(Priority)}")
            return Priority.NORMAL
        return value

    def whole(self, field: str, value: object, least: int, most: int) -> int:
        """A whole number; True and False are not numbers here."""
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self._refuse(field, f"must be a whole number from {least} to {most}")
            return least
        return value

    def number(self, field: str, value: object, expected: str, fits: Callable[[float], bool]) -> float:
        """A finite float within limits. Whole numbers are welcome, and -0.0 becomes 0.0, so that equal values make equal payloads."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._refuse(field, f"must be {expected}")
            return 0.0
        # Compared before it is converted: a huge whole number does not fit a float at all.
        if not fits(value) or not math.isfinite(value):
            self._refuse(field, f"must be {expected}")
            return 0.0
        return float(value) + 0.0

    def _refuse(self, field: str, reason: str) -> str:
        self.problems.append((field, reason))
        return ""
