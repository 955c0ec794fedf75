"""SURW: uniform over the orders of what matters, where a random walk is uniform over the next step."""

from __future__ import annotations

import collections
import threading

import greenroom
from greenroom.policies.surw import Surw


def place_of_the_short_task(long):
    """How many of the ``long`` steps of one thread come before the single step of another."""
    seen = []

    def work(word, times):
        for _ in range(times):
            greenroom.checkpoint("row")
            seen.append(word)

    threads = [threading.Thread(target=work, args=pair) for pair in (("short", 1), ("long", long))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen.index("short")


def places(policy, *, executions, long):
    counts = collections.Counter()

    def scenario():
        counts[place_of_the_short_task(long)] += 1

    greenroom.explore(scenario, policy=policy, executions=executions).raise_failure()
    return counts


def test_a_short_task_comes_last_about_as_often_as_first():
    counts = places("surw", executions=1000, long=10)
    assert set(counts) == set(range(11))
    assert min(counts.values()) > 1000 / 11 / 3
    assert max(counts.values()) < 1000 / 11 * 3


def test_the_random_walk_hardly_ever_leaves_it_for_the_end():
    counts = places("random", executions=1000, long=10)
    assert counts[10] < 1000 / 11 / 3


def test_counts_grow_with_what_later_executions_show():
    policy = Surw(1)
    counts = []
    for executions in (2, 60):
        greenroom.explore(lambda: place_of_the_short_task(20), policy=policy, executions=executions)
        counts.append(sum(policy._learned.events["Thread-2"].values()))
    assert counts[0] <= counts[1]
    assert counts[1] >= 20


def test_tasks_that_come_later_are_counted_with_the_one_before_them():
    policy = Surw(3)
    greenroom.explore(lambda: place_of_the_short_task(7), policy=policy, executions=2)
    learned = policy._learned
    own = {name: sum(counts.values()) for name, counts in learned.events.items()}
    weights = learned.weights(None)
    roots = [name for name, parent in learned.parents.items() if not parent and name in own]
    assert sum(weights[name] for name in roots) == sum(own.values())
    assert all(weights[name] >= own[name] for name in own)


def test_a_part_of_the_targets_may_be_all_that_matters():
    policy = Surw(1)
    greenroom.explore(lambda: place_of_the_short_task(5), policy=policy, executions=2)
    drawn = {policy._learned.draw(iter([number % 3 / 3] * 9).__next__) for number in range(6)}
    assert frozenset({"row"}) <= next(some for some in drawn if some is not None)
    assert None in drawn


def test_a_program_without_choices_teaches_nothing_and_does_no_harm():
    assert greenroom.explore(lambda: None, policy="surw", executions=5).distinct == 1
