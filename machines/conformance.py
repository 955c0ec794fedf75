"""Holds what was observed against the model: is there any correct pipeline that would have done this?

The model is a set of states. A call is invoked at one moment and answered at another, and takes effect somewhere between: so each
belief is a state together with the open calls that have taken effect in it (Wing and Gong, "Testing and Verifying Concurrent
Objects", JPDC 1993). Everything else is observed at one moment.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from model import pipeline, values
from model.calls import Advance, Call

if TYPE_CHECKING:
    from model.state import State


SHOWN = 6
"""How many legal results a complaint shows."""

ANY = object()
"""The result of a call that nobody heard: whatever the model says."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Something observed at ``now_s``: ``kind`` is "invoke", "respond" (of call number ``serial``) or "event"."""

    kind: str
    now_s: float
    call: Call
    result: object = None
    serial: int = 0


class Conformance:
    """The states in which a correct pipeline may be, after everything that was observed."""

    def __init__(self, start: State) -> None:
        self._beliefs: dict[tuple[State, frozenset[int]], None] = {(start, frozenset()): None}
        self._open: dict[int, Call] = {}
        self._results: dict[int, object] = {}
        self._now_s = start.now_s
        self.checked = 0
        self.widest = 1

    def follow(self, seen: list[Seen], now_s: float) -> None:
        """Go on with a batch of observations, and then to ``now_s``; every call invoked in it has been answered in it.

        Raises:
            AssertionError: no correct pipeline does this; the message says what one would have done.
        """
        self._results = {each.serial: each.result for each in seen if each.kind == "respond"}
        for each in seen:
            self._advance(each.now_s)
            self.checked += 1
            if each.kind == "invoke":
                self._open[each.serial] = each.call
            elif each.kind == "respond":
                self._respond(each)
            else:
                self._event(each.call, each.result)
            self.widest = max(self.widest, len(self._beliefs))
        self._advance(now_s)

    def states(self) -> list[State]:
        """The states that are left."""
        return list(dict.fromkeys(state for state, _ in self._beliefs))

    def _advance(self, now_s: float) -> None:
        if now_s > self._now_s:
            self._now_s = now_s
            self._event(Advance(now_s), None)

    def _closure(self) -> dict[tuple[State, frozenset[int]], None]:
        """The beliefs, and all that they become when open calls take effect."""
        found = dict(self._beliefs)
        agenda = list(found)
        while agenda:
            state, applied = agenda.pop()
            for serial, call in self._open.items():
                if serial not in applied:
                    for after in _after(state, call, self._results[serial]):
                        belief = (after, applied | {serial})
                        if belief not in found:
                            found[belief] = None
                            agenda.append(belief)
        return found

    def _respond(self, each: Seen) -> None:
        reached = self._closure()
        del self._open[each.serial]
        kept = {(state, applied - {each.serial}): None for state, applied in reached if each.serial in applied}
        if not kept:
            self._object(each.call, each.result, [state for state, _ in self._beliefs])
        self._beliefs = kept

    def _event(self, call: Call, result: object) -> None:
        reached = self._closure() if self._open else self._beliefs
        kept: dict[tuple[State, frozenset[int]], None] = {}
        for state, applied in reached:
            for after in _after(state, call, result):
                kept[after, applied] = None
        if not kept:
            self._object(call, result, [state for state, _ in reached])
        self._beliefs = kept

    def _object(self, call: Call, result: object, states: list[State]) -> None:
        legal: dict[Any, None] = {}
        for given in chain.from_iterable(pipeline.results(state, call) for state in states):
            legal[given] = None
            if len(legal) > SHOWN:  # There may be thousands, and to count them takes long.
                break
        lines = [f"no correct pipeline does this: {call}", f"  observed: {result}"]
        if legal:
            lines += [f"  legal:    {given}" for given in list(legal)[:SHOWN]]
            lines += ["  … and more"] if len(legal) > SHOWN else []
        elif isinstance(call, Advance):
            due = [flight for state in states for flight in state.flights]
            lines.append(f"  legal:    nothing: an outcome was due before {call.now_s:g} s: {due[:1]}")
        else:
            lines.append("  legal:    nothing: this must not happen now")
        raise AssertionError("\n".join(lines))


def _after(state: State, call: Call, result: object) -> tuple[State, ...]:
    if result is ANY:
        return tuple(dict.fromkeys(after for _, after in pipeline.step(state, call)))
    return pipeline.follow((state,), call, result)


def adopted(value: Any) -> Any:
    """A value of the service as the model's value of the same name; what the model has no name for stays as it is."""
    if isinstance(value, tuple):
        return tuple(adopted(item) for item in value)
    name = {"MemeRecord": "Record"}.get(type(value).__name__, type(value).__name__)
    if not is_dataclass(value) or not hasattr(values, name):
        return value
    return getattr(values, name)(**{field.name: adopted(getattr(value, field.name)) for field in fields(value)})
