"""A draft: a text with what was said of it, and what it is worth."""

from dataclasses import dataclass

from model.values import Score, Text, Verification
from model.world import PartsLike

DOUBTFUL_BELOW = 0.8
DEFAULT_SCORE = Score(0.5, 0.5, 0.5, 0.5, 0.5)
"""The score of a text that nobody could score; no factor applies to it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A text, the answers of the verifiers that answered, and its score."""

    text: Text
    verification: tuple[Verification, ...]
    score: Score = DEFAULT_SCORE

    @property
    def acceptable(self) -> bool:
        """Whether it may be shown: an unfactual one may, at a price."""
        return all(item.passed for item in self.verification if item.kind != "factuality")

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it failed, by kind."""
        return tuple(item.reason for item in self.verification if not item.passed)


def weigh(parts: PartsLike, verification: tuple[Verification, ...]) -> Score:
    """The parts and their weighed sum, cut for an unfactual and for a doubtful text, to six digits."""
    total = 0.35 * parts.humor + 0.25 * parts.clarity + 0.20 * parts.creativity + 0.20 * parts.shareability
    for item in verification:
        if item.kind == "factuality" and not item.passed:
            total *= 0.7
        if item.kind == "appropriateness" and item.score < DOUBTFUL_BELOW:
            total *= 0.5
    return Score(parts.humor, parts.clarity, parts.creativity, parts.shareability, round(total, 6))
