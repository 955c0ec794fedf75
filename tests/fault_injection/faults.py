"""Faults as values: where, when, what; and scenarios of them, one phase after another."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dspy_meme_gen.domain import MemeText, RenderedImage, ScoreParts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.memespy.fakes import Script


@dataclass(frozen=True, slots=True)
class FaultScenario:
    """In which ports, at what share of their calls, what happens before a call (`before`) or to its answer (`after`)."""

    name: str
    ports: tuple[str, ...]
    probability: float = 1.0
    before: Callable[[], None] = lambda: None
    after: Callable[[Any], Any] = lambda answer: answer


def exceptions(*ports: str, error: type[BaseException] = RuntimeError, probability: float = 1.0) -> FaultScenario:
    """The call raises."""

    def before() -> None:
        raise error("injected")

    return FaultScenario(f"{error.__name__} in {', '.join(ports)}", ports, probability, before)


def delays(*ports: str, seconds: float, probability: float = 1.0) -> FaultScenario:
    """The call takes so much longer."""
    return FaultScenario(f"{seconds:g} s in {', '.join(ports)}", ports, probability, lambda: time.sleep(seconds))


def corruption(*ports: str, into: Any, probability: float = 1.0) -> FaultScenario:
    """The answer is another: `into`, or what it makes of the answer."""
    after = into if callable(into) else lambda _: into
    return FaultScenario(f"{into!r} from {', '.join(ports)}", ports, probability, after=after)


def exhaustion(*ports: str, calls: int, error: type[BaseException] = MemoryError) -> FaultScenario:
    """After so many calls nothing is left: every further one raises."""
    left = [calls]

    def before() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise error("injected")

    return FaultScenario(f"exhausted after {calls} calls in {', '.join(ports)}", ports, 1.0, before)


Call = TypeVar("Call", bound="Callable[..., Any]")


class Injector:
    """Decorators that put scenarios around any callable. Off until `on`: what is decorated and left off is called as it was."""

    def __init__(self, *, seed: int = 0, on: bool = False) -> None:
        self.on = on
        self.injected: Counter[str] = Counter()
        self._source = random.Random(seed)
        self._lock = threading.Lock()

    def __call__(self, *scenarios: FaultScenario) -> Callable[[Call], Call]:
        """The decorator: each call meets those of the scenarios whose turn it is."""

        def decorate(function: Call) -> Call:
            @wraps(function)
            def decorated(*arguments: Any, **named: Any) -> Any:
                met = self._drawn(scenarios) if self.on else []
                for scenario in met:
                    scenario.before()
                answer = function(*arguments, **named)
                for scenario in met:
                    answer = scenario.after(answer)
                return answer

            return cast("Call", decorated)

        return decorate

    def _drawn(self, scenarios: tuple[FaultScenario, ...]) -> list[FaultScenario]:
        with self._lock:
            met = [scenario for scenario in scenarios if self._source.random() < scenario.probability]
            self.injected.update(scenario.name for scenario in met)
        return met


@dataclass(slots=True)
class Orchestration:
    """Puts one scenario after another into a script's ports; `injected` counts what was done, by scenario."""

    script: Script
    seed: int = 0
    injected: Counter[str] = field(default_factory=Counter)

    def phase(self, *scenarios: FaultScenario) -> None:
        """From now on these, and no others."""
        self.script.before.clear()
        self.script.answers.clear()
        for port in {port for scenario in scenarios for port in scenario.ports}:
            active = [scenario for scenario in scenarios if port in scenario.ports]
            source = random.Random(f"{self.seed} {port}")
            self.script.before[port] = lambda active=active, source=source: self._before(active, source)
            if port in _CONTENT:
                self.script.answers[port] = lambda *arguments, port=port, active=active: self._answer(port, active, arguments)

    def _before(self, active: list[FaultScenario], source: random.Random) -> None:
        for scenario in active:
            if source.random() < scenario.probability:
                self.injected[scenario.name] += 1
                scenario.before()

    def _answer(self, port: str, active: list[FaultScenario], arguments: tuple[Any, ...]) -> Any:
        answer = _CONTENT[port](*arguments)
        for scenario in active:
            answer = scenario.after(answer)
        return answer


def shifted(answer: Any) -> Any:
    """The right type, the wrong content: a bit turned over in each part."""
    match answer:
        case MemeText(top, bottom):
            return MemeText(bottom, top[::-1])
        case RenderedImage(png, _, _):
            return replace(answer, png=png[::-1])
        case ScoreParts(humor):
            return replace(answer, humor=1 - humor)
    return answer


def _content() -> dict[str, Callable[..., Any]]:
    from tests.memespy import fakes  # noqa: PLC0415 - what the ports answer otherwise

    return fakes._CONTENT


_CONTENT = _content()
