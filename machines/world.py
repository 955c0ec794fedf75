"""The world that the pipeline is tested in: content that follows from the topic's words, and ports that fail on demand.

The service calls these functions through its ports, the model calls them directly: the two can only differ in what the pipeline does.
Every word of a topic is a trait, so that a failing program can be read: "rude cats" is rejected at first, "vile cats" for good.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from dspy_meme_gen.adapters.threaded_timers import ThreadedTimers
from dspy_meme_gen.domain import MemeRecord, MemeText, Progress, RenderedImage, Score, ScoreParts, TextPrompt, Verification
from dspy_meme_gen.ports import Ports
from model.world import Fault, Faults, World

if TYPE_CHECKING:
    from collections.abc import Callable

TRAITS: Final = {
    "rude": "inappropriate at first, fit after the regeneration",
    "vile": "inappropriate for good",
    "vague": "misses the instructions at first",
    "absurd": "unfactual: x 0.7",
    "edgy": "of doubtful appropriateness: x 0.5",
    "rough": "the same, and just half appropriate",
    "fair": "appropriate enough, and only just",
    "plain": "has the same text in every format",
    "dull": "scores low, and gains .15 with each refinement",
    "stubborn": "scores low, and gains .02 with a refinement",
    "worse": "scores low, and loses with a refinement",
    "slips": "scores low, and its first refinement is inappropriate",
}


APPROPRIATE: Final = {"edgy": 0.6, "rough": 0.5, "fair": 0.8}
"""How appropriate a topic with such a word is: from .8 on there is no doubt."""

NONSENSE: Final = "nonsense"
"""What a port answers that does not keep to its type."""


class PortDown(Exception):
    """What a failing port raises."""


def write(prompt: TextPrompt, attempt: int) -> MemeText:
    """The text of a prompt: its bottom line carries the attempt, the draft, and a mark of the prompt."""
    return MemeText(prompt.topic, f"attempt {attempt} draft 0 of {mark_of(prompt)}")


def mark_of(prompt: Any) -> str:
    """Eight characters that tell prompts apart."""
    format_ = "" if "plain" in prompt.topic.split() else prompt.format
    document = repr((prompt.topic, format_, prompt.style, prompt.context))
    return hashlib.sha256(document.encode()).hexdigest()[:8]


def _is_of_another(text: MemeText, prompt: Any) -> bool:
    return text.bottom.split()[-1] != mark_of(prompt)


def _numbers(text: MemeText) -> tuple[int, int]:
    words = text.bottom.split()
    return int(words[1]), int(words[3])


def verify(kind: str, text: MemeText, prompt: TextPrompt) -> Verification:
    """A verifier's judgement."""
    if _is_of_another(text, prompt):
        return Verification(kind, False, 0.0, "a text of another prompt")
    attempt, draft = _numbers(text)
    words = prompt.topic.split()
    if kind == "appropriateness":
        bad = "vile" in words or ("rude" in words and attempt == 0) or ("slips" in words and draft == 1)
        fit = next((mark for word, mark in APPROPRIATE.items() if word in words), 1.0)
        return Verification(kind, not bad, 0.2 if bad else fit, "not fit to print" if bad else "")
    bad = "absurd" in words if kind == "factuality" else "vague" in words and attempt == 0
    return Verification(kind, not bad, 0.3 if bad else 1.0, f"fails {kind}" if bad else "")


def score(text: MemeText, prompt: TextPrompt) -> ScoreParts:
    """A scorer's marks: all four are the same."""
    if _is_of_another(text, prompt):
        return ScoreParts(0.0, 0.0, 0.0, 0.0)
    _, draft = _numbers(text)
    words = prompt.topic.split()
    mark = 0.9
    if "dull" in words:
        mark = 0.35 + 0.15 * draft
    elif "stubborn" in words:
        mark = 0.5 + 0.02 * draft
    elif "worse" in words:
        mark = 0.5 - 0.1 * draft
    elif "slips" in words:
        mark = 0.4 + 0.1 * draft
    return ScoreParts(mark, mark, mark, mark)


def refine(text: MemeText, prompt: TextPrompt, parts: Score, round_number: int) -> MemeText:
    """The next draft: its bottom line says which round it is of, and what the draft before was worth."""
    attempt, _ = _numbers(text)
    return MemeText(text.top, f"attempt {attempt} draft {round_number} after {parts.total:.4f} of {mark_of(prompt)}")


def render(text: MemeText, format: str) -> RenderedImage:  # noqa: A002 - the port's signature
    """Bytes that stand for a picture."""
    return RenderedImage(f"picture of {text.top} | {text.bottom} in {format}".encode(), 64, 48)


