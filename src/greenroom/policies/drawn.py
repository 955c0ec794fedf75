"""Hypothesis draws the choices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from greenroom.schedule import Schedule
    from greenroom.task import Task

HOLD_BYTE: Final = 255
EACH: Final = 16  # of the first decisions of a schedule, each is drawn as the place for a hold
SOME: Final = 16  # then so many,
APART: Final = 3  # so far apart: late places in a long execution are many, and often alike
MOST_DRAWS = 1_000  # an example has room for about 3,000 small decisions; the default order follows


class Drawn:
    """Asks ``draw(count)`` for each choice, up to ``MOST_DRAWS`` of them, then keeps to the default order."""

    def __init__(self, draw: Callable[[int], int], *, most: int = MOST_DRAWS) -> None:
        self._draw = draw
        self._left = most

    def begin(self, execution: int) -> None:
        """An example is one execution; there is nothing to prepare."""

    def choose(self, options: Sequence[Task]) -> int:
        """What was drawn."""
        return self.choose_value(len(options))

    def choose_value(self, count: int) -> int:
        """What was drawn."""
        if self._left <= 0:
            return 0
        self._left -= 1
        return self._draw(count)


class FromBytes(Drawn):
    """One byte a choice, byte % options, and ``HOLD_BYTE`` holds the default task back; when they are used up the default order follows."""

    def __init__(self, data: bytes) -> None:
        self._feed = iter(data)
        super().__init__(lambda count: next(self._feed, 0) % count, most=len(data))

    def choose(self, options: Sequence[Task]) -> int:
        """What the next byte says."""
        if self._left <= 0:
            return 0
        self._left -= 1
        byte = next(self._feed, 0)
        return -1 if byte == HOLD_BYTE else byte % len(options)


def from_bytes(data: bytes) -> Drawn:
    """One byte a choice, byte % options; when the bytes are used up the default order follows."""
    return FromBytes(data)


class DrawnSchedule(Drawn):
    """A policy whose choices Hypothesis draws, one by one, as the program comes to them; or that holds back one task at one place."""

    def __init__(self, random: Random | None, most: int, *, hold_at: int | None = None) -> None:
        super().__init__(_zero if random is None else random.randrange, most=most)
        self._hold_at = hold_at
        self._place = 0
        self.followed: list[Schedule] = []

    def choose(self, options: Sequence[Task]) -> int:
        """What was drawn."""
        place = self._place
        self._place = place + 1
        return -1 if place == self._hold_at else self.choose_value(len(options))

    def finish_as(self, schedule: Schedule) -> None:
        """What it came to in one execution, so that this can be kept after the example is gone."""
        self.followed.append(schedule)

    def __repr__(self) -> str:
        return "<a schedule that Hypothesis draws>"


def schedules(*, most_draws: int = MOST_DRAWS) -> st.SearchStrategy[DrawnSchedule]:
    """Schedules for ``greenroom.run``: every choice is part of the example, and shrinks to the default order.

    Every other schedule keeps to the default order but for one task, which is held back at one place: few draws, and most bugs of actors
    need no more.

    Args:
        most_draws: choices after which the default order is kept to; an example has room for about 3,000.
    """
    return _schedule(most_draws)


@st.composite
def _schedule(draw: st.DrawFn, most_draws: int) -> DrawnSchedule:
    # How many choices are drawn is drawn first: to Hypothesis fewer draws are simpler, and the default order that follows costs none.
    # A hold takes a single draw, and so is simpler than any other deviation.
    hold_at = draw(st.one_of(st.none(), _places(most_draws))) if most_draws > 0 else None
    if hold_at is not None:
        return DrawnSchedule(None, 0, hold_at=hold_at)
    most = draw(st.integers(0, most_draws))
    return DrawnSchedule(draw(st.randoms(use_true_random=False)), most)


def schedule_bytes() -> st.SearchStrategy[bytes]:
    """The schedule of one step of a state machine: a byte for each choice, byte % options (255 holds back), then the default order.

    A third of them hold one task back and do nothing else: among even bytes 255 is rare, and between others it has little effect.
    """
    return st.one_of(st.binary(max_size=6), _places().map(_held_at), st.binary(min_size=16, max_size=64))


def _places(end: int = MOST_DRAWS) -> st.SearchStrategy[int]:
    """Decisions at which a task is held back, before decision ``end``: each of the first few, and some that are further away."""
    return st.integers(0, max(number for number in range(EACH + SOME) if _place(number) < end)).map(_place)


def _place(number: int) -> int:
    return number if number < EACH else EACH + APART * (number - EACH)


def _held_at(place: int) -> bytes:
    return bytes(place) + bytes((HOLD_BYTE,))


def _zero(count: int) -> int:  # noqa: ARG001 - whatever the count, the default
    return 0
