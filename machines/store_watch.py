"""What was noted of the store, held against the model: every write, every answer and every read, in the order in which they happened."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from dspy_meme_gen import names
from dspy_meme_gen.domain import GenerateMeme, Meme, MemeRecord
from machines.conformance import adopted
from machines.part import WORLD
from model import reading, writing
from model.generation import generate
from model.values import TIE_S, Record, request_from
from model.world import NO_FAULTS, Fault, Faults
from model.writing import Answer, Ask, Begin, Die, End, Look, Over, Queue, Read, Switch, Take, Writing

if TYPE_CHECKING:
    from collections.abc import Callable
DRAIN_S: Final = 5.0
LIMIT_S: Final = 10.0
WISHES: Final[tuple[dict[str, Any], ...]] = ({"topic": "cats"}, {"topic": "absurd tea"}, {"topic": "mondays", "style": "dry"})
FAULTS_OF: Final = {(): NO_FAULTS, ("image_placeholder",): Faults(image=(Fault(),))}
"""What has befallen a meme with these flags: an image that failed is the one trouble here, so a meme may come in two editions."""
PAYLOADS: Final = {
    request.payload.meme_id: request.payload for request in (request_from(GenerateMeme.create(request_id="any", **wish)) for wish in WISHES)
}
MEME_IDS: Final = tuple(PAYLOADS)


class StoreWatch:
    """The states that the store may be in, after all that was noted of it so far."""

    def __init__(self, start: Writing, rest_s: float) -> None:
        self.states: tuple[Writing, ...] = (start,)
        self._rest_s = rest_s
        self._windows: dict[int, list[tuple[Writing, ...]]] = {}
        self._queueing: list[tuple[Writing, ...]] = []  # what it was before a record that may not be in the outbox yet
        self._asked: dict[str, tuple[float, bool]] = {}  # when each record was asked to be stored, and whether the database was well then
        self._trouble_at_s = float("-inf")
        self._rests_until_s = float("-inf")  # the database has failed at a write, and is to be left alone
        self._well = True  # whether the database has answered since it was in trouble last
        self._stirred_at_s = 0.0  # when a write was tried last, or something began to wait
        self._tried = True  # whether a write was tried since the present store's actor began
        self._dead = 0
        self._follow: dict[str, Callable[..., None]] = {
            "asks": self._asks,
            "takes": lambda _: self._after(Take()),
            "begins": self._begins,
            "ends": self._ends,
            "queues": self._queues,
            "queued": lambda _: self._queueing.pop(0),
            "settles": self._settles,
            "died": self._died,
            "switches": lambda _, down: self._after(Switch(down)),
            "reads": self._reads,
            "looks": self._looks,
            "sees": self._sees,
        }

    def follow(self, now_s: float, what: str, rest: list[Any]) -> None:
        """Go on with one thing that was noted at `now_s`.

        Raises:
            AssertionError: no correct store does this.
        """
        self._follow[what](now_s, *rest)
        self.something_is_tried(now_s)

    def look(self, stored: tuple[MemeRecord, ...], waiting: tuple[MemeRecord, ...]) -> None:
        """At rest: what the database and the outbox hold is what the model says."""
        self._after(Look(tuple(map(record_of, stored)), tuple(map(record_of, waiting))))
        assert self._tried or not self.waits() or self.writes(), "a store's actor began, and has not looked into the outbox"

    def begin_life(self, now_s: float) -> None:
        """A process begins, and is to see to what the one before it has left."""
        self._dead = 0
        self._rests_until_s = float("-inf")
        self._stirred_at_s = now_s
        self._tried = False

    def end_life(self) -> None:
        """A process is over, and with it whoever was reading."""
        self._after(Over())
        self._windows.clear()
        self._queueing.clear()
        self._asked.clear()

    def waits(self) -> bool:
        """Whether something waits for certain."""
        return all(after.outbox for state in self.states for after in writing.settled(state))

    def waits_needlessly(self, now_s: float) -> bool:
        """Whether something waits although the database has taken all that it was given lately."""
        return self.waits() and all(state.up for state in self.states) and now_s > self._trouble_at_s + self._rest_s

    def writes(self) -> bool:
        """Whether a write is under way."""
        return any(state.under_way is not None for state in self.states)

    def something_is_tried(self, now_s: float) -> None:
        """While something waits, the database is tried again and again."""
        if self.waits() and not self.writes():
            waited_s = now_s - self._stirred_at_s
            assert waited_s <= DRAIN_S + self._rest_s + 1e-6, f"memes wait, and nobody has tried for {waited_s:g} virtual seconds"

    # -- one for each thing that is noted ----------------------------------------------------------------------------------------------

    def _asks(self, now_s: float, record: MemeRecord, incarnation: int) -> None:
        made = expected(record.meme)
        asked = record_of(record)
        assert asked == made, f"{record.id} is to be stored as {asked}; the model makes {made}"
        self._asked.setdefault(record.id, (now_s, self._well))
        self._after(Ask(made))
        if incarnation <= self._dead:
            self._after(Die())  # told to the dead: only the orchestrator can bring it again

    def _begins(self, now_s: float, record: MemeRecord) -> None:
        early_s = self._rests_until_s - now_s
        assert early_s < TIE_S, f"{record.id} is written, and the database was to be left alone for {early_s:g} s more"
        self._tried = True
        self._after(Begin(record_of(record)))

    def _ends(self, now_s: float, how: writing.How) -> None:
        self._stirred_at_s = now_s
        self._well = how == "done"
        if not self._well:
            self._trouble_at_s = now_s
            self._rests_until_s = now_s + self._rest_s
        for state in self.states:
            if how == "done" and state.direct and state.under_way is not None:
                self._asked.pop(state.under_way.meme.id, None)
        self._after(End(how))

    def _queues(self, now_s: float, queued: MemeRecord) -> None:
        record = record_of(queued)
        asked = self._asked.pop(queued.id, None)
        if asked is not None:
            asked_at_s, well = asked
            rests = now_s <= self._trouble_at_s + self._rest_s and not well
            troubled = self._trouble_at_s >= asked_at_s or rests
            given_up = now_s >= asked_at_s + LIMIT_S - 1e-6
            assert troubled or given_up, f"{queued.id} is put off, although the database has taken all that was written since"
        if not self.waits():
            self._stirred_at_s = now_s
        self._queueing.append(self.states)
        self._after(Queue(record))

    def _settles(self, _: float, request_id: str, outcome: object) -> None:
        if not isinstance(outcome, Meme):
            return
        meme = replace(outcome, degraded=tuple(flag for flag in outcome.degraded if flag != "store_deferred"))
        made = expected(meme)
        assert adopted(meme) == made.meme, f"{request_id} is answered with {meme}, and the model makes {made.meme}"
        self._after(Answer(made, deferred="store_deferred" in outcome.degraded))

    def _reads(self, _: float, answered: bool, record: MemeRecord | None) -> None:
        if answered:
            self._well = True
            self._rests_until_s = float("-inf")
        self._after(Read(answered, None if record is None else record_of(record)))

    def _died(self, now_s: float, name: str, incarnation: int) -> None:
        if name == names.STORE:
            self._dead = incarnation
            self._trouble_at_s = self._stirred_at_s = now_s
            self._rests_until_s = float("-inf")  # it has not come to hear of the failure
            self._well = False
            self._tried = self._rest_s > 0  # the database may have to be left alone for a while
            self._after(Die())

    def _looks(self, _: float, number: int) -> None:
        self._windows[number] = [*self._queueing, self.states]

    def _sees(self, _: float, number: int, how: str, meme_id: str, seen: Any) -> None:
        window = self._windows.pop(number, None)
        if window is None:
            return  # its process was killed
        if how == "pages":
            held = [shown(state.records) for state in window[-1]]
            assert reading.leafed(window, seen), f"no correct store is leafed through like this: {shown(seen)}; it holds {held}"
            return
        judges: dict[str, Callable[[], frozenset[Any]]] = {
            "find": lambda: reading.find(window, meme_id),
            "record": lambda: reading.record(window, meme_id),
            "deferred": lambda: reading.deferred(window),
            "count": lambda: frozenset(map(len, reading.deferred(window))),
            "stored": lambda: reading.stored(window),
        }
        legal = judges[how]()
        assert seen in legal, f"{how} of {meme_id} gives {shown(seen)}; a correct service gives one of {sorted(map(shown, legal))}"

    def _after(self, event: writing.Event) -> None:
        after = writing.follow(self.states, event)
        if not after:
            raise AssertionError("\n  ".join((f"no correct store does this: {shown(event)}; its state is", *map(shown, self.states))))
        self.states = after
        for window in self._windows.values():
            window.append(after)


@cache
def record_of(record: MemeRecord) -> Record:
    """The model's value of a record; there are few, and each is met often."""
    value: Record = adopted(record)
    return value


@cache
def expected(meme: Meme) -> Record:
    """What the model makes of the payload of a meme, with the trouble that its flags tell of."""
    assert meme.degraded in FAULTS_OF, f"{meme.id} has the flags {meme.degraded}, and nothing has happened that explains them"
    record = generate(PAYLOADS[meme.id], WORLD, FAULTS_OF[meme.degraded]).record
    assert record is not None
    return record


def shown(value: Any) -> str:
    """A value of the model in a few words: a record is its topic, and what it had to do without."""
    if isinstance(value, Record):
        return " ".join((value.topic, *(f"({flag})" for flag in value.meme.degraded)))
    if isinstance(value, tuple):
        return f"[{', '.join(map(shown, value))}]"
    if is_dataclass(value):
        told = [
            f"{field.name}={shown(getattr(value, field.name))}" for field in fields(value) if getattr(value, field.name) != field.default
        ]
        return f"{type(value).__name__}({', '.join(told)})"
    return str(value)
