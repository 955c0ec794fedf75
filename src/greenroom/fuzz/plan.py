"""Which test runs next, with which seed, and for how many examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from greenroom.fuzz.state import TestRecord

BATCH_S: Final = 8.0  # what a batch should take: long enough that its start costs little, short enough to turn to what is new
LONGEST_BATCH_S: Final = 30.0  # after which a batch that has found nothing is ended between two examples
FIRST_EXAMPLES: Final = 25
MOST_EXAMPLES: Final = 1000
MB_PER_EXAMPLE: Final = 0.12  # what Hypothesis keeps of an example until its batch is over
RECYCLE_FROM: Final = 0.5  # of the limit: a worker that has more at the end of a batch is replaced by a fresh one
END_BATCH_FROM: Final = 0.75  # of the limit: a batch that has found nothing is ended between two examples
STOP_SHRINKING_FROM: Final = 0.9  # of the limit: shrinking goes on in a fresh worker, from what has been saved
MOST_CONTINUED: Final = 3
_MOST_WEIGHT: Final = 8.0
_LEAST_WEIGHT: Final = 0.25


@dataclass(frozen=True, slots=True)
class Batch:
    """An order for a worker. ``replays`` runs what is saved for the test, otherwise new examples are made from ``seed``."""

    number: int
    test: str
    seed: int
    examples: int
    replays: bool


def next_test(tests: Sequence[TestRecord], busy: Collection[str]) -> TestRecord:
    """The test whose turn it is; at least one is given.

    What is saved comes first. Then time is shared out by weight, and the test that is furthest behind its share is next: one that
    shows new behaviour has up to eight shares, one that shows none of late or only finds known failures a quarter, and nobody none.
    """
    free = [test for test in tests if test.id not in busy] or tests
    due = [test for test in free if test.replay_due]
    if due:
        return due[0]
    return min(free, key=lambda test: (test.share, test.batches))


def weight(test: TestRecord) -> float:
    """How many shares of the time a test has."""
    if test.stale > 0.5:
        return _LEAST_WEIGHT
    return min(_MOST_WEIGHT, max(_LEAST_WEIGHT, test.interest))


def examples_for(test: TestRecord, *, room_mb: float) -> int:
    """How many examples fill a batch of ``BATCH_S`` seconds, and fit in ``room_mb``."""
    wanted = FIRST_EXAMPLES if test.rate <= 0 else round(test.rate * BATCH_S)
    fitting = int(room_mb / MB_PER_EXAMPLE)
    return max(1, min(wanted, MOST_EXAMPLES, max(fitting, 10)))


def learn(test: TestRecord, *, examples: int, seconds: float, known: int) -> None:
    """A batch of new examples is over: so many in that time, of which ``known`` failed as others had before.

    ``interest`` grows with each new behaviour as it is told of, and fades within three batches: a test's first batches are all news.
    """
    test.batches += 1
    test.seconds += seconds
    test.share += seconds / weight(test)
    if examples and seconds > 0:
        now = examples / seconds
        test.rate = now if test.rate <= 0 else (test.rate + now) / 2
    test.interest = min(test.interest, 2 * _MOST_WEIGHT) / 4
    test.stale = test.stale / 2 + (known / examples if examples else 0.0) / 2


def seed_of(base: int, number: int) -> int:
    """The seed of a batch: another one for each, the same in each repetition of the run."""
    return (base + number * 0x9E3779B97F4A7C15) % (1 << 64)