def placeholder(text: MemeText, format: str) -> RenderedImage:  # noqa: A002 - the port's signature
    """Bytes that stand for the picture shown in place of one."""
    return RenderedImage(f"placeholder of {text.bottom} in {format}".encode(), 64, 48)


def world() -> World:
    """The same functions for the model."""
    functions: Any = World(write, verify, score, refine, render, placeholder)  # type: ignore[arg-type]
    made: World = functions
    return made


class ScriptedPorts:
    """The pipeline's ports over this world, with a switch for every way in which they fail."""

    def __init__(self, progress: Callable[[Progress], None]) -> None:
        self.store_is_down = False
        self.naps: dict[str, float] = {}
        self.on_nap: Callable[[], None] = lambda: None
        self._faults: dict[tuple[str, str], deque[Fault | None]] = {}
        self._records: dict[str, MemeRecord] = {}
        self._progress = progress

    def ports(self) -> Ports:
        """What ``start_pipeline`` takes."""
        return Ports(
            text=_Text(self),
            appropriateness=_Verifier(self, "appropriateness"),
            factuality=_Verifier(self, "factuality"),
            instructions=_Verifier(self, "instructions"),
            scorer=_Scorer(self),
            refiner=_Refiner(self),
            image=_Image(self),
            store=_Store(self),
            timers=ThreadedTimers(),
            progress=self._progress,
        )

    def inject(self, prompt: TextPrompt, faults: Faults) -> None:
        """From now on the calls for this prompt meet these faults, and no others."""
        mark = mark_of(prompt)
        for port in ("text", "appropriateness", "factuality", "instructions", "scorer", "refiner", "image"):
            self._faults[port, mark] = deque(getattr(faults, port))

    def meet(self, port: str, mark: str) -> Any:
        """Nap, fail, or do nothing, as was asked for; what is to be answered in place of the right answer, or None."""
        nap = self.naps.pop(port, 0.0)
        if nap:
            self.on_nap()
            time.sleep(nap)
        queue = self._faults.get((port, mark))
        fault = queue.popleft() if queue else None
        if fault is None:
            return None
        if fault.error == TypeError.__name__:  # what comes of an answer that is none
            return NONSENSE
        raise PortDown(f"{port} is down")

    @property
    def records(self) -> dict[str, MemeRecord]:
        """What the store holds, by meme id, in the order in which it was put."""
        return self._records


class _Port:
    def __init__(self, script: ScriptedPorts) -> None:
        self.script = script


class _Text(_Port):
    def generate(self, prompt: TextPrompt, attempt: int) -> MemeText:
        text: MemeText = self.script.meet("text", mark_of(prompt)) or write(prompt, attempt)
        return text


class _Verifier(_Port):
    def __init__(self, script: ScriptedPorts, kind: str) -> None:
        super().__init__(script)
        self.kind = kind

    def verify(self, text: MemeText, prompt: TextPrompt) -> Verification:
        verification: Verification = self.script.meet(self.kind, mark_of(prompt)) or verify(self.kind, text, prompt)
        return verification


class _Scorer(_Port):
    def score(self, text: MemeText, prompt: TextPrompt) -> ScoreParts:
        parts: ScoreParts = self.script.meet("scorer", mark_of(prompt)) or score(text, prompt)
        return parts


class _Refiner(_Port):
    def refine(self, text: MemeText, prompt: TextPrompt, parts: Score, round: int) -> MemeText:  # noqa: A002 - the port's signature
        refined: MemeText = self.script.meet("refiner", mark_of(prompt)) or refine(text, prompt, parts, round)
        return refined


class _Image(_Port):
    def render(self, text: MemeText, format: str) -> RenderedImage:  # noqa: A002 - the port's signature
        image: RenderedImage = self.script.meet("image", text.bottom.split()[-1]) or render(text, format)
        return image

    def placeholder(self, text: MemeText, format: str) -> RenderedImage:  # noqa: A002 - the port's signature
        return placeholder(text, format)


class _Store(_Port):
    def put(self, record: MemeRecord) -> None:
        self.script.meet("store", record.id)
        self._reach()
        self.script.records[record.id] = record

    def get(self, meme_id: str) -> MemeRecord | None:
        self._reach()
        return self.script.records.get(meme_id)

    def all(self) -> tuple[MemeRecord, ...]:
        self._reach()
        return tuple(self.script.records.values())

    def _reach(self) -> None:
        if self.script.store_is_down:
            raise PortDown("the store is down")
