"""Which steps of an execution depend on one another, and which of those that do could have come in the other order.

Two steps of different tasks are dependent where both touch one thing (an inbox, a future, a lock, …) in ways that do not commute.
What merely enables something else (a message its receipt, a reply the wait for it) orders the two and is no race: it cannot be turned
round. Vector clocks (Mattern, "Virtual Time and Global States of Distributed Systems", 1989) are kept for each access and not only for
each step, because a step that goes on behind its visible operation, to take a reply that is there already, learns more than it had told.

Sources: Flanagan and Godefroid, "Dynamic Partial-Order Reduction for Model Checking Software", POPL 2005 (races, backtracking);
Abdulla, Aronis, Jonsson, Sagonas, "Optimal Dynamic Partial Order Reduction", POPL 2014, section 4 (initials of the events that do not
depend on the first one of a race); Tasharofi et al., "TransDPOR", FORTE 2012 (dependence of actors: messages to one inbox).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pykka.messages import _ActorStop

from greenroom.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Path = tuple[int, ...]
Clock = list[int]
Footprint = frozenset[tuple[Any, str]]

# Pairs of modes that commute; every other pair on one thing does not.
_COMMUTING = frozenset(
    {
        ("read", "read"),
        ("put", "get"),
        ("get", "put"),
        ("post", "post"),
        ("add", "remove"),
        ("remove", "add"),
        ("remove", "remove"),
        ("acquire", "release"),
        ("release", "acquire"),
        ("release", "release"),
        ("invoke", "invoke"),
        ("respond", "respond"),
    }
)
_LABELLED = "send:"


def conflict(mode: str, other: str) -> bool:
    """Whether two accesses of one thing, in these modes, do not commute."""
    if mode == other:
        return mode not in ("read", "post", "remove", "release", "invoke", "respond") and not mode.startswith(_LABELLED)
    return (mode, other) not in _COMMUTING


def independent(footprint: Footprint, other: Footprint) -> bool:
    """Whether two steps with these footprints commute."""
    return not any(key == key2 and conflict(mode, mode2) for key, mode in footprint for key2, mode2 in other)


def _joined(clock: Clock, other: Clock) -> Clock:
    if len(clock) < len(other):
        clock, other = other, clock
    joined = clock.copy()
    for index, count in enumerate(other):
        joined[index] = max(joined[index], count)
    return joined


class Step:
    """One step: the ``seq``-th of its task. ``options`` are the paths of those that could have run; one only where there was no choice."""

    __slots__ = ("accesses", "clock", "decision", "index", "options", "path", "seq", "task")

    def __init__(  # noqa: PLR0913, PLR0917 - made once for every step: no keywords
        self, index: int, task: Task, seq: int, options: tuple[Path, ...], decision: int, clock: Clock
    ) -> None:
        self.index = index
        self.task = task.index
        self.path = task.path
        self.seq = seq
        self.options = options
        self.decision = decision
        self.clock = clock  # as of its last access that others can see
        self.accesses: list[tuple[Any, str]] = []

    @property
    def footprint(self) -> Footprint:
        """What it touched, and how."""
        return frozenset(self.accesses)


_Access = tuple[Step, str, Clock, str]  # who, how, what that step knew, and for which mode the thing's gate was closed before


class Race:
    """Two steps that could have come in the other order: at ``step`` any of ``initials`` leads there."""

    __slots__ = ("initials", "step")

    def __init__(self, step: Step, initials: tuple[Path, ...]) -> None:
        self.step = step
        self.initials = initials


class Trace:
    """The steps of one execution with their dependence; the scheduler and the simulated primitives tell it what happens.

    Args:
        label: gives messages a label, or None; messages to one actor that share a label may be handled in either order.
        elsewhere: names of things that outlive an execution, by their ids.
    """

    def __init__(self, *, label: Callable[[Any], str | None] | None = None, elsewhere: dict[int, str] | None = None) -> None:
        self.label = label
        self.steps: list[Step] = []
        self.races: list[Race] = []
        self.incomplete = ""
        self.mistake = ""
        self.looking = True
        self.handed: list[Any] = []  # in this step: messages that were sent, replies that were given, …
        self.taken: list[Any] = []  # … and those that were received
        self._now: Step | None = None
        self._clocks: list[Clock] = []
        self._counts: list[int] = []
        self._made: list[int] = []
        self._pending: list[Clock | None] = []
        self._arrival: Clock = []
        self._begun: Clock = []
        self._keys: dict[int, tuple[Any, Any]] = {}
        self._accesses: dict[Any, list[_Access]] = {}
        self._published: dict[Any, Clock] = {}
        self._elsewhere = {} if elsewhere is None else elsewhere
        self._gates: dict[int, tuple[Task, Any, str]] = {}

    # -- what the scheduler tells ---------------------------------------------------------------------------------

    def spawned(self) -> None:
        """The running task has started another, the next by number: it begins with what the running one knows."""
        parent = self._now
        self._clocks.append([] if parent is None else self._clocks[parent.task])
        self._counts.append(0)
        self._made.append(0)
        self._pending.append(None)
        if parent is not None:
            parent.clock = self._clocks[parent.task]

    def begin(self, task: Task, options: Sequence[Task], decision: int) -> Step:
        """``task`` was chosen among ``options``; ``decision`` is the number of that choice, or -1 where there was none."""
        index = task.index
        seq = self._counts[index] = self._counts[index] + 1
        clock = self._clocks[index].copy()
        while len(clock) <= index:
            clock.append(0)
        clock[index] = seq
        self._arrival = clock
        pending = self._pending[index]
        if pending is not None:
            clock = _joined(clock, pending)
            self._pending[index] = None
        self._clocks[index] = self._begun = clock
        step = self._now = Step(len(self.steps), task, seq, tuple(option.path for option in options), decision, clock)
        self.steps.append(step)
        if task.blocked:  # an explored timer: the clock moves on
            self.touch(task.scheduler.clock, "write")
        return step

    def woke(self, task: Task) -> None:
        """The running task has made ``task`` able to run."""
        now = self._now
        if now is not None:
            before = self._pending[task.index]
            clock = self._clocks[now.task]
            self._pending[task.index] = clock if before is None else _joined(before, clock)
            now.clock = clock

    def expired(self, task: Task) -> None:
        """Time has passed, which it does only when nothing else can happen: ``task`` comes after everything."""
        clock: Clock = []
        for other in self._clocks:
            clock = _joined(clock, other)
        self._pending[task.index] = clock

    # -- what the primitives tell ---------------------------------------------------------------------------------

    def born(self, thing: Any) -> None:
        """The running task has made ``thing``: it is known by its maker and their count, in every execution."""
        now = self._now
        if now is not None:
            count = self._made[now.task] = self._made[now.task] + 1
            self._keys[id(thing)] = (thing, (*now.path, -count))

    def made(self) -> int:
        """How many things the running task has made; for ``adopt``."""
        return self._made[self._now.task] if self._now is not None else 0

    def adopt(self, twin: Any, real: Any, name: str, made: int) -> None:
        """``twin`` stands for ``real``, which is older than the execution: who touches it first has not made it."""
        if self._now is not None:
            self._made[self._now.task] = made
        known = self._elsewhere.get(id(real))
        if known is None:
            known = self._elsewhere[id(real)] = f"{name or type(real).__name__} {len(self._elsewhere)}"
        self._keys[id(twin)] = (twin, known)

    def name(self, thing: Any, name: Any) -> None:
        """``thing`` is known by ``name`` from now on."""
        self._keys[id(thing)] = (thing, name)

    def key(self, thing: Any) -> Any:
        """The name of a thing that holds in every execution."""
        known = self._keys.get(id(thing))
        if known is None:
            name = thing.path if isinstance(thing, Task) else f"{type(thing).__name__} {getattr(thing, 'greenroom_name', '')}"
            known = self._keys[id(thing)] = (thing, name)
        return known[1]

    def publish(self, slot: Any) -> None:
        """Who takes ``slot`` later comes after what the running task has done so far."""
        now = self._now
        if now is not None:
            clock = self._clocks[now.task]
            before = self._published.get(slot)
            self._published[slot] = clock if before is None else _joined(before, clock)
            now.clock = clock

    def order(self, slot: Any) -> None:
        """The running task comes after whoever published ``slot``."""
        now = self._now
        clock = self._published.get(slot)
        if now is not None and clock is not None:
            self._clocks[now.task] = _joined(self._clocks[now.task], clock)

    def send(self, inbox: Any, message: Any, number: int) -> None:
        """A message was put into ``inbox``, as its ``number``-th."""
        label = None if self.label is None else self._label_of(message)
        self.touch(inbox, "send" if label is None else _LABELLED + label)
        self.publish((id(inbox), number))

    def _label_of(self, message: Any) -> str | None:
        assert self.label is not None
        if isinstance(message, _ActorStop):
            return None
        label: Any = None
        try:
            label = self.label(message)
        except Exception as error:  # noqa: BLE001 - raised where it is no part of the program
            self.mistake = f"commuting: the function raised {type(error).__name__}: {error} for the message {message!r}"
        if label is not None and not isinstance(label, str):
            self.mistake = f"commuting: the function returned {label!r} for the message {message!r}; a label is a str, or None"
            return None
        return label

    def touch(self, thing: Any, mode: str, *, shut: str = "") -> None:
        """The running task accesses ``thing``, whose gate for those who would pass it in the mode ``shut`` was closed before that."""
        now = self._now
        if now is None:
            return
        key = self.key(thing)
        now.accesses.append((key, mode))
        clock = self._clocks[now.task]
        entries = self._accesses.get(key)
        if entries is None:
            entries = self._accesses[key] = []
        elif entries:
            clock = self._clocks[now.task] = self._meet(entries, mode, clock, now)
        entries.append((now, mode, clock, shut))
        now.clock = clock

    def held(self, thing: Any, changed: bool) -> None:  # noqa: FBT001 - the hot path
        """The running task had ``thing`` at hand in the step that ends now, and may have looked at it at any moment of that step."""
        now = self._now
        if now is None:
            return
        key = self.key(thing)
        mode = "write" if changed else "read"
        now.accesses.append((key, mode))
        entries = self._accesses.setdefault(key, [])
        clock = self._begun
        for step, other, theirs, _ in reversed(entries):
            if step.task == now.task or not conflict(mode, other) or (len(clock) > step.task and clock[step.task] >= step.seq):
                continue
            if self.looking:
                self._race(step, clock, now.index, now.path, now.task)
            clock = _joined(clock, theirs)
        if clock is not self._begun:
            self._clocks[now.task] = _joined(self._clocks[now.task], clock)
            now.clock = _joined(now.clock, clock)
        if changed:
            entries.clear()
        elif entries and entries[-1][0].task == now.task and entries[-1][1] == "read":
            entries.pop()
        entries.append((now, mode, now.clock, ""))

    def passed(self, thing: Any, mode: str, *, timed: bool = False, shut: str = "") -> None:
        """The running task has passed a gate of ``thing``, at the beginning of its step: it may have waited there before.

        Whoever opened the gate is no reason that others could not have passed it first: races are judged by what the task knew
        when it came to the gate, for each mode of access by itself. ``timed``: it would not have waited for ever, and has perhaps
        not passed at all. ``shut``: see ``touch``.
        """
        now = self._now
        if now is None:
            return
        key = self.key(thing)
        now.accesses.append((key, mode))
        self._gates.pop(now.task, None)
        self._race_at_gate(key, mode, self._arrival, now.index, now.path, now.task, timed=timed)
        entries = self._accesses.setdefault(key, [])
        clock = self._clocks[now.task]
        for _, other, theirs, _ in entries:
            if mode == "acquire" or conflict(mode, other):
                clock = _joined(clock, theirs)
        self._clocks[now.task] = now.clock = clock
        entries.append((now, mode, clock, shut))

    def at_gate(self, task: Task, thing: Any, mode: str) -> None:
        """``task`` has come to a gate of ``thing``."""
        self._gates[task.index] = (task, thing, mode)

    def finish(self) -> None:
        """The execution is over: those that wait at a gate for ever might have passed it before the others did."""
        self._now = None
        for task, thing, mode in self._gates.values():
            if task.blocked and not task.done:
                self._race_at_gate(self.key(thing), mode, self._clocks[task.index], len(self.steps), task.path, task.index)

    # -- races ----------------------------------------------------------------------------------------------------

    def _meet(self, entries: list[_Access], mode: str, clock: Clock, now: Step) -> Clock:
        """The clock after an access in ``mode``; those of ``entries`` that conflict and come immediately before it are races."""
        all_conflict = True
        for step, other, theirs, _ in reversed(entries):
            if not conflict(mode, other):
                all_conflict = False
                continue
            if step.task == now.task or (len(clock) > step.task and clock[step.task] >= step.seq):
                continue
            if self.looking:
                self._race(step, clock, now.index, now.path, now.task)
            clock = _joined(clock, theirs)
        if all_conflict and mode in ("write", "send"):
            entries.clear()  # whatever comes later meets this access first
        return clock

    def _race_at_gate(  # noqa: PLR0913, PLR0917 - of a step that may not exist
        self, key: Any, mode: str, arrival: Clock, index: int, path: Path, task: int, *, timed: bool = False
    ) -> None:
        if not self.looking:
            return
        met: dict[str, Clock] = {}
        for step, other, theirs, shut in reversed(self._accesses.get(key, ())):
            if not conflict(mode, other) or (mode == shut and not timed):
                continue  # behind a closed gate nobody could have passed
            clock = met.get(other, arrival)
            if step.task == task or (len(clock) > step.task and clock[step.task] >= step.seq):
                continue
            self._race(step, clock, index, path, task)
            met[other] = _joined(clock, theirs)

    def _race(self, first: Step, clock: Clock, index: int, path: Path, task: int) -> None:
        """The step at ``index`` (``clock``: what it depends on) races with ``first``: who can begin the other order, at ``first``."""
        if len(first.options) < 2:
            return
        begun: dict[int, int] = {}
        initials: list[Path] = []
        for step in self._steps_beside(first, index):
            if step.task not in begun:
                if not _depends(step.clock, begun):
                    initials.append(step.path)
                begun[step.task] = step.seq
        if task not in begun and not _depends(clock, begun):
            initials.append(path)
        able = tuple(initial for initial in initials if initial in first.options)
        if able:
            self.races.append(Race(first, able))
        elif initials != [path]:
            self.races.append(Race(first, ()))  # cannot happen; if it does, every option is tried

    def _steps_beside(self, first: Step, end: int) -> Iterable[Step]:
        """The steps between ``first`` and ``end`` that do not depend on it."""
        task, seq = first.task, first.seq
        for index in range(first.index + 1, min(end, len(self.steps))):
            step = self.steps[index]
            if step.task != task and not (len(step.clock) > task and step.clock[task] >= seq):
                yield step


def _depends(clock: Clock, begun: dict[int, int]) -> bool:
    return any(len(clock) > task and clock[task] >= seq for task, seq in begun.items())
