"""What makes an offline text work, for the scorer to count and the refiner to add."""

import re
from dataclasses import dataclass

from dspy_meme_gen.domain import MemeText

__all__ = ["FILLER", "Devices", "devices"]


FILLER = re.compile(r"\b(?:really|very|basically|actually|just|quite|literally) ", re.IGNORECASE)
"""Words a caption is better without."""

_TWIST = re.compile(r"plot twist|but when|but |instead|still|lying|or just|meanwhile|tomorrow|double speed|plot|honest", re.IGNORECASE)
_HOOK = re.compile(r"\b(?:me|my|I|I'll|I'm|you|your|brace yourselves|yo dawg)\b", re.IGNORECASE)
_PUNCH = re.compile(r"no regrets|[!?]|am$|am\b|fire|panic|personality", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Devices:
    """Which comic devices a text uses, and how its words are spent."""

    twist: bool
    hook: bool
    punch: bool
    filler: int
    length: int
    variety: float


def devices(text: MemeText) -> Devices:
    """`length` in characters, both captions together; `variety` is the share of words that are not said twice, 1 for no words at all."""
    whole = f"{text.top} {text.bottom}".strip()
    words = whole.casefold().split()
    return Devices(
        twist=_TWIST.search(whole) is not None,
        hook=_HOOK.search(whole) is not None,
        punch=_PUNCH.search(whole) is not None,
        filler=len(FILLER.findall(whole)),
        length=len(whole),
        variety=len(set(words)) / len(words) if words else 1.0,
    )
