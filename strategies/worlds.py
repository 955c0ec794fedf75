"""Worlds that follow a script: content functions under which every rule of the contract comes up, not only the sunny ones.

A script says how good each text of a meme is: the first, the regenerated one, and what the three refinements make of it. `scripted` makes
a `model.world.World` of scripts, a topic always getting the same one. The functions take and return the service's own domain values, so a
machine puts them behind the service's ports and hands them to the model as they are.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from dspy_meme_gen.domain import MemeText, RenderedImage, ScoreParts, Verification
from model.values import Prompt
from model.world import World

Taste = Literal["fine", "doubtful", "foul"]
APPROPRIATENESS: dict[Taste, float] = {"fine": 1.0, "doubtful": 0.6, "foul": 0.2}
TEXTS = ("first", "again", "refined 1", "refined 2", "refined 3")
"""The texts of one meme, in the order of a script. Each is named in its bottom line."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What the verifiers and the scorer will say of one text; `marks` are twentieths, for each part."""

    marks: int = 20
    taste: Taste = "fine"
    factual: bool = True
    follows_instructions: bool = True


Script = tuple[Quality, Quality, Quality, Quality, Quality]
PERFECT: Script = (Quality(),) * 5


def scripts() -> SearchStrategy[Script]:
    """Any script; shrinks towards a perfect one. Half of them are of good texts with rising marks, which alone are refined to the end."""
    quality = st.builds(
        Quality,
        st.integers(0, 20).map(lambda short_of: 20 - short_of),
        st.sampled_from(tuple(APPROPRIATENESS)),
        st.booleans().map(lambda wrong: not wrong),
        st.booleans().map(lambda strays: not strays),
    )
    gains = st.tuples(*[st.integers(0, 3)] * 3)
    return st.tuples(quality, quality, quality, quality, quality) | st.builds(_rising, st.integers(0, 20), gains)


def _rising(short_of_perfect: int, gains: tuple[int, ...]) -> Script:
    marks = 20 - short_of_perfect
    one, two, three = (Quality(min(20, marks + sum(gains[: count + 1]))) for count in range(3))
    return (Quality(marks), Quality(marks), one, two, three)


def worlds(*, most: int = 2) -> SearchStrategy[World]:
    """Worlds of one script or a few."""
    return st.lists(scripts(), min_size=1, max_size=most).map(lambda chosen: scripted(*chosen))


def scripted(*given: Script) -> World:
    """A world in which each topic follows one of these scripts; PERFECT if there is none."""
    chosen = given or (PERFECT,)

    def quality(text: MemeText, prompt: Prompt) -> Quality:
        return chosen[zlib.crc32(prompt.topic.encode()) % len(chosen)][TEXTS.index(text.bottom)]

    return World(_written, _verifying(quality), _scoring(quality), _refined, _rendered, _placeholder)


def _written(prompt: Prompt, attempt: int) -> MemeText:
    return MemeText(prompt.topic, TEXTS[attempt])


def _refined(_text: MemeText, prompt: Prompt, _score: object, round_number: int) -> MemeText:
    return MemeText(prompt.topic, TEXTS[1 + round_number])


def _verifying(quality: Callable[[MemeText, Prompt], Quality]) -> Callable[[str, MemeText, Prompt], Verification]:
    def verify(kind: str, text: MemeText, prompt: Prompt) -> Verification:
        found = quality(text, prompt)
        score = {
            "appropriateness": APPROPRIATENESS[found.taste],
            "factuality": float(found.factual),
            "instructions": float(found.follows_instructions),
        }[kind]
        return Verification(kind, score >= 0.5, score, f"{kind} of {text.bottom}")

    return verify


def _scoring(quality: Callable[[MemeText, Prompt], Quality]) -> Callable[[MemeText, Prompt], ScoreParts]:
    def score(text: MemeText, prompt: Prompt) -> ScoreParts:
        mark = quality(text, prompt).marks / 20
        return ScoreParts(mark, mark, mark, mark)

    return score


def _rendered(text: MemeText, format: str) -> RenderedImage:  # noqa: A002  the contract's name
    return RenderedImage(f"{format}|{text.top}|{text.bottom}".encode(), 800, 600)


def _placeholder(_text: MemeText, format: str) -> RenderedImage:  # noqa: A002  the contract's name
    return RenderedImage(f"{format}|placeholder".encode(), 400, 300)
