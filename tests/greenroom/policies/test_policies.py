"""What holds for every policy, and what each is there for."""

from __future__ import annotations

import collections
import itertools
import math
import threading
import time

import pytest

import greenroom
from greenroom.policies import NAMES, policy_named
from greenroom.policies.delay_bounded import DelayBounded
from greenroom.policies.drawn import Drawn, from_bytes
from greenroom.policies.fifo import Fifo
from greenroom.policies.hold import Hold
from greenroom.policies.pct import Pct
from greenroom.policies.portfolio import Portfolio
from greenroom.policies.pos import Pos
from greenroom.policies.random_walk import RandomWalk
from greenroom.policies.surw import Surw
from tests.greenroom.racing import Log, Sender, order_of

RANDOM = ["portfolio", "random", "pct", "pct:2", "pct:5", "pos", "surw", "hold"]


def reversed_order():
    assert order_of(["a", "b", "c"]) != ("c", "b", "a")


def in_between():
    assert order_of(["ab", "c"]) != ("a", "c", "b")


@pytest.mark.parametrize("policy", RANDOM)
@pytest.mark.parametrize("bug", [reversed_order, in_between])
def test_every_policy_finds_a_planted_bug_from_every_seed(policy, bug):
    for seed in range(5):
        report = greenroom.explore(bug, policy=policy, seed=seed, executions=2000, shrink=False)
        assert report.failure is not None, (policy, seed)


@pytest.mark.parametrize("policy", RANDOM)
def test_every_policy_tries_the_same_for_the_same_seed(policy):
    def schedules():
        chosen, schedules = policy_named(policy, 7), []
        for number in range(20):
            chosen.begin(number)

            class Begun:
                def begin(self, execution):
                    pass

                choose = chosen.choose
                choose_value = chosen.choose_value

            schedules.append(str(greenroom.run(lambda: order_of(["ab", "c"]), Begun()).schedule))
        return schedules

    assert schedules() == schedules()


@pytest.mark.parametrize("policy", RANDOM)
def test_every_policy_makes_every_choice_of_value(policy, outcomes):
    assert outcomes(lambda: greenroom.choose(*range(6)), policy=policy, executions=200) == set(range(6))


@pytest.mark.parametrize("policy", ["fifo", *RANDOM])
def test_no_policy_lets_a_polling_task_starve_the_others(policy):
    def scenario():
        turns = [threading.Event() for _ in range(4)]

        def work(mine, following):
            while not mine.is_set():
                pass
            following.set()

        threads = [threading.Thread(target=work, args=pair) for pair in itertools.pairwise(turns)]
        for thread in threads:
            thread.start()
        turns[0].set()
        for thread in threads:
            thread.join()

    assert greenroom.explore(scenario, policy=policy, executions=150, max_steps=5000).ok


def test_the_random_walk_is_uniform():
    counts = collections.Counter()

    class Option:
        pass

    options = [Option() for _ in range(5)]
    walk = RandomWalk(1)
    for execution in range(200):
        walk.begin(execution)
        for _ in range(25):
            counts[walk.choose(options)] += 1
    expected = 200 * 25 / 5
    chi_square = sum((counts[index] - expected) ** 2 / expected for index in range(5))
    assert chi_square < 18.5  # 4 degrees of freedom, one in a thousand


def test_the_random_walk_takes_both_orders_of_two_senders_often():
    counts = collections.Counter()

    def scenario():
        counts[order_of(["a", "b"])] += 1

    greenroom.explore(scenario, policy="random", executions=600)
    assert min(counts.values()) > 60


def starved():
    """Fails where one actor is not served while another handles twenty messages."""
    log = Log.start()
    fast, slow = Sender.start(), Sender.start()
    fast.tell((log, ["f"] * 20))
    slow.tell((log, ["s"]))
    log.ask("flush")
    fast.stop()
    slow.stop()
    seen = log.ask("seen")
    log.stop()
    assert seen[:20] != ("f",) * 20 or "s" not in seen[20:]


