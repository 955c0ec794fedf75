"""Latency in virtual time: end to end for each operation, and by stage for each actor that was asked on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenroom.checker import Judgement, Verdict
from greenroom.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenroom.history import History, Operation

_MOST_STAGES = 4


def latency(*, within: float | None = None, stages: Mapping[str, float] | None = None) -> Latency:
    """Claims that answers come in time. Time is virtual: what sleeps and timeouts make of it, for computing takes none.

    Args:
        within: seconds from the invocation to the answer of every operation of a recorded client; pending ones break the claim.
        stages: seconds from the sending of an ask to its reply, waiting in the inbox included, for each class of actors
            (``{"TextGenerator": 2.0}``).

    Raises:
        UsageError: there is no bound, or one is negative.
    """
    bounds = [*({} if stages is None else stages).values(), *(() if within is None else (within,))]
    if not bounds or min(bounds) < 0:
        raise UsageError('latency needs a bound in seconds, as in latency(within=2.0, stages={"TextGenerator": 1.0})')
    return Latency(within, dict(stages or {}))


class Latency:
    """Made by ``latency``."""

    reads_real_time = False

    def __init__(self, within: float | None, stages: dict[str, float]) -> None:
        parts = [] if within is None else [f"every operation within {within:g} s"]
        parts += [f"{name} within {bound:g} s" for name, bound in stages.items()]
        self.claim = ", ".join(parts)
        self._within = within
        self._stages = stages

    def check(self, history: History) -> Judgement:
        """Measure all, and tell of the slowest that is too slow."""
        spans = _spans(history)
        for name, bound in self._stages.items():
            slow = max((span for span in spans if _class_of(span.actor) == name), key=lambda span: span.length_s, default=None)
            if slow is not None and slow.length_s > bound:
                reason = f"{slow.actor} took {slow.length_s:g} s for {slow.message} from {slow.asker}, and {bound:g} s are allowed"
                return Judgement(Verdict.VIOLATED, self.claim, reason, len(spans), about=(slow.asker, slow.actor))
        begun = [operation for operation in history.operations if operation.invoked_ns is not None]
        if self._within is not None:
            for operation in sorted(begun, key=lambda operation: (operation.done, -operation.latency_s)):
                if not operation.done or operation.latency_s > self._within:
                    return self._slow(operation, spans, len(begun) + len(spans))
        return Judgement(Verdict.OK, self.claim, explored=len(begun) + len(spans))

    def _slow(self, operation: Operation, spans: list[_Span], looked: int) -> Judgement:
        if operation.done:
            reason = f"{operation} took {operation.latency_s:g} s, and {self._within:g} s are allowed"
            first, last = operation.invoked_ns or 0, operation.answered_ns or 0
            inside = [span for span in spans if first <= span.begins_ns <= span.ends_ns <= last]
            slowest = sorted(inside, key=lambda span: -span.length_s)[:_MOST_STAGES]
            if slowest:
                reason += f" ({', '.join(f'{span.actor} {span.length_s:g} s' for span in slowest)}; one ask may lie in another)"
        else:
            reason = f"{operation} at the end, and {self._within:g} s are allowed"
        return Judgement(Verdict.VIOLATED, self.claim, reason, looked, about=(operation.task,) if operation.task else ())


class _Span:
    """An ask, from its sending to its reply."""

    def __init__(self, asker: str, actor: str, message: str, begins_ns: int, ends_ns: int) -> None:
        self.asker = asker
        self.actor = actor
        self.message = message
        self.begins_ns = begins_ns
        self.ends_ns = ends_ns

    @property
    def length_s(self) -> float:
        return (self.ends_ns - self.begins_ns) / 1e9


def _spans(history: History) -> list[_Span]:
    """The asks of a history; one that was never answered lasts until its end."""
    end_ns = history.events[-1].time_ns if len(history) else 0
    replies = {(event.target, event.number): event.time_ns for event in history.of("reply")}
    return [
        _Span(event.task, event.target, event.detail, event.time_ns, replies.get((event.target, event.number), end_ns))
        for event in history.of("send", "lost")
        if event.detail.startswith("ask ")
    ]


def _class_of(actor: str) -> str:
    """``Router`` of ``Router-1``."""
    return actor.rpartition("-")[0] or actor
