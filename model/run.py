"""A run: one request's dealings with the ports, the stages it reported, and the seconds it cannot do without.

It is the only thing here that changes while it is used, and it never outlives `generate`. Time is counted, not taken: only back-off and
time limits cost seconds, so every time is the earliest one possible.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from model.values import KINDS, Payload, Score, Text, Verification
from model.world import PORTS, Calls, Faults, ImageLike, PartsLike, Rules, World, verification_from

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Step:
    """A stage that was reported, the earliest second it could begin (from acceptance), and the port calls made before it."""

    stage: str
    at_s: float
    calls: Calls


class PortError(Exception):
    """A port raised, or hung past its limit; `name` is the class of the error that the pipeline sees."""

    def __init__(self, name: str, *, hung: bool) -> None:
        super().__init__(name)
        self.name = name
        self.hung = hung


class Run:
    """Stages, port calls, seconds and missing judgements of one request. Each port method returns the port's answer or raises PortError."""

    def __init__(self, payload: Payload, world: World, faults: Faults, rules: Rules) -> None:
        self.payload = payload
        self.rules = rules
        self.steps: list[Step] = []
        self.unverified: set[str] = set()
        self._now_s = 0.0
        self._world = world
        self._faults = faults
        self._calls = dict.fromkeys(PORTS, 0)

    def begin(self, stage: str) -> None:
        """Report a stage."""
        self.steps.append(Step(stage, self._now_s, tuple(self._calls.values())))

    def back_off(self) -> None:
        """Wait before the next try."""
        self._now_s += self.rules.retry_backoff_s

    def text(self, attempt: int) -> Text:
        """A text for this payload; attempt 1 is the regeneration."""
        return self._call("text", lambda: self._world.text(self.payload.prompt, attempt))

    def verifications(self, text: Text) -> tuple[Verification | PortError, ...]:
        """The three answers, asked for side by side; the slowest sets the time, unless appropriateness fails and ends the wait."""
        start_s, ends_s = self._now_s, []
        answers: list[Verification | PortError] = []
        for kind in KINDS:
            self._now_s = start_s
            answers.append(self._verification(kind, text))
            ends_s.append(self._now_s)
        self._now_s = ends_s[0] if isinstance(answers[0], PortError) else max(ends_s)
        return tuple(answers)

    def parts(self, text: Text) -> PartsLike:
        """What the scorer thinks of a text."""
        return self._call("scorer", lambda: self._world.score(text, self.payload.prompt))

    def refinement(self, text: Text, score: Score, number: int) -> Text:
        """A better text, it is hoped; `number` counts the refinements from 1."""
        return self._call("refiner", lambda: self._world.refine(text, self.payload.prompt, score, number))

    def image(self, text: Text) -> ImageLike:
        """The text as an image."""
        return self._call("image", lambda: self._world.render(text, self.payload.format), limit_s=self.rules.render_limit_s)

    def placeholder(self, text: Text) -> ImageLike:
        """The image that needs no port."""
        return self._world.placeholder(text, self.payload.format)

    def store(self) -> None:
        """Write the meme down."""
        self._call("store", lambda: None)

    def _verification(self, kind: str, text: Text) -> Verification | PortError:
        try:
            return verification_from(kind, self._call(kind, lambda: self._world.verify(kind, text, self.payload.prompt)))
        except PortError as error:
            return error

    def _call(self, port: str, function: Callable[[], Answer], *, limit_s: float | None = None) -> Answer:
        fault = self._faults.at(port, self._calls[port])
        self._calls[port] += 1
        if fault is None:
            return function()
        if fault.hangs:
            self._now_s += self.rules.call_limit_s if limit_s is None else limit_s
            raise PortError("StageTimeout", hung=True)
        raise PortError(fault.error, hung=False)