def needle():
    """Fails in exactly one of 70 orders: strict alternation of two senders."""
    assert order_of(["aaaa", "bbbb"]) != ("a", "b") * 4


def test_pct_finds_a_starved_actor_that_the_random_walk_never_finds():
    for seed in range(5):
        assert not greenroom.explore(starved, policy="pct:2", seed=seed, executions=200, shrink=False).ok
        assert greenroom.explore(starved, policy="random", seed=seed, executions=500).ok
        assert not greenroom.explore(starved, seed=seed, executions=600, shrink=False).ok


def test_the_random_walk_finds_a_needle_that_pct_never_finds():
    for seed in range(3):
        assert not greenroom.explore(needle, policy="random", seed=seed, executions=2000, shrink=False).ok
        assert greenroom.explore(needle, policy="pct:2", seed=seed, executions=500).ok
        assert not greenroom.explore(needle, seed=seed, executions=4000, shrink=False).ok


def test_the_portfolio_begins_with_the_default_order_and_takes_each_policy_in_turn():
    portfolio = Portfolio(3)
    kinds = []
    for execution in range(29):
        portfolio.begin(execution)
        kinds.append(type(portfolio._now))
    assert kinds[0] is Hold  # whose first execution is the default order
    others = [kind for kind in kinds[1:] if kind is not Hold]
    assert set(others[:6]) == {Pos, Pct, RandomWalk}
    assert set(others[6:12]) == {Pos, Pct, Surw}
    assert others[:12] == others[12:24]
    assert {turn.depth for turn in portfolio._turns if isinstance(turn, Pct)} == {2, 3, 5}


def test_priorities_are_spread_over_long_executions_too():
    """A change point must be able to fall anywhere, also in programs far longer than the first guess."""

    def scenario():
        log = Log.start()
        senders = [Sender.start() for _ in range(2)]
        for sender in senders:
            sender.tell((log, ["x"] * 200))
        for sender in senders:
            sender.stop()
        log.stop()

    policy = Pct(1, depth=2)
    report = greenroom.explore(scenario, policy=policy, executions=3)
    assert policy._length.longest > 400
    assert policy._fair_from > 800
    assert report.ok


def test_fifo_is_the_empty_schedule():
    assert greenroom.run(lambda: order_of(["ab", "c"]), Fifo()).schedule == greenroom.Schedule()


def test_draws_end_and_then_the_default_order_follows():
    drawn = Drawn(lambda count: count - 1, most=2)
    assert [drawn.choose_value(3) for _ in range(4)] == [2, 2, 0, 0]
    few = from_bytes(bytes([5, 1]))
    assert [few.choose_value(3) for _ in range(4)] == [2, 1, 0, 0]


def test_a_name_gives_a_policy_and_a_policy_gives_itself():
    assert {type(policy_named(name, 0)) for name in NAMES} == {Portfolio, Fifo, RandomWalk, Pct, Pos, Surw, Hold, DelayBounded}
    assert policy_named("pct:7", 0).depth == 7
    assert greenroom.explore(lambda: greenroom.choose(1, 2, 3), policy=policy_named("delay:0", 0)).executions == 1
    mine = Fifo()
    assert policy_named(mine, 0) is mine


@pytest.mark.parametrize("name", ["", "PCT", "pct:", "pct:0", "pct:100", "portfolio ", "dfs", "delay:", "delay:-1"])
def test_a_bad_name_is_refused_with_the_good_ones(name):
    with pytest.raises(greenroom.UsageError, match="choose one of portfolio, fifo, random, pct, pos, surw, hold, delay"):
        policy_named(name, 0)


def test_every_order_of_three_senders_is_reached_by_every_policy(outcomes):
    for policy in RANDOM:
        assert len(outcomes(lambda: order_of(["a", "b", "c"]), policy=policy, executions=400)) == math.factorial(3)


def test_a_late_timer_does_not_disturb_the_count_of_decisions():
    def scenario():
        time.sleep(1)
        time.sleep(1)

    assert greenroom.run(scenario, RandomWalk(0)).decisions == 0
