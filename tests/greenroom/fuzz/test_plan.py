"""Whose turn it is, how large a batch is, and which seed it has."""

from __future__ import annotations

from greenroom.fuzz import plan
from greenroom.fuzz.state import TestRecord


def settled(name, **values):
    return TestRecord(name, **{"replay_due": False, "interest": 0.0, **values})


def turns(tests, count, *, seconds=8.0, news=None):
    """Which tests run, one after another; ``news`` tells how interesting each stays."""
    names = []
    for _ in range(count):
        test = plan.next_test(tests, busy=())
        names.append(test.id)
        test.interest += (news or {}).get(test.id, 0.0)
        plan.learn(test, examples=80, seconds=seconds, known=0)
    return names


def test_what_is_saved_is_replayed_before_anything_new():
    tests = [settled("one"), settled("two", replay_due=True)]
    assert plan.next_test(tests, busy=()).id == "two"


def test_equal_tests_take_turns():
    tests = [settled("one"), settled("two"), settled("three")]
    names = turns(tests, 9)
    assert [names.count(test.id) for test in tests] == [3, 3, 3]


def test_a_test_that_shows_new_behaviour_runs_more_often_and_nobody_starves():
    tests = [settled("new"), settled("old")]
    names = turns(tests, 100, news={"new": 20.0})
    assert names.count("new") > 80
    assert names.count("old") >= 2


def test_what_was_new_in_the_first_batches_is_soon_forgotten():
    test = settled("first", interest=1000.0)
    for _ in range(3):
        plan.learn(test, examples=80, seconds=8.0, known=0)
    assert plan.weight(test) == plan.weight(settled("old"))


def test_a_test_whose_news_have_ended_does_not_wait_for_the_others_to_catch_up():
    tests = [settled("new"), settled("old")]
    turns(tests, 100, news={"new": 20.0})
    assert turns(tests, 20).count("new") >= 8


def test_a_test_that_only_finds_known_failures_has_a_small_share():
    tests = [settled("failing", interest=1.0), settled("good", interest=1.0)]
    for _ in range(5):
        tests[0].interest = tests[1].interest = 2.0
        plan.learn(tests[0], examples=100, seconds=8.0, known=90)
        plan.learn(tests[1], examples=100, seconds=8.0, known=0)
    assert tests[0].share > 3 * tests[1].share


def test_another_test_is_preferred_while_one_runs_elsewhere():
    tests = [settled("one"), settled("two", share=100.0)]
    assert plan.next_test(tests, busy=["one"]).id == "two"
    assert plan.next_test(tests[:1], busy=["one"]).id == "one"


def test_a_batch_fills_its_time_and_fits_into_memory():
    assert plan.examples_for(settled("new"), room_mb=300) == plan.FIRST_EXAMPLES
    assert plan.examples_for(settled("quick", rate=1e6), room_mb=1e6) == plan.MOST_EXAMPLES
    assert plan.examples_for(settled("usual", rate=20), room_mb=300) == 20 * plan.BATCH_S
    assert plan.examples_for(settled("usual", rate=20), room_mb=12) == 12 / plan.MB_PER_EXAMPLE
    assert plan.examples_for(settled("slow", rate=0.01), room_mb=300) == 1
    assert plan.examples_for(settled("full", rate=20), room_mb=-50) == 10


def test_each_batch_has_a_seed_of_its_own_and_the_same_run_the_same_seeds():
    seeds = [plan.seed_of(7, number) for number in range(1000)]
    assert len(set(seeds)) == 1000
    assert seeds == [plan.seed_of(7, number) for number in range(1000)]
    assert set(seeds).isdisjoint(plan.seed_of(8, number) for number in range(1000))
