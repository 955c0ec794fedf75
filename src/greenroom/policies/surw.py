"""SURW: a walk that is uniform over the orders of the events that matter, and not over the next step.

Zhao, Wolff, Mathur, Roychoudhury, "Selectively Uniform Concurrency Testing", ASPLOS 2025, section 3, algorithms 1 and 2; also in Fray
(OOPSLA 2025). A task is chosen in proportion to the interesting events it has still to come, so one short task among long ones runs last
as often as first; other events are passed at random, and an interesting one waits until its task is the intended one.

Departures. An event is a scheduling point at which more than one task could run, under the operation that it begins with: the first send
of a handler belongs to the step that took the message. How many events a task has is learned from a first, uniform execution and
corrected upwards by what later ones show, instead of a profiling run; tasks are known by their stable names, and one that has not been
able to run yet is counted with the task whose step came before it first could. A walk takes all events for interesting, or, every second
time, those on a few targets that several tasks use (the paper takes one set of events for all). The paper leaves blocking out, and actors
block all the time: what a task has still to do after a reply weighs for the task that owes the reply. A task beyond its count weighs 1.
As in ``pct``, the walk becomes uniform well beyond the usual length.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from greenroom.policies.seeds import Length, generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenroom.task import Task

    Interesting = frozenset[str] | None  # names of targets; None means all

_LONGEST_CHAIN: Final = 16  # of tasks that wait for one another's replies; a circle of them never ends


class Surw:
    """Weights tasks by their remaining events on the targets that several tasks use."""

    def __init__(self, seed: int = 0, *, length: Length | None = None) -> None:
        self._seed = seed
        self._length = length or Length()
        self._learned = _Learned()
        self._decision = 0
        self._turn = 0
        self._walk: _Walk | None = None
        self.begin(0)

    def begin(self, execution: int) -> None:
        """The first execution with a choice in it is uniform; later ones draw what is interesting."""
        self._learned.take_in_execution()
        if self._decision and not self._length.longest:
            self._length.learn(self._decision)
        self._decision = 0
        self._random = generator(self._seed, execution).random
        self._fair_from = self._length.fair_from
        self._walk = None
        if self._learned.usable:
            interesting = self._learned.draw(self._random) if self._turn % 2 else None
            self._walk = _Walk(self._learned, interesting, self._random)
            self._turn += 1

    def choose(self, options: Sequence[Task]) -> int:
        """The intended task, or any whose next event does not matter."""
        decision = self._decision
        self._decision = decision + 1
        walk = self._walk if decision < self._fair_from else None
        index = int(self._random() * len(options)) if walk is None else walk.choose(options)
        self._learned.step(options, options[index])
        return index

    def choose_value(self, count: int) -> int:
        """Any value."""
        return int(self._random() * count)


class _Learned:
    """The most events that an execution showed of each task on each target, and after whose step a task first could run."""

    def __init__(self) -> None:
        self.events: dict[str, Counter[str]] = {}
        self.parents: dict[str, str] = {}
        self._seen: Counter[tuple[str, str]] = Counter()
        self._before = ""

    @property
    def usable(self) -> bool:
        return bool(self.events)

    def step(self, options: Sequence[Task], chosen: Task) -> None:
        for task in options:
            if task.name not in self.parents:
                self.parents[task.name] = self._before
        self._before = chosen.name
        self._seen[chosen.name, _target_name(chosen.target)] += 1

    def take_in_execution(self) -> None:
        for (task, target), count in self._seen.items():
            known = self.events.setdefault(task, Counter())
            known[target] = max(known[target], count)
        self._seen.clear()
        self._before = ""

    def draw(self, random: Any) -> Interesting:
        """A few targets that several tasks use, or all."""
        users: Counter[str] = Counter(name for counts in self.events.values() for name in counts)
        shared = sorted(name for name, count in users.items() if count > 1)
        some = frozenset(name for name in shared if random() < 0.5)
        return some or None

    def weights(self, interesting: Interesting) -> dict[str, int]:
        """The interesting events of each task, with those of the tasks that come into being through it."""
        own = {
            name: sum(count for target, count in counts.items() if interesting is None or target in interesting)
            for name, counts in self.events.items()
        }
        weights = dict(own)
        for name, count in own.items():
            parent = self.parents.get(name, "")
            while parent:
                weights[parent] += count
                parent = self.parents.get(parent, "")
        return weights


class _Walk:
    """One execution: who is intended, and what is left for whom."""

    def __init__(self, learned: _Learned, interesting: Interesting, random: Any) -> None:
        self._parents = learned.parents
        self._interesting = interesting
        self._left = learned.weights(interesting)
        self._random = random
        self._born: set[str] = set()
        self._intended: Task | None = None

    def choose(self, options: Sequence[Task]) -> int:
        self._take_in(options)
        interesting = self._interesting
        matters = [interesting is None or _target_name(task.target) in interesting for task in options]
        if self._intended is None or self._intended not in options:
            self._intended = self._draw(options, matters)
        intended = options.index(self._intended)
        candidates = [index for index, it_matters in enumerate(matters) if index == intended or not it_matters]
        index = candidates[int(self._random() * len(candidates))]
        if index == intended and matters[index]:
            self._left[self._intended.name] = self._left.get(self._intended.name, 0) - 1
            self._intended = None
        return index

    def _take_in(self, options: Sequence[Task]) -> None:
        """A task that could not run before takes its events from those that were counted for it."""
        for task in options:
            name = task.name
            if name in self._born:
                continue
            self._born.add(name)
            parent, share = self._parents.get(name, ""), self._left.get(name, 0)
            whole = self._left.get(parent, 0)
            if self._intended is not None and self._intended.name == parent and self._random() * whole < share:
                self._intended = task
            while parent:
                self._left[parent] = self._left.get(parent, 0) - share
                parent = "" if parent in self._born else self._parents.get(parent, "")

    def _draw(self, options: Sequence[Task], matters: list[bool]) -> Task:
        left, awaited = self._left, self._awaited(options[0].scheduler.tasks)
        place, weights = 0, []
        for task, it_matters in zip(options, matters, strict=True):
            place += max(left.get(task.name, 0), it_matters) + awaited.get(task, 0)
            weights.append(place)
        return options[min(bisect_right(weights, self._random() * place), len(options) - 1)]

    def _awaited(self, tasks: list[Task]) -> dict[Task, int]:
        """The events of the tasks that wait for a reply, at the task that has to go on before they can."""
        awaited: dict[Task, int] = {}
        for task in tasks:
            left = self._left.get(task.name, 0)
            if left > 0 and task.blocked:
                giver = _gives(task)
                if giver is not None:
                    awaited[giver] = awaited.get(giver, 0) + left
        return awaited


def _gives(task: Task) -> Task | None:
    """Who can run and is at the end of the chain of replies that ``task`` waits for."""
    giver: Task | None = task
    for _ in range(_LONGEST_CHAIN):
        if giver is None or not giver.blocked:
            return giver
        asked = getattr(giver.target, "asked", None)
        giver = None if asked is None else asked[0].owner
    return None


def _target_name(target: Any) -> str:
    """What a target is called in every execution: an inbox as its actor, the reply to an ask as that."""
    return getattr(target, "greenroom_name", "") or getattr(target, "name", "")
