"""A scorer that counts comic devices."""

from dspy_meme_gen.adapters.comedy import devices
from dspy_meme_gen.domain import MemeText, ScoreParts, TextPrompt

__all__ = ["OfflineScorer"]


class OfflineScorer:
    """Deterministic marks from what can be seen in the text: a twist, a hook, a punch, its length, its choice of words."""

    def score(self, text: MemeText, prompt: TextPrompt) -> ScoreParts:  # noqa: ARG002 - the text is judged by itself
        """A text without devices comes to about 0.6; all of them, in few words, to about 0.9."""
        seen = devices(text)
        both = bool(text.top and text.bottom)
        return ScoreParts(
            humor=_mark(0.40 + 0.22 * seen.twist + 0.15 * seen.hook + 0.15 * seen.punch - 0.03 * seen.filler),
            clarity=_mark(0.95 - 0.30 * (not both) - 0.05 * seen.filler - max(0, seen.length - 80) / 250),
            creativity=_mark(0.10 + 0.55 * seen.variety + 0.20 * seen.twist + 0.10 * seen.punch),
            shareability=_mark(0.45 + 0.25 * seen.hook + 0.15 * (seen.length <= 70) + 0.10 * seen.punch),
        )


def _mark(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 4)
