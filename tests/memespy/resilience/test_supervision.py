"""The supervision tree: who is started again, when, and when it is too much."""

from hypothesis import given
from hypothesis import strategies as st

from dspy_meme_gen.resilience.backoff import BackoffPolicy
from dspy_meme_gen.resilience.restarts import RestartPolicy, Strategy
from dspy_meme_gen.resilience.supervision import Group, Plan, Supervision
from dspy_meme_gen.settings import Settings
from dspy_meme_gen.supervision_tree import flat_tree, pools_of, tree

TWICE = RestartPolicy(most=2, window_s=60.0)
NO_JITTER = BackoffPolicy(first_s=1.0, jitter=0.0)


def group(name, *children, strategy=Strategy.ONE_FOR_ONE, policy=TWICE):
    return Group(name, children, strategy, policy)


def deaths(tree, *failed, backoff=NO_JITTER):
    """What is done about these deaths, (actor, seconds) each."""
    supervision, plans = Supervision(tree, backoff), []
    for actor, now_s in failed:
        supervision, plan = supervision.failed(actor, now_s)
        plans.append(plan)
    return plans


def test_strategies_say_who_else_is_started_again():
    for strategy, actors in (
        (Strategy.ONE_FOR_ONE, ("b",)),
        (Strategy.ONE_FOR_ALL, ("a", "b", "c")),
        (Strategy.REST_FOR_ONE, ("b", "c")),
    ):
        assert deaths(group("g", "a", "b", "c", strategy=strategy), ("b", 0.0)) == [Plan(actors, 0.0)]


def test_the_first_restart_is_made_at_once_and_each_further_one_after_a_longer_pause():
    many = group("g", "a", policy=RestartPolicy(most=9, window_s=60.0))
    plans = deaths(many, *[("a", float(second)) for second in range(5)])
    assert [plan.delay_s for plan in plans] == [0.0, 1.0, 2.0, 4.0, 8.0]


def test_one_death_too_many_is_the_end_where_there_is_no_parent():
    assert deaths(group("g", "a"), ("a", 0.0), ("a", 1.0), ("a", 2.0))[-1] is None
    assert deaths(group("g", "a"), ("a", 0.0), ("a", 1.0), ("a", 60.0))[-1] is not None, "the window slides"


def test_a_group_that_failed_too_often_begins_anew_as_a_whole_and_with_a_clean_sheet():
    nested = group("root", group("left", "a", "b"), group("right", "c"))
    plans = deaths(nested, ("a", 0.0), ("b", 1.0), ("a", 2.0), ("b", 3.0), ("a", 4.0))
    assert [plan.actors for plan in plans] == [("a",), ("b",), ("a", "b"), ("b",), ("a",)]


def test_escalate_starts_nobody_itself():
    nested = group("root", group("left", "a", "b", strategy=Strategy.ESCALATE), "c", strategy=Strategy.ONE_FOR_ALL)
    assert deaths(nested, ("a", 0.0)) == [Plan(("a", "b", "c"), 0.0)]


def test_a_stranger_is_nobodys_child():
    assert deaths(group("g", "a"), ("x", 0.0)) == [None]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 30)), max_size=60))
def test_no_group_restarts_more_often_than_its_window_allows_before_its_parent_does(steps):
    nested = group("root", group("left", "a", "b"), "c")
    supervision, now_s, times = Supervision(nested, NO_JITTER), 0.0, []
    for actor, pause in steps:
        now_s += pause
        supervision, plan = supervision.failed(actor, now_s)
        if plan is None:
            recent = [at_s for at_s in supervision.restarts["root"].at_s if now_s - at_s < 60.0]
            assert len(recent) == 2
            return
        assert actor in plan.actors
        times.append(now_s)
        # Two in each window of left, two in each of root, and a clean sheet for left with each of these.
        assert len([at_s for at_s in times if now_s - at_s < 60.0]) <= 2 + 2 * 3


def test_the_pipelines_tree_has_every_actor_once_and_both_trees_have_the_same():
    settings = Settings(text_workers=3)
    actors = list(tree(settings).actors())
    assert len(actors) == len({*actors})
    assert list(flat_tree(settings).actors()) == actors
    assert {name for pool in pools_of(settings).values() for name in pool} < {*actors}
    assert actors[0] == "supervisor"
    assert actors[-1] == "router"
