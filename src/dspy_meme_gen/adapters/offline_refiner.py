"""A refiner that adds what the scorer misses."""

from dspy_meme_gen.adapters.comedy import FILLER, devices
from dspy_meme_gen.domain import MemeText, Score, TextPrompt

__all__ = ["OfflineRefiner"]

_TWISTS = ("{bottom} instead", "{bottom}, but with confidence", "plot twist: {bottom}", "{bottom}, but at 3 am")


class OfflineRefiner:
    """Deterministic: takes filler out, then adds the first device that the text lacks. A text that has all of them stays as it is."""

    def refine(self, text: MemeText, prompt: TextPrompt, parts: Score, round: int) -> MemeText:  # noqa: A002, ARG002 - the port's names
        """One step towards a twist, a hook and a punch."""
        top, bottom = FILLER.sub("", text.top), FILLER.sub("", text.bottom)
        seen = devices(text)
        if not seen.twist:
            twist = _TWISTS[(len(top) + len(bottom)) % len(_TWISTS)]
            return MemeText(top, twist.replace("{bottom}", bottom))
        if not seen.hook:
            return MemeText(f"me: {top}", bottom)
        if not seen.punch:
            return MemeText(top, f"{bottom}. no regrets")
        return MemeText(top, bottom)
