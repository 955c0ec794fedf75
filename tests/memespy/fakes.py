"""Ports that do as they are told, for tests of the actors."""

# ruff: noqa: A002, A006 - fakes have their ports' signatures, whether or not they need it all

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dspy_meme_gen.domain import GenerateMeme, MemeRecord, MemeText, Progress, RenderedImage, ScoreParts, Verification
from dspy_meme_gen.ports import Ports

PATIENCE_S = 10
"""How long a test waits for what must come; nothing waits so long unless it is lost."""


class PortDown(Exception):
    """What a fake port raises."""


def request(request_id: str = "r1", topic: str = "cats", **fields: Any) -> GenerateMeme:
    return GenerateMeme(request_id, topic, **fields)


class Gate:
    """Holds a port call until the test opens it."""

    def __init__(self) -> None:
        self._entered = threading.Semaphore(0)
        self._open = threading.Event()

    def pass_through(self) -> None:
        self._entered.release()
        assert self._open.wait(PATIENCE_S), "a test never opened its gate"

    def wait_until_entered(self) -> None:
        assert self._entered.acquire(timeout=PATIENCE_S), "nobody came to the gate"

    def open(self) -> None:
        self._open.set()


@dataclass
class Script:
    """What the ports do: `answers` replaces a port's content function, `before` is called first and may raise or wait."""

    answers: dict[str, Callable[..., Any]] = field(default_factory=dict)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    records: dict[str, MemeRecord] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)

    def fail(self, port: str, *errors: Exception | None) -> None:
        """The port's next calls raise these errors (None: that call works), later ones work."""
        left = list(errors)

        def raise_next() -> None:
            error = left.pop(0) if left else None
            if error is not None:
                raise error

        self.before[port] = raise_next

    def always_fail(self, port: str, error: Exception) -> None:
        def raise_error() -> None:
            raise error

        self.before[port] = raise_error

    def hold(self, port: str) -> Gate:
        gate = Gate()
        self.before[port] = gate.pass_through
        return gate

    def call(self, port: str, *arguments: Any) -> Any:
        self.calls.append((port, *arguments))
        self.before.get(port, lambda: None)()
        return self.answers.get(port, _CONTENT[port])(*arguments)

    def count(self, port: str) -> int:
        return sum(call[0] == port for call in self.calls)

    def stages(self, request_id: str = "r1") -> list[str]:
        return [progress.stage for progress in self.progress if progress.request_id == request_id]

    def ports(self, timers: Any) -> Ports:
        return Ports(
            text=_Port(self, "text", "generate"),
            appropriateness=_Port(self, "appropriateness", "verify"),
            factuality=_Port(self, "factuality", "verify"),
            instructions=_Port(self, "instructions", "verify"),
            scorer=_Port(self, "scorer", "score"),
            refiner=_Port(self, "refiner", "refine"),
            image=_Image(self),
            store=_Store(self),
            timers=timers,
            progress=self.progress.append,
        )


def verification(kind: str, *, passed: bool = True, score: float = 1.0, reason: str = "") -> Verification:
    return Verification(kind, passed, score, reason)


def marks(mark: float) -> ScoreParts:
    return ScoreParts(mark, mark, mark, mark)


_CONTENT: dict[str, Callable[..., Any]] = {
    "text": lambda prompt, attempt: MemeText(prompt.topic, f"attempt {attempt}"),
    "appropriateness": lambda text, prompt: verification("appropriateness"),
    "factuality": lambda text, prompt: verification("factuality"),
    "instructions": lambda text, prompt: verification("instructions"),
    "scorer": lambda text, prompt: marks(0.9),
    "refiner": lambda text, prompt, score, number: MemeText(text.top, f"{text.bottom}, round {number}"),
    "image": lambda text, format: RenderedImage(f"{text} {format}".encode(), 8, 6),
}


class _Port:
    def __init__(self, script: Script, name: str, method: str) -> None:
        setattr(self, method, lambda *arguments: script.call(name, *arguments))

    generate: Any
    verify: Any
    score: Any
    refine: Any


class _Image:
    def __init__(self, script: Script) -> None:
        self._script = script

    def render(self, text: MemeText, format: str) -> RenderedImage:
        image: RenderedImage = self._script.call("image", text, format)
        return image

    def placeholder(self, text: MemeText, format: str) -> RenderedImage:
        return RenderedImage(b"placeholder", 8, 6)


class _Store:
    def __init__(self, script: Script) -> None:
        self._script = script

    def put(self, record: MemeRecord) -> None:
        self._script.before.get("store", lambda: None)()
        self._script.records[record.id] = record
        self._script.puts.append(record.topic)

    def get(self, meme_id: str) -> MemeRecord | None:
        self._script.before.get("lookup", lambda: None)()
        return self._script.records.get(meme_id)

    def all(self) -> tuple[MemeRecord, ...]:
        return tuple(self._script.records.values())


class ManualTimer:
    def __init__(self, due_s: float, delay_s: float, callback: Callable[[], object]) -> None:
        self.due_s, self.delay_s, self.callback, self.done = due_s, delay_s, callback, False

    def cancel(self) -> None:
        self.done = True


class ManualTimers:
    """Timers that fire when the test says so."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._timers: list[ManualTimer] = []
        self.closed = False

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> ManualTimer:
        timer = ManualTimer(0, delay_s, callback)
        with self._changed:
            self._timers.append(timer)
            self._changed.notify_all()
        return timer

    def pending(self, delay_s: float) -> list[ManualTimer]:
        """The timers that are armed for about this long."""
        return [timer for timer in self._timers if not timer.done and abs(timer.delay_s - delay_s) < 0.05]

    def fire(self, delay_s: float) -> None:
        """Wait until a timer is armed for about this long, and let it be over."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.pending(delay_s), PATIENCE_S), f"no timer of {delay_s} s was armed"
            timer = self.pending(delay_s)[0]
            timer.done = True
        timer.callback()

    def close(self) -> None:
        self.closed = True
