"""Holding back: in each execution one task is late once, at every place where it can be; then several deviations come together.

Most bugs of actors need one task to be late, and "late" is one deviation here where a random walk must pass over that task each time. A
hold is what PCT does at a change point (Burckhardt, Kothari, Musuvathi, Nagarakatte, "A Randomized Scheduler with Probabilistic
Guarantees of Finding Bugs", ASPLOS 2010, section 2: the task that would run drops below all others), taken at each decision in turn
instead of at random ones, over a deterministic order as in Emmi, Qadeer, Rakamarić, "Delay-Bounded Scheduling", POPL 2011. Departures: a
delay passes over a task once, a hold until nothing else can run; a hold ends after 1,024 steps, for a program that polls would starve
otherwise. Microsoft Coyote and AWS Shuttle have the random change points only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from greenroom.policies.seeds import generator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from greenroom.task import Task

OTHERWISE: Final = 1 / 3  # of several deviations, how many take another task once instead of holding one back
THREE: Final = 1 / 2  # how often they are three and not two
UNKNOWN_LENGTH: Final = 64  # decisions that an execution is taken to have where none has been seen


class Hold:
    """The default order; each of its decisions once, with the task whose turn it is held back; then two or three deviations at random.

    A value of ``greenroom.choose`` other than the first counts as a deviation as well, and of several deviations one in three takes
    another task once, where the others hold one back. One place of each situation (the same task, about to
    do the same kind of thing) comes first, then a second place of each, so that the long loop of one actor does not stand before all else.

    Args:
        seed: in which order places in like situations come, and which decisions come together later on.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._start()

    def _start(self) -> None:
        self._situations: list[tuple[object, ...]] = []
        self._singles: list[tuple[int, int]] = []  # decision and index, the last comes first
        self._lengths: dict[int, int] = {}  # of the execution with one deviation, which is a hold at that decision
        self._plan: dict[int, int | None] = {}  # None: whatever is not the default there
        self._single: tuple[int, int] | None = None
        self._decision = 0
        self._runs_default = False

    @property
    def has_new_places(self) -> bool:
        """Whether the next execution deviates at one place where none has before; places are known once the default order has been seen."""
        return bool(self._singles) or (self._runs_default and bool(self._situations))

    def begin(self, execution: int) -> None:
        """The next place, or the default order at first."""
        if execution == 0:
            self._start()
        else:
            self._learn()
        self._random = generator(self._seed, execution)
        self._decision = 0
        self._single, self._plan = None, {}
        self._runs_default = execution == 0
        if execution and self._singles:
            self._single = self._singles.pop()
            self._plan = dict([self._single])
        elif execution:
            self._plan = self._together(self._random)

    def choose(self, options: Sequence[Task]) -> int:
        """Holds back the task whose turn it is, where that is planned."""
        decision = self._decision
        self._decision = decision + 1
        if self._runs_default:
            task = options[0]
            self._situations.append((task.index, task.operation))
        if decision not in self._plan:
            return 0
        if self._plan[decision] is None and self._random.random() < OTHERWISE:
            return 1 + int(self._random.random() * (len(options) - 1))
        return -1

    def choose_value(self, count: int) -> int:
        """The first value, or where it is planned, another one."""
        decision = self._decision
        self._decision = decision + 1
        if self._runs_default:
            self._situations.append((count,))
        if decision not in self._plan:
            return 0
        index = self._plan[decision]
        return index if index is not None and 0 < index < count else 1 + int(self._random.random() * (count - 1))

    def exhausted(self) -> str:
        """Says that every schedule was tried where there is one only; all are never tried otherwise."""
        return "every schedule" if self._runs_default and not self._decision else ""

    def _learn(self) -> None:
        """Note what the execution that is over has shown."""
        if self._runs_default:
            self._singles = _spread(self._situations, generator(self._seed, 0))
        elif self._single is not None and self._single[1] < 0:
            self._lengths[self._single[0]] = self._decision

    def _together(self, rng: Random) -> dict[int, int | None]:
        """Two or three decisions, each behind the one before."""
        default = len(self._situations) or UNKNOWN_LENGTH
        first = rng.randrange(default)
        plan: dict[int, int | None] = {first: None}
        for _ in range(2 if rng.random() < THREE else 1):
            length = self._lengths.get(first, default)
            behind = max(plan) + 1
            if behind < length:
                plan[rng.randrange(behind, length)] = None
        return plan


def _spread(situations: list[tuple[object, ...]], rng: Random) -> list[tuple[int, int]]:
    """Every single deviation from an execution of which these are the decisions; those to be tried first come last."""
    alike: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    for decision, situation in enumerate(situations):
        if len(situation) == 1:
            (count,) = situation
            assert isinstance(count, int)
            alike.setdefault(situation, []).extend((decision, index) for index in range(1, count))
        else:
            alike.setdefault(situation, []).append((decision, -1))
    rounds: list[tuple[int, tuple[int, int]]] = []
    for places in alike.values():
        rng.shuffle(places)
        rounds += list(enumerate(places))
    return [place for _, place in sorted(rounds, reverse=True)]
